"""The WSGI file of `statements`: paste it into that of the Web tab, /var/www/yours_pythonanywhere_com_wsgi.py.

uWSGI runs it once, then forks the workers of the account's plan, each of which handles one request at a time.
"""

import os

os.environ |= {
    "STATEMENTS_FRAMEWORK": "app.wsgi.falcon_app",
    "STATEMENTS_WAIT": "time.sleep",
    "STATEMENTS_LAYERS": "request_id health trace log",
    "STATEMENTS_MAX_BYTES": "1048576",
}

from app.bindings import bound

os.environ |= bound(os.environ)

from app.entry import application  # noqa: F401 - it reads the settings

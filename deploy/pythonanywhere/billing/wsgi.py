"""The WSGI file of `billing`: paste it into that of the Web tab, /var/www/yours_pythonanywhere_com_wsgi.py.

uWSGI runs it once, then forks the workers of the account's plan, each of which handles one request at a time.
"""

import os
import sys

sys.path.insert(0, "/home/yours/billing")  # yours: where the bundle was unpacked
os.environ |= {"STATEMENTS_URL": "https://yours-statements.pythonanywhere.com"}  # yours: the address of statements

from app.bindings import bound  # after the path and the settings

os.environ |= bound(os.environ)

from billing.wsgi import application  # noqa: F401 - it reads the settings

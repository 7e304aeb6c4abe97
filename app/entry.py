"""What servers point at: `app.entry:application`, over the core that the artifact was built for.

The server's environment says what it is made of; what is named by its dotted name is exactly that one, or an error.

STATEMENTS_FRAMEWORK  the module whose `make` makes the application, such as app.wsgi.falcon_app
STATEMENTS_WAIT       what `/wait` waits with: a function of seconds, such as time.sleep
                      what else that asks for, such as where its database is, is said in its own module
STATEMENTS_MAX_BYTES  the limit of a document's size; 64 MiB if it is not set
"""

import os
from functools import partial
from importlib import import_module
from pkgutil import resolve_name

from app.about import about, built_core
from app.http import DEFAULT_MAX_BYTES

_core = built_core()
_framework = os.environ["STATEMENTS_FRAMEWORK"]
_wait = os.environ["STATEMENTS_WAIT"]
application = import_module(_framework).make(
    _core,
    partial(about, _core, framework=_framework, waits=_wait),
    resolve_name(_wait),
    int(os.environ.get("STATEMENTS_MAX_BYTES", DEFAULT_MAX_BYTES)),
)

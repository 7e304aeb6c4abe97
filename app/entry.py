"""The application that servers import as `app.entry:application`, over the core that the artifact was built for.

The server's environment configures it. A dotted name that cannot be imported is an error.

STATEMENTS_FRAMEWORK  the module whose `make` makes the application, such as app.wsgi.falcon_app
STATEMENTS_WAIT       the function of seconds that `/wait` waits with, such as time.sleep
                      its module says which other variables it needs, such as the address of a database
STATEMENTS_MAX_BYTES  the largest document in bytes; the default is 64 MiB
STATEMENTS_LAYERS     the layers around the service, outermost first, such as "request_id identity"; the default is none
                      a layer's module says which other variables it needs

Variables of the platform tell which deployment this is: see app/deployment.py.
"""

import os
from functools import partial
from importlib import import_module
from pkgutil import resolve_name

from app.about import about, built_core, promised
from app.http import max_bytes_of
from app.layers import around, around_core, interface_of
from app.versions import running


def required(name: str) -> str:
    """A variable of the environment. Raises ValueError, which names it, if it is not set."""
    if not os.environ.get(name):
        raise ValueError(f"{name} is not set: see app/entry.py")
    return os.environ[name]


_core = built_core()
_framework, _wait = map(required, ("STATEMENTS_FRAMEWORK", "STATEMENTS_WAIT"))
_layers = os.environ.get("STATEMENTS_LAYERS", "").split()
_service = import_module(_framework).make(
    around_core(_core, _layers),
    {
        "/__version__": partial(about, _core, framework=_framework, waits=_wait, **running().told()),
        "/openapi.json": partial(promised, _layers),
    },
    resolve_name(_wait),
    max_bytes_of(os.environ),
)
application = around(_service, interface_of(_framework), _layers)

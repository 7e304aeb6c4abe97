"""What servers point at: `app.wsgi.entry:application`, over the core that the artifact was built for.

STATEMENTS_MAX_BYTES in the server's environment limits the size of a document; 64 MiB if it is not set.
"""

import os
from functools import partial

from app.about import about, built_core
from app.http import DEFAULT_MAX_BYTES
from app.wsgi.falcon_app import make

_core = built_core()
application = make(_core, partial(about, _core), int(os.environ.get("STATEMENTS_MAX_BYTES", DEFAULT_MAX_BYTES)))

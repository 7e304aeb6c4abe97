"""The module that servers import to measure an application: the application, and a record of the process.

LAB_APPLICATION  MODULE:NAME of the application
LAB_FACTORY      1 if it is a factory, which is called without arguments
LAB_PROVENANCE   the file to which the serving process writes the record
"""

import json
import os
import platform
import sys
from pathlib import Path
from pkgutil import resolve_name

application = resolve_name(os.environ["LAB_APPLICATION"])
if os.environ.get("LAB_FACTORY") == "1":
    application = application()

_facts = {
    "implementation": sys.implementation.name,
    "python": platform.python_version(),
    "executable": sys.executable,
    "prefix": sys.prefix,
    "application": os.environ["LAB_APPLICATION"],
    "module": sys.modules[os.environ["LAB_APPLICATION"].partition(":")[0]].__file__,
}
if hasattr(sys, "_jit"):
    _facts["jit"] = sys._jit.is_enabled()
if hasattr(sys, "_is_gil_enabled"):
    _facts["gil"] = sys._is_gil_enabled()
Path(os.environ["LAB_PROVENANCE"]).write_text(json.dumps(_facts))

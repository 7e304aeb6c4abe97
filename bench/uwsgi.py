"""How uWSGI is built: one binary with all its Python engines, and Python linked into it as into the interpreter.

Left to itself its build takes what headers the machine happens to have, and Python's shared library wherever there is
one. Debian compiles that library as position-independent code, which runs pure Python up to a tenth slower than
/usr/bin/python3: a comparison with servers that run in the latter would be unfair.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

# uv keeps what it has built under its settings and knows nothing of the environment: this is told as a setting.
RECIPE = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]

PROFILE = {
    "json": "false",
    "pcre": "false",
    "ssl": "false",
    "xml": "false",
    "yaml": "embedded",
}

# Runs in the prefix. `packages` is where greenlet's header lies, which the asyncio engine is compiled with.
ASK = """
import json, sysconfig
names = "LIBPL", "LIBRARY", "LIBS", "SYSLIBS", "MODLIBS"
print(json.dumps([sysconfig.get_path("platlib"), *(sysconfig.get_config_var(name) or "" for name in names)]))
"""


def building(python: Path) -> dict[str, str]:
    """The environment to build uWSGI in for the interpreter `python` of a prefix."""
    told = subprocess.check_output([python, "-c", ASK], text=True)
    packages, folder, library, *needed = json.loads(told)
    env = {
        "UWSGI_PROFILE_OVERRIDE": ";".join(f"{key}={value}" for key, value in PROFILE.items()),
        "UWSGI_EMBED_PLUGINS": "asyncio,greenlet",  # beside the usual ones, gevent among them
        "CFLAGS": f"-I{packages}",
    }
    static = Path(folder) / library
    if not (library.endswith(".a") and static.is_file()):
        return env
    whole = f"-Wl,--whole-archive {static} -Wl,--no-whole-archive"
    libraries = " ".join(dict.fromkeys(" ".join(needed).split()))
    return env | {
        "UWSGI_PYTHON_NOLIB": "1",  # it has none of its own to look for, then
        "CFLAGS": f"{env['CFLAGS']} -fno-pie",
        "LDFLAGS": f"-no-pie {whole} {libraries}",
    }

"""How uWSGI is built: one binary with all its Python engines, and Python linked into it as into the interpreter.

Left to itself its build takes what headers the machine happens to have, and Python's shared library wherever there is
one. Debian compiles that library as position-independent code, which runs pure Python up to a tenth slower than
/usr/bin/python3: a comparison with servers that run in the latter would be unfair.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

from bench.paths import INTERPRETERS
from bench.provision import system

# uv keeps what it has built under its settings and knows nothing of the environment: this is told as a setting.
RECIPE = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]

PROFILE = {
    "json": "false",
    "pcre": "false",
    "ssl": "false",
    "xml": "false",
    "yaml": "embedded",
}

# Runs in the prefix. `packages` is where greenlet's header lies, which the asyncio engine is compiled with. A Debian
# Python that is unpacked elsewhere still names the folder of its static library on a Debian.
ASK = """
import json, os, sys, sysconfig
var = lambda name: sysconfig.get_config_var(name) or ""
folders = [sys.base_prefix + var("LIBPL")[len("/usr"):], var("LIBPL")]
folder = next(filter(os.path.isdir, folders), "")
static = os.path.join(folder, var("LIBRARY"))
with open("/proc/self/maps") as maps:
    loaded = sorted({line.split()[-1] for line in maps if ".so" in line})
print(json.dumps(dict(
    packages=sysconfig.get_path("platlib"),
    static=static if static.endswith(".a") and os.path.isfile(static) else None,
    shared=any("/libpython" in path for path in loaded),
    libraries=" ".join(map(var, ("LIBS", "SYSLIBS", "MODLIBS"))).split(),
    loader=next((path for path in loaded if "/ld-linux" in path), None),
)))
"""


def building(python: Path) -> dict[str, str]:
    """The environment to build uWSGI in for the interpreter `python` of a prefix."""
    told = json.loads(subprocess.check_output([python, "-c", ASK], text=True))
    env = {
        "UWSGI_PROFILE_OVERRIDE": ";".join(f"{key}={value}" for key, value in PROFILE.items()),
        "UWSGI_EMBED_PLUGINS": "asyncio,greenlet",  # beside the usual ones, gevent among them
        "CFLAGS": f"-I{told['packages']}",
    }
    own = _own_system(told["loader"])
    whole = ["-Wl,--whole-archive", str(told["static"]), "-Wl,--no-whole-archive"]
    libraries = dict.fromkeys(word for word in told["libraries"] if word.startswith("-l"))
    static = ["-no-pie", *own, *whole, *libraries]
    if told["shared"] or not told["static"] or not _links(static):
        return env | {"LDFLAGS": " ".join(own)}
    return env | {
        "UWSGI_PYTHON_NOLIB": "1",  # it has none of its own to look for, then
        "CFLAGS": f"{env['CFLAGS']} -fno-pie",
        "LDFLAGS": " ".join(static),
    }


def _links(flags: list[str]) -> bool:
    """Whether a program links so: from 3.12 on Debian's static library lacks the objects of some of its modules."""
    return system.run(["gcc", "-o", os.devnull, "-Wl,--defsym=main=0", *flags]).returncode == 0


def _own_system(loader: str | None) -> list[str]:
    """How a program is linked with the C library beside `loader`; as ever where that is the machine's own.

    An interpreter unpacked with its C library asks more of it than an older machine's has.
    """
    if loader is None or not loader.startswith(str(INTERPRETERS)):
        return []
    folder = Path(loader).parent
    search = [f"-L{folder}", f"-Wl,--disable-new-dtags,-rpath,{folder}", f"-Wl,--dynamic-linker,{loader}"]
    # what its libraries want of each other is there once they are loaded, and not among the machine's
    return [*search, "-Wl,--allow-shlib-undefined", str(folder / "libc.so.6")]

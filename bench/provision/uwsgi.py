"""The build environment of uWSGI: one binary with all Python engines, and Python linked as in the interpreter itself.

By default uWSGI's build uses any headers that it finds, and Python's shared library if there is one. Debian compiles
that library as position-independent code, which runs pure Python up to 10 % slower than /usr/bin/python3. That would
be unfair to uWSGI in a comparison with servers that run in /usr/bin/python3.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

from bench.paths import INTERPRETERS
from bench.provision import system

# uv caches builds by configuration settings, not by environment. This hash is passed as a setting, so that a change of
# this file causes a new build.
RECIPE = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]

PROFILE = {
    "json": "false",
    "pcre": "false",
    "ssl": "false",
    "xml": "false",
    "yaml": "embedded",
}

# Runs in the prefix. `packages` contains greenlet's header, which the asyncio engine requires. A Debian Python in a
# prefix of its own still reports the folder of its static library as on an installed system.
PROBE = """
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


def build_environment(python: Path) -> dict[str, str]:
    """Return the environment variables that build uWSGI for the interpreter `python` of a prefix."""
    facts = json.loads(subprocess.check_output([python, "-c", PROBE], text=True))
    env = {
        "UWSGI_PROFILE_OVERRIDE": ";".join(f"{key}={value}" for key, value in PROFILE.items()),
        "UWSGI_EMBED_PLUGINS": "asyncio,greenlet",  # in addition to the default ones, which include gevent
        "CFLAGS": f"-I{facts['packages']}",
    }
    libc = _unpacked_libc(facts["loader"])
    archive = ["-Wl,--whole-archive", str(facts["static"]), "-Wl,--no-whole-archive"]
    libraries = dict.fromkeys(word for word in facts["libraries"] if word.startswith("-l"))
    static = ["-no-pie", *libc, *archive, *libraries]
    if facts["shared"] or not facts["static"] or not _links(static):
        return env | {"LDFLAGS": " ".join(libc)}
    return env | {
        "UWSGI_PYTHON_NOLIB": "1",  # do not search for a Python library: LDFLAGS contains it
        "CFLAGS": f"{env['CFLAGS']} -fno-pie",
        "LDFLAGS": " ".join(static),
    }


def _links(flags: list[str]) -> bool:
    """Return True if gcc links a program with `flags`.

    It fails for Debian's static library from Python 3.12 on, which lacks the objects of some modules.
    """
    return system.run(["gcc", "-o", os.devnull, "-Wl,--defsym=main=0", *flags]).returncode == 0


def _unpacked_libc(loader: str | None) -> list[str]:
    """Return the linker flags for the C library beside `loader`; none if `loader` is the machine's own.

    An interpreter that was unpacked with its C library may require a newer one than the machine has.
    """
    if loader is None or not loader.startswith(str(INTERPRETERS)):
        return []
    folder = Path(loader).parent
    search = [f"-L{folder}", f"-Wl,--disable-new-dtags,-rpath,{folder}", f"-Wl,--dynamic-linker,{loader}"]
    # Symbols that these libraries require of each other are found when they are loaded, not among the machine's.
    return [*search, "-Wl,--allow-shlib-undefined", str(folder / "libc.so.6")]

"""Find or install interpreters through their providers, and install packages for them from the lock file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from uv import find_uv_bin

from bench.errors import LabError, MissingError
from bench.model import (
    FromDebian,
    FromNpm,
    FromPath,
    FromPyenv,
    FromUv,
    Interpreter,
    Provider,
    Provisioned,
    Unavailable,
)
from bench.paths import INTERPRETERS, LAB, ROOT
from bench.provision import alike, debian, locks, system, uwsgi

MEASURED_LOCK = ROOT / "bench" / "locks" / "measured.txt"
UV_CACHE = LAB / "uv"

EPOCH = {"SOURCE_DATE_EPOCH": "1577836800"}  # a build must not depend on the time of day

# Runs in the interpreter under examination. CPython records its configure options. Debian records those of its shared
# library, which /usr/bin/python3 does not use, so pgo and lto are left out there. PyPy's JIT is a built-in module.
PROBE = """
import json, platform, sys, sysconfig
name, build = sys.implementation.name, {}
if name == "pypy":
    build["jit"] = "pypyjit" in sys.builtin_module_names
else:
    chosen = sysconfig.get_config_var("CONFIG_ARGS") or ""
    with open("/proc/self/maps") as maps:
        shared = "libpython" in maps.read()
    build["shared"] = shared
    if shared == ("--enable-shared" in chosen):
        build["pgo"], build["lto"] = "--enable-optimizations" in chosen, "--with-lto" in chosen
if hasattr(sys, "_jit"):
    build["jit"] = sys._jit.is_enabled()
if hasattr(sys, "_is_gil_enabled"):
    build["gil"] = sys._is_gil_enabled()
own = platform.python_version()
version = "%d.%d.%d (Python %s)" % (*sys.pypy_version_info[:3], own) if name == "pypy" else own
executable = getattr(sys, "_base_executable", None) or sys.executable
facts = dict(executable=executable, implementation=name, python=own, version=version, build=build, banner=sys.version)
print(json.dumps(facts))
"""


def provision(
    interpreter: Interpreter, bring: bool = True, *, like: Provisioned | None = None
) -> Provisioned | Unavailable:
    """Return the interpreter from its first provider that has it, or Unavailable with the reason of each provider.

    With `bring=False` nothing is installed: only interpreters that are already installed are found. With `like`, an
    interpreter that was built differently from that one is passed over.
    """
    unlike: list[str] = []
    reasons: list[str] = []
    for provider in interpreter.providers:
        try:
            candidates = executables(provider, bring)
        except LabError as error:
            reasons.append(f"{name(provider)}: {error}")
            continue
        refused = []
        for found in _fitting(interpreter, provider, candidates):
            why = alike.unlike(found, like) if like else None
            if why is None:
                return found
            refused.append(f"{name(provider)}: {found.version} was {why}")
        unlike += refused
        reasons += [] if refused else [f"{name(provider)}: not found"]
    reason = "; ".join([*dict.fromkeys(unlike), *reasons])
    return Unavailable(what=interpreter.name, reason=reason, remedy=remedy(interpreter))


def _fitting(interpreter: Interpreter, provider: Provider, candidates: list[str]) -> Iterator[Provisioned]:
    """Yield the records of the candidates that run and are what is declared."""
    for candidate in candidates:
        facts = probe(candidate, interpreter.env)
        if facts and fits(facts, interpreter):
            yield describe(interpreter.name, provider, facts)


def remedy(interpreter: Interpreter) -> str | None:
    """Return the command that installs the interpreter on any machine, or None if there is no such command."""
    requests = [provider.request for provider in interpreter.providers if isinstance(provider, FromUv)]
    return f".venv/bin/uv python install {requests[0]}" if requests else None


def executables(provider: Provider, bring: bool) -> list[str]:
    """Return the executables that `provider` offers, best first, after installing one if `bring` allows that.

    Raises LabError if the provider's tool fails or is missing.
    """
    match provider:
        case FromPath(names=names):
            return [path for each in names for path in on_path(each)]
        case FromPyenv(prefix=version):
            return pyenv(version)
        case FromUv(install=True) if not bring:
            return []
        case FromUv(request=request, install=may_install):
            return uv_python(request, may_install)
        case FromDebian():
            prefix = debian_prefix(provider)
            return [str(debian.unpack(provider, prefix))] if bring or debian.is_unpacked(provider, prefix) else []


def debian_prefix(source: FromDebian) -> Path:
    """Return the prefix for the packages of `source`. Interpreters that differ only in environment share a prefix."""
    return INTERPRETERS / "-".join([*source.suites, Path(source.executable).name])


def on_path(name: str) -> list[str]:
    """Return every executable called `name` on PATH, in PATH order, including shadowed ones.

    An absolute `name` is the path of the executable itself.
    """
    if Path(name).is_absolute():
        return [name] if os.access(name, os.X_OK) else []
    found = (shutil.which(name, path=folder) for folder in os.get_exec_path())
    return [path for path in found if path]


def pyenv(prefix: str) -> list[str]:
    """Return the executables of the installed pyenv versions whose names start with `prefix`, newest first."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = (root / "versions").glob(f"{prefix}*/bin/python")
    newest = sorted(found, key=lambda path: [int(n) for n in path.parts[-3].split(".") if n.isdigit()], reverse=True)
    return [str(path) for path in newest]


def uv_python(request: str, install: bool) -> list[str]:
    """Return the executable that uv finds for `request`, as a list of one or none. With `install` uv installs it first.

    Raises MissingError with uv's error message if the installation fails.
    """
    if install:
        done = uv("python", "install", "--no-bin", request)
        if done.returncode != 0:
            causes = system.error_message(done).split("; ")  # those between the first and the last are only addresses
            raise MissingError(f"`uv python install` failed: {'; '.join(dict.fromkeys([causes[0], causes[-1]]))}")
    done = uv("python", "find", "--no-project", "--system", "--no-python-downloads", request)
    return done.stdout.split("\n")[:1] if done.returncode == 0 else []


def probe(executable: str, env: dict[str, str]) -> dict[str, Any] | None:
    """Return what PROBE prints in the interpreter at `executable` with `env`, or None if the interpreter fails."""
    try:
        facts: dict[str, Any] = json.loads(system.run([executable, "-s", "-c", PROBE], env).stdout)
    except (OSError, json.JSONDecodeError):
        return None
    return facts


def fits(facts: dict[str, Any], interpreter: Interpreter) -> bool:
    """Return True if the implementation, version and provenance in `facts` are those declared for `interpreter`.

    The declared version may be a prefix: 3.11 fits 3.11.2.
    """
    same_implementation = facts["implementation"] == interpreter.implementation
    same_provenance = all(facts["build"].get(fact) == value for fact, value in interpreter.provenance.items())
    same_version = f"{facts['python']}.".startswith(f"{interpreter.version}.")
    return same_implementation and same_provenance and same_version


def describe(interpreter: str, provider: Provider, facts: dict[str, Any]) -> Provisioned:
    """Return the record of an installed interpreter. Its fingerprint depends on the executable and on its build."""
    executable = Path(facts["executable"])
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode() + executable.read_bytes())
    if isinstance(provider, FromDebian):
        digest.update(json.dumps(debian.packages(debian_prefix(provider)), sort_keys=True).encode())
    return Provisioned(
        name=interpreter,
        executable=str(executable),
        implementation=facts["implementation"],
        version=facts["version"],
        provider=name(provider),
        build=(provider.built if isinstance(provider, FromPath | FromDebian) else {}) | facts["build"],
        fingerprint=digest.hexdigest(),
    )


def name(provider: Provider | FromNpm) -> str:
    """Return the kind of a provider as its TOML file spells it: path, pyenv, uv, debian or npm."""
    return type(provider).__name__.removeprefix("From").lower()


def install(
    python: Path,
    names: Sequence[str],
    target: Path | None = None,
    wheel: Path | None = None,
    lock: Path = MEASURED_LOCK,
) -> None:
    """Install the packages `names` from measured.txt with their dependencies, then `wheel`.

    They go into the environment of `python`, or into the folder `target`. Every download, including build tools, is
    checked against its hash in the lock file. Each interpreter has its own cache of built wheels, because uWSGI is
    linked to the Python that built it. Another `lock` holds the pins of an application, without hashes. Raises
    MissingError with uv's error message.
    """
    locks.entries(MEASURED_LOCK, names)
    facts = probe(str(python), {})
    if facts is None:
        raise LabError(f"{python} does not run")
    cache = UV_CACHE / hashlib.sha256(f"{facts['executable']} {facts['banner']}".encode()).hexdigest()[:12]
    destination = ["--python", str(python), *(["--target", str(target)] if target else [])]
    pip = ["pip", "install", "--no-config", "--cache-dir", str(cache), *destination]
    if names:
        env = EPOCH
        if "uwsgi" in names:
            env = env | uwsgi.build_environment(python)
            pip += ["--config-settings-package", f"uwsgi:recipe={uwsgi.RECIPE}"]
        own = ["--verify-hashes", "--overrides", str(locks.OVERRIDES)] if lock == MEASURED_LOCK else []
        pinned = [*own, "--constraints", str(lock), "--build-constraints", str(MEASURED_LOCK)]
        pinned += ["--only-binary", "granian"]  # its source requires Rust
        # Try the cache alone first: with some registries uv would rebuild everything that it has cached.
        if uv(*pip, "--offline", *pinned, *names, env=env).returncode != 0:
            require_success(uv(*pip, *pinned, *names, env=env))
    if wheel:
        require_success(uv(*pip, "--no-deps", "--reinstall", str(wheel)))


def uv(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run uv and return its status and output."""
    return system.run([find_uv_bin(), *words], env)


def require_success(done: subprocess.CompletedProcess[str]) -> None:
    """Raise MissingError with the error message of a uv command that failed."""
    if done.returncode != 0:
        raise MissingError(f"`uv {' '.join(done.args[1:3])}` failed: {system.error_message(done)}")

"""interpreter → the executable that is here, found or brought by the first of its providers that can; and `install`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
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
from bench.provision import debian, locks, system, uwsgi

MEASURED_LOCK = ROOT / "bench" / "locks" / "measured.txt"
UV_CACHE = LAB / "uv"

EPOCH = {"SOURCE_DATE_EPOCH": "1577836800"}  # what is built must not depend on the hour

# Runs in the interpreter that is asked about. CPython keeps how it was configured; but Debian's keeps how its shared
# library was, which /usr/bin/python3 does not use: of that one nothing is claimed. PyPy's JIT is a built-in module.
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


def provision(interpreter: Interpreter, bring: bool = True) -> Provisioned | Unavailable:
    """The interpreter as it is here, from the first of its providers that has it; else a lack with all their reasons.

    Without `bring` only what is here already counts, and nothing is installed.
    """
    reasons = []
    for provider in interpreter.providers:
        try:
            candidates = look(provider, bring)
        except LabError as error:
            reasons.append(f"{name(provider)}: {error}")
            continue
        for candidate in candidates:
            facts = probe(candidate, interpreter.env)
            if facts and fits(facts, interpreter):
                return provisioned(interpreter.name, provider, facts)
        reasons.append(f"{name(provider)}: none")
    return Unavailable(what=interpreter.name, reason="; ".join(reasons), remedy=remedy(interpreter))


def remedy(interpreter: Interpreter) -> str | None:
    """The command that brings the interpreter on a machine of any kind, if one does."""
    requests = [provider.request for provider in interpreter.providers if isinstance(provider, FromUv)]
    return f".venv/bin/uv python install {requests[0]}" if requests else None


def look(provider: Provider, bring: bool) -> list[str]:
    """Executables that `provider` has, best first; may install one if `bring`.

    Raises LabError if its tool fails or is missing.
    """
    match provider:
        case FromPath(names=names):
            return [path for each in names for path in on_path(each)]
        case FromPyenv(prefix=version):
            return pyenv(version)
        case FromUv(install=True) if not bring:
            return []
        case FromUv(request=request, install=wanted):
            return uv_python(request, wanted)
        case FromDebian():
            prefix = unpacked(provider)
            return [str(debian.unpack(provider, prefix))] if bring or debian.is_unpacked(provider, prefix) else []


def unpacked(source: FromDebian) -> Path:
    """Where its packages are unpacked: interpreters that differ in their environment alone share the place."""
    return INTERPRETERS / "-".join([*source.suites, Path(source.executable).name])


def on_path(name: str) -> list[str]:
    """Every executable of that name on PATH, in its order, shadowed ones too; an absolute name stands for itself."""
    if Path(name).is_absolute():
        return [name] if os.access(name, os.X_OK) else []
    found = (shutil.which(name, path=folder) for folder in os.get_exec_path())
    return [path for path in found if path]


def pyenv(prefix: str) -> list[str]:
    """The executables of the versions that pyenv has installed and whose name begins with `prefix`, newest first."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = (root / "versions").glob(f"{prefix}*/bin/python")
    newest = sorted(found, key=lambda path: [int(n) for n in path.parts[-3].split(".") if n.isdigit()], reverse=True)
    return [str(path) for path in newest]


def uv_python(request: str, wanted: bool) -> list[str]:
    """The executable that uv finds for `request`, which it installs first if `wanted`; none if it knows of none."""
    if wanted:
        done = uv("python", "install", "--no-bin", request)
        if done.returncode != 0:
            words = system.complaint(done).split("; ")  # between the first and the last stand addresses alone
            raise MissingError(f"`uv python install` failed: {'; '.join(dict.fromkeys([words[0], words[-1]]))}")
    done = uv("python", "find", "--no-project", "--system", "--no-python-downloads", request)
    return done.stdout.split("\n")[:1] if done.returncode == 0 else []


def probe(executable: str, env: dict[str, str]) -> dict[str, Any] | None:
    """What the interpreter at `executable` says of itself when started with `env`; None if it does not run."""
    try:
        facts: dict[str, Any] = json.loads(system.run([executable, "-s", "-c", PROBE], env).stdout)
    except (OSError, json.JSONDecodeError):
        return None
    return facts


def fits(facts: dict[str, Any], interpreter: Interpreter) -> bool:
    """Whether what runs is what is declared: the implementation, the version to the precision given, the provenance."""
    same = facts["implementation"] == interpreter.implementation
    says = all(facts["build"].get(fact) == value for fact, value in interpreter.provenance.items())
    return same and says and f"{facts['python']}.".startswith(f"{interpreter.version}.")


def provisioned(interpreter: str, provider: Provider, facts: dict[str, Any]) -> Provisioned:
    """The record of an interpreter that is here; its fingerprint changes with the executable or how it was built."""
    executable = Path(facts["executable"])
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode() + executable.read_bytes())
    if isinstance(provider, FromDebian):
        digest.update(json.dumps(debian.packages(unpacked(provider)), sort_keys=True).encode())
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
    """The kind of a provider, as its TOML names it."""
    return type(provider).__name__.removeprefix("From").lower()


def install(
    python: Path,
    names: Sequence[str],
    target: Path | None = None,
    wheel: Path | None = None,
    lock: Path = MEASURED_LOCK,
) -> None:
    """Install the packages `names` of the measured lock, with what they need, and a wheel of the lab's own making.

    Another `lock` holds an application's pins beside the lab's, without hashes.

    They go to the environment of `python`, or for it into the folder `target`. Every download is checked against its
    hash in the lock, and so are the tools that build a source distribution. What is built is kept for each interpreter
    on its own: a uWSGI is linked to the very Python that it was built with. Raises MissingError with uv's complaint.
    """
    locks.entries(MEASURED_LOCK, names)
    home = probe(str(python), {})
    if home is None:
        raise LabError(f"{python} does not run")
    cache = UV_CACHE / hashlib.sha256(f"{home['executable']} {home['banner']}".encode()).hexdigest()[:12]
    place = ["--python", str(python), *(["--target", str(target)] if target else [])]
    pip = ["pip", "install", "--no-config", "--cache-dir", str(cache), *place]
    if names:
        env = EPOCH
        if "uwsgi" in names:
            env = env | uwsgi.building(python)
            pip += ["--config-settings-package", f"uwsgi:recipe={uwsgi.RECIPE}"]
        own = ["--verify-hashes", "--overrides", str(locks.OVERRIDES)] if lock == MEASURED_LOCK else []
        pinned = [*own, "--constraints", str(lock), "--build-constraints", str(MEASURED_LOCK)]
        pinned += ["--only-binary", "granian"]  # it would want a Rust
        # first from the cache alone: some registries answer in a way that would have uv build everything again
        if uv(*pip, "--offline", *pinned, *names, env=env).returncode != 0:
            must(uv(*pip, *pinned, *names, env=env))
    if wheel:
        must(uv(*pip, "--no-deps", "--reinstall", str(wheel)))


def uv(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run uv and keep what it says."""
    return system.run([find_uv_bin(), *words], env)


def must(done: subprocess.CompletedProcess[str]) -> None:
    """Raise MissingError with the complaint of a command that failed."""
    if done.returncode != 0:
        raise MissingError(f"`uv {' '.join(done.args[1:3])}` failed: {system.complaint(done)}")

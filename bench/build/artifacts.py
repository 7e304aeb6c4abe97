"""variant → artifact: the steps of its TOML in a fresh stage, a wheel, and a prefix of its own to measure in."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import time
import tomllib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench import catalog
from bench.catalog import pairing
from bench.errors import LabError, MissingError
from bench.host import machine
from bench.model import Argv, Artifact, Hole, Implementation, Provisioned, Server, Stack, Variant
from bench.paths import ARTIFACTS, LAB, PREFIXES, ROOT, TOOLS
from bench.provision import system, uwsgi
from bench.provision.interpreters import MEASURED_LOCK, install

VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
BUILDERS = LAB / "builders"
SOURCE_SUFFIXES = frozenset({".py", ".pyx", ".pxd", ".pxi", ".h"})
EPOCH = "1577836800"  # a fixed date in every wheel, so that equal sources make equal bytes
STEP_SECONDS = 600


def build(
    variant: Variant, interpreter: Provisioned, servers: Collection[str] | None = None, force: bool = False
) -> Artifact:
    """Build `variant` with `interpreter`, or return the artifact that is here already for unchanged inputs.

    Its prefix holds the frameworks and, by label, `servers` and those that it held before, or all that fit; nothing
    of either where none is asked for. A server that could not be had is tried again by `force`, or once a part of the
    system is here that it waited for.
    Raises LabError with the failing command and the place of its log, and MissingError for what cannot be had here.
    """
    fingerprint = fingerprint_of(variant, interpreter)
    fitting = [server.label for server in _servers(interpreter.implementation)]
    wanted = {label for label in fitting if servers is None or label in servers}
    built = artifact(variant.name)
    if built and built.fingerprint == fingerprint:
        if wanted <= set(built.servers) and not (wanted and _regained(built)) and not force:
            return built
        wanted |= set(built.servers)
    system.require(variant.needs)
    folder, prefix = ARTIFACTS / variant.name, PREFIXES / variant.name
    for stale in (folder, prefix, BUILDERS / variant.name):
        shutil.rmtree(stale, ignore_errors=True)
    folder.mkdir(parents=True)
    log = folder / "build.log"
    builder = _venv(BUILDERS / variant.name, interpreter, log)
    install(builder, ["wheel", *variant.build_requirements])
    began = time.perf_counter()
    wheel = _wheel(variant, builder, folder, log)
    seconds = time.perf_counter() - began
    inside = _venv(prefix, interpreter, log)
    lacks = _add_servers(inside, interpreter.implementation, wanted) if wanted else {}
    _fill(prefix, variant, wheel, log)
    seconds += _warm(prefix, variant, log)
    if counted_path(variant):  # what a counter would have to wait for; no part of the artifact
        _warm(prefix, variant, log, counted_path(variant))
    _tools(inside, interpreter)
    made = Artifact(
        variant=variant.name,
        fingerprint=fingerprint,
        wheel=wheel.name,
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        wheel_bytes=wheel.stat().st_size,
        build_seconds=seconds,
        interpreter=interpreter,
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        lacks=lacks,
        waits_for=_missing_parts(interpreter.implementation) if lacks else (),
        servers=tuple(label for label in fitting if label in wanted),
    )
    (folder / "artifact.json").write_bytes(msgspec.json.encode(made))
    return made


def rebuild(variant: Variant, interpreter: Provisioned, folder: Path, prefix: Path) -> None:
    """Build `variant` once more from the same source: its wheel into `folder`, it alone into `prefix`.

    Its builder is the one that it was built with. Raises LabError with the failing command and the place of its log.
    """
    folder.mkdir(parents=True)
    log = folder / "build.log"
    wheel = _wheel(variant, BUILDERS / variant.name / "bin" / "python", folder, log)
    _venv(prefix, interpreter, log)
    _fill(prefix, variant, wheel, log)
    _warm(prefix, variant, log)


def artifact(name: str) -> Artifact | None:
    """The artifact built last for the variant `name`, if there is one."""
    path = ARTIFACTS / name / "artifact.json"
    return msgspec.json.decode(path.read_bytes(), type=Artifact) if path.is_file() else None


def artifacts() -> list[Artifact]:
    """All that is built here."""
    return [made for path in sorted(ARTIFACTS.glob("*/artifact.json")) if (made := artifact(path.parent.name))]


def require(name: str) -> Artifact:
    """The artifact of `name`, or a LabError with the command that builds it."""
    built = artifact(name)
    if built is None:
        raise LabError(f"variant {name!r} is not built: run `python -m bench build {name}`")
    return built


def require_server(stack: Stack) -> None:
    """Raises LabError where the prefix of a stack's variant holds no such server, with the reason or the command."""
    built = require(stack.variant)
    if stack.label in built.lacks:
        raise LabError(f"{stack}: {built.lacks[stack.label].reason}")
    if stack.label not in built.servers and pairing.impossible(stack) is None:
        raise LabError(f"{stack.variant} was built without {stack.label}: run `python -m bench build {stack.variant}`")


def distribution(variant: Variant) -> str:
    """The name of the variant's wheel, as package names are normalised."""
    return "statements-" + re.sub(r"[^a-z0-9]+", "-", variant.name)


def python(name: str) -> Path:
    """The interpreter inside the prefix of variant `name`."""
    return PREFIXES / name / "bin" / "python"


def base(name: str) -> Path:
    """The prefix that the interpreter of variant `name` itself was installed into."""
    return Path(require(name).interpreter.executable).resolve().parent.parent


def provenance(name: str) -> dict[str, bool | str]:
    """Where the interpreter of a built variant is from, and how it was built, as facts to keep with its figures."""
    interpreter = require(name).interpreter
    return {"provider": interpreter.provider, **interpreter.build}


def environment(variant: Variant) -> dict[str, str]:
    """The whole environment of a process of `variant`: nothing of the caller's passes."""
    interpreter = catalog.interpreters()[variant.interpreter]
    prefix = str(PREFIXES / variant.name)
    own = {key: value.replace("{prefix}", prefix) for key, value in (interpreter.env | variant.env).items()}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": prefix, **own}


def forced(variant: Variant, path: str | None) -> dict[str, str]:
    """What is added to the environment so that the core takes `path`; nothing without one."""
    if path is None:
        return {}
    if variant.path is None:
        raise LabError(f"variant {variant.name!r} declares no variable that forces its path")
    return {variant.path.variable: path}


def counted_path(variant: Variant) -> dict[str, str]:
    """What is added to the environment where instructions are counted."""
    return forced(variant, variant.path.counted if variant.path else None)


def fingerprint_of(variant: Variant, interpreter: Provisioned) -> str:
    """Hash of all that goes into the artifact and its prefix."""
    digest = hashlib.sha256(msgspec.json.encode(variant, order="sorted"))
    digest.update(interpreter.fingerprint.encode() + MEASURED_LOCK.read_bytes())
    for maker in (__file__, uwsgi.__file__):
        digest.update(Path(maker).read_bytes())
    digest.update(msgspec.json.encode([list(catalog.frameworks().values()), _servers(interpreter.implementation)]))
    for place, path in _sources(variant):
        digest.update(f"{place}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _sources(variant: Variant) -> Iterator[tuple[str, Path]]:
    """(place in the stage, file) of `app` and of the variant's own source, in a stable order."""
    for origin, place in {"app": "app", **variant.source}.items():
        path = ROOT / origin
        if path.is_file():
            yield place, path
            continue
        if not path.is_dir():
            raise LabError(f"{variant.name}.toml: source {origin!r} is not in the checkout")
        for file in sorted(path.rglob("*")):
            if file.suffix in SOURCE_SUFFIXES and file.is_file():
                yield f"{place}/{file.relative_to(path)}", file


def _wheel(variant: Variant, builder: Path, folder: Path, log: Path) -> Path:
    """Stage the source, run the variant's steps, drop what they leave over, and pack the rest as a wheel."""
    stage = folder / "stage"
    for place, file in _sources(variant):
        (stage / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, stage / place)
    run_all(variant.steps, {"python": str(builder)}, stage, log)
    for pattern in variant.remove:
        for left in stage.glob(pattern):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    (stage / "app" / "built.json").write_text(json.dumps(_built(variant), indent=1) + "\n")
    _describe(variant, builder, stage)
    _run([str(builder), "-m", "wheel", "pack", "--dest-dir", str(folder), str(stage)], folder, log)
    shutil.rmtree(stage)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _built(variant: Variant) -> dict[str, str | None]:
    """What the artifact knows of itself, served at `/__version__`."""
    codec = variant.codec
    return {
        "version": VERSION,
        "commit": machine.commit(),
        "variant": variant.name,
        "core": variant.core,
        "loads": codec.loads if codec else None,
        "dumps": codec.dumps if codec else None,
        "compiler": variant.compiler,
    }


def _describe(variant: Variant, builder: Path, stage: Path) -> None:
    """Write the `.dist-info` that makes the stage a wheel (binary distribution format, PyPA specifications)."""
    native = any(stage.rglob("*.so"))
    ask = "from packaging.tags import sys_tags as t; print(next(x for x in t() if x.platform.startswith('linux_')))"
    tag = subprocess.check_output([builder, "-c", ask], text=True).strip() if native else "py3-none-any"
    name = distribution(variant)
    info = stage / f"{name.replace('-', '_')}-{VERSION}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {VERSION}\n")
    pure = str(not native).lower()
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: {pure}\nTag: {tag}\n")


def _fill(prefix: Path, variant: Variant, wheel: Path, log: Path) -> None:
    """Install into the prefix that is measured what the variant needs, and its wheel."""
    inside = prefix / "bin" / "python"
    install(inside, variant.requirements)
    install(inside, [], wheel=wheel)
    # Nothing is compiled at its first import: a start-up that is measured is not the one that writes bytecode.
    _run([str(inside), "-m", "compileall", "-q", str(prefix / "lib")], prefix, log)


def _add_servers(inside: Path, implementation: Implementation, wanted: Collection[str]) -> dict[str, Hole]:
    """Install the frameworks, and the servers that are wanted; what of these cannot be had here, by label."""
    install(inside, sorted({name for framework in catalog.frameworks().values() for name in framework.requirements}))
    lacks = {}
    for server in (server for server in _servers(implementation) if server.label in wanted):
        try:
            system.require(server.needs)
            install(inside, server.build_requirements)
            install(inside, server.requirements)
        except MissingError as missing:
            fill = missing.fill or "python -m bench build --force"
            lacks[server.label] = Hole(what=server.label, reason=str(missing), fill=fill)
    return lacks


def _missing_parts(implementation: Implementation) -> tuple[str, ...]:
    """The parts of the system that a server needs and that are not here."""
    needed = {name for server in _servers(implementation) for name in server.needs}
    return tuple(part.name for part in system.parts() if part.name in needed and part.missing)


def _regained(built: Artifact) -> bool:
    """Whether a part is here by now that a server lacked when this was built."""
    return not set(built.waits_for) <= set(_missing_parts(built.interpreter.implementation))


def _warm(prefix: Path, variant: Variant, log: Path, path: dict[str, str] | None = None) -> float:
    """Run what the variant wants run once in its prefix, such as a compiling that is cached; the seconds it took."""
    places = {"python": str(prefix / "bin" / "python"), "prefix": str(prefix)}
    began = time.perf_counter()
    run_all(variant.after_install, places, prefix, log, environment(variant) | (path or {}))
    return time.perf_counter() - began


def _tools(inside: Path, interpreter: Provisioned) -> None:
    """Put the instruments beside the measured closure, one folder an interpreter: they are in no figure of size."""
    folder = TOOLS / interpreter.name
    stamp = folder / "made-for.txt"
    made_for = interpreter.fingerprint + hashlib.sha256(MEASURED_LOCK.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == made_for:
        return
    shutil.rmtree(folder, ignore_errors=True)
    install(inside, ["pyperf", "ddt", "testtools"], target=folder)
    stamp.write_text(made_for)


def _servers(implementation: Implementation) -> list[Server]:
    """The servers that run on that implementation."""
    declared = catalog.servers().values()
    return [
        each for each in declared if implementation in each.implementations and implementation not in each.impossible
    ]


def _venv(folder: Path, interpreter: Provisioned, log: Path) -> Path:
    _run([interpreter.executable, "-m", "venv", "--without-pip", str(folder)], log.parent, log)
    return folder / "bin" / "python"


def run_all(
    steps: tuple[Argv, ...], places: Mapping[str, str], folder: Path, log: Path, env: dict[str, str] | None = None
) -> None:
    """Run the steps of a build in `folder`, the names in braces replaced. Raises LabError at the first that fails."""
    for step in steps:
        _run([part.format_map(places) for part in step], folder, log, env)


def _run(argv: list[str], folder: Path, log: Path, env: dict[str, str] | None = None) -> None:
    """Run one command of the build, its output kept in `log`. Raises LabError if it fails."""
    told, see = f"`{' '.join(argv)}`", f"see {log.relative_to(ROOT)}"
    with log.open("ab") as output:
        output.write(f"$ {' '.join(argv)}\n".encode())
        output.flush()
        env = env or {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "SOURCE_DATE_EPOCH": EPOCH}
        try:
            done = subprocess.run(
                argv,
                check=False,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                timeout=STEP_SECONDS,
            )
        except OSError as error:
            raise LabError(f"{told} could not be started ({error.strerror}); {see}") from error
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{told} was not over after {STEP_SECONDS} s; {see}") from error
    if done.returncode:
        raise LabError(f"{told} failed with status {done.returncode}{_last_line(log)}; {see}")


def _last_line(log: Path) -> str:
    """What the command that was run last said at its end, after a colon; nothing if it said nothing."""
    last = log.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")[2].strip()
    return "" if last.startswith("$ ") else f": {last}"

"""variant → artifact: its wheel in a prefix of its own to measure in, with frameworks and servers beside it."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.build import applications, commands, wheels
from bench.catalog import pairing
from bench.errors import LabError, MissingError
from bench.model import Artifact, Catalog, Implementation, Provisioned, Server, Stack, Unavailable, Variant
from bench.paths import ARTIFACTS, LAB, PREFIXES, TOOLS
from bench.provision import stamp, system, uwsgi
from bench.provision.interpreters import MEASURED_LOCK, install, must, uv

BUILDERS = LAB / "builders"


def build(
    catalog: Catalog,
    variant: Variant,
    interpreter: Provisioned,
    servers: Collection[str] | None = None,
    force: bool = False,
) -> Artifact:
    """Build `variant` with `interpreter`, or return the artifact that is here already for unchanged inputs.

    Its prefix holds the frameworks and, by label, `servers` and those that it held before, or all that fit; nothing
    of either where none is asked for. A server that could not be had is tried again by `force`, or once a part of the
    system is here that it waited for.
    Raises LabError with the failing command and the place of its log, and MissingError for what cannot be had here.
    """
    fingerprint = fingerprint_of(catalog, variant, interpreter)
    fitting = [server.label for server in _servers(catalog, interpreter.implementation)]
    wanted = {label for label in fitting if servers is None or label in servers}
    built = artifact(variant.name)
    if built and built.fingerprint == fingerprint:
        if wanted <= set(built.servers) and not (wanted and _regained(catalog, built)) and not force:
            return built
        wanted |= set(built.servers)
    system.require(variant.needs)
    folder, prefix = ARTIFACTS / variant.name, PREFIXES / variant.name
    for stale in (folder, prefix, BUILDERS / variant.name):
        shutil.rmtree(stale, ignore_errors=True)
    folder.mkdir(parents=True)
    log = folder / "build.log"
    began = time.perf_counter()
    if variant.application:
        what, lacks = _install_application(catalog, variant, interpreter, wanted, log)
        seconds = time.perf_counter() - began
    else:
        what, lacks, seconds = _install_wheel(catalog, variant, interpreter, wanted, log)
    made = Artifact(
        variant=variant.name,
        fingerprint=fingerprint,
        wheel=what.name,
        wheel_sha256=hashlib.sha256(what.read_bytes()).hexdigest(),
        wheel_bytes=what.stat().st_size,
        build_seconds=seconds,
        interpreter=interpreter,
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        lacks=lacks,
        waits_for=_missing_parts(catalog, interpreter.implementation) if lacks else (),
        servers=tuple(label for label in fitting if label in wanted),
    )
    stamp.record(folder / "artifact.json", made)
    return made


def _install_wheel(
    catalog: Catalog, variant: Variant, interpreter: Provisioned, wanted: Collection[str], log: Path
) -> tuple[Path, dict[str, Unavailable], float]:
    """Build the variant's wheel, install it with its servers: the wheel, what is unavailable, seconds of building."""
    prefix = PREFIXES / variant.name
    builder = _venv(BUILDERS / variant.name, interpreter, log)
    install(builder, ["wheel", *variant.build_requirements])
    began = time.perf_counter()
    wheel = wheels.make(variant, builder, log.parent, log)
    seconds = time.perf_counter() - began
    inside = _venv(prefix, interpreter, log)
    lacks = _add_servers(catalog, inside, interpreter.implementation, wanted) if wanted else {}
    _fill(prefix, variant, wheel, log)
    seconds += _warm(catalog, prefix, variant, log)
    if counted_path(variant):  # what a counter would have to wait for; no part of the artifact
        _warm(catalog, prefix, variant, log, counted_path(variant))
    _tools(inside, interpreter)
    return wheel, lacks, seconds


def _install_application(
    catalog: Catalog, variant: Variant, interpreter: Provisioned, wanted: Collection[str], log: Path
) -> tuple[Path, dict[str, Unavailable]]:
    """Install what an application requires, then its servers by pins that agree with it: its pins, what is unavailable.

    The application itself is in no prefix: each server gets a fresh copy of its source.
    """
    if variant.application is None:
        raise ValueError(f"{variant.name} is no application")
    pins, prefix = applications.locked(variant.application, interpreter), PREFIXES / variant.name
    inside = _venv(prefix, interpreter, log)
    must(uv("pip", "install", "--no-config", "--python", str(inside), "--requirements", str(pins)))
    lock = applications.all_pins(pins)
    lacks = _add_servers(catalog, inside, interpreter.implementation, wanted, lock) if wanted else {}
    commands.run([str(inside), "-m", "compileall", "-q", str(prefix / "lib")], prefix, log)
    return pins, lacks


def rebuild(catalog: Catalog, variant: Variant, interpreter: Provisioned, folder: Path, prefix: Path) -> None:
    """Build `variant` once more from the same source: its wheel into `folder`, it alone into `prefix`.

    Its builder is the one that it was built with. Raises LabError with the failing command and the place of its log.
    """
    folder.mkdir(parents=True)
    log = folder / "build.log"
    wheel = wheels.make(variant, BUILDERS / variant.name / "bin" / "python", folder, log)
    _venv(prefix, interpreter, log)
    _fill(prefix, variant, wheel, log)
    _warm(catalog, prefix, variant, log)


def artifact(name: str) -> Artifact | None:
    """The artifact built last for the variant `name`, if there is one."""
    return stamp.recorded(ARTIFACTS / name / "artifact.json", Artifact)


def artifacts() -> list[Artifact]:
    """All that is built here."""
    return [made for path in sorted(ARTIFACTS.glob("*/artifact.json")) if (made := artifact(path.parent.name))]


def require(name: str) -> Artifact:
    """The artifact of `name`, or a LabError with the command that builds it."""
    built = artifact(name)
    if built is None:
        raise LabError(f"variant {name!r} is not built: run `python -m bench build {name}`")
    return built


def require_server(catalog: Catalog, stack: Stack) -> None:
    """Raises LabError where the prefix of a stack's variant holds no such server, with the reason or the command."""
    built = require(stack.variant)
    if stack.label in built.lacks:
        raise LabError(f"{stack}: {built.lacks[stack.label].reason}")
    if stack.label not in built.servers and pairing.unsupported(catalog, stack) is None:
        raise LabError(f"{stack.variant} was built without {stack.label}: run `python -m bench build {stack.variant}`")


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


def environment(catalog: Catalog, variant: Variant) -> dict[str, str]:
    """The whole environment of a process of `variant`: nothing of the caller's passes."""
    interpreter = catalog.interpreters[variant.interpreter]
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


def fingerprint_of(catalog: Catalog, variant: Variant, interpreter: Provisioned) -> str:
    """Hash of all that goes into the artifact and its prefix."""
    digest = hashlib.sha256(msgspec.json.encode(variant, order="sorted"))
    digest.update(interpreter.fingerprint.encode() + MEASURED_LOCK.read_bytes())
    for maker in (__file__, wheels.__file__, commands.__file__, uwsgi.__file__):
        digest.update(Path(maker).read_bytes())
    beside = [list(catalog.frameworks.values()), _servers(catalog, interpreter.implementation)]
    digest.update(msgspec.json.encode(beside))
    if variant.application:
        digest.update(applications.locked(variant.application, interpreter).read_bytes())
        return digest.hexdigest()
    for place, path in wheels.sources(variant):
        digest.update(f"{place}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _fill(prefix: Path, variant: Variant, wheel: Path, log: Path) -> None:
    """Install into the prefix that is measured what the variant needs, and its wheel."""
    inside = prefix / "bin" / "python"
    install(inside, variant.requirements)
    install(inside, [], wheel=wheel)
    # Nothing is compiled at its first import: a start-up that is measured is not the one that writes bytecode.
    commands.run([str(inside), "-m", "compileall", "-q", str(prefix / "lib")], prefix, log)


def _add_servers(
    catalog: Catalog, inside: Path, implementation: Implementation, wanted: Collection[str], lock: Path = MEASURED_LOCK
) -> dict[str, Unavailable]:
    """Install the frameworks, and the servers that are wanted; what of these cannot be had here, by label."""
    install(inside, sorted({name for each in catalog.frameworks.values() for name in each.requirements}), lock=lock)
    lacks = {}
    for server in (server for server in _servers(catalog, implementation) if server.label in wanted):
        try:
            system.require(server.needs)
            install(inside, server.build_requirements, lock=lock)
            install(inside, server.requirements, lock=lock)
        except MissingError as missing:
            remedy = missing.remedy or "python -m bench build --force"
            lacks[server.label] = Unavailable(
                what=server.label, reason=str(missing), remedy=remedy, server=server.label
            )
    return lacks


def _missing_parts(catalog: Catalog, implementation: Implementation) -> tuple[str, ...]:
    """The parts of the system that a server needs and that are not here."""
    needed = {name for server in _servers(catalog, implementation) for name in server.needs}
    return tuple(part.name for part in system.parts() if part.name in needed and part.missing)


def _regained(catalog: Catalog, built: Artifact) -> bool:
    """Whether a part is here by now that a server lacked when this was built."""
    return not set(built.waits_for) <= set(_missing_parts(catalog, built.interpreter.implementation))


def _warm(catalog: Catalog, prefix: Path, variant: Variant, log: Path, path: dict[str, str] | None = None) -> float:
    """Run what the variant wants run once in its prefix, such as a compiling that is cached; the seconds it took."""
    places = {"python": str(prefix / "bin" / "python"), "prefix": str(prefix)}
    began = time.perf_counter()
    env = environment(catalog, variant) | (path or {})
    commands.run_all(variant.after_install, places, prefix, log, env)
    return time.perf_counter() - began


def _tools(inside: Path, interpreter: Provisioned) -> None:
    """Put the instruments beside the measured closure, one folder an interpreter: they are in no figure of size."""
    folder, made_of = TOOLS / interpreter.name, stamp.of(interpreter.fingerprint, MEASURED_LOCK)
    if not stamp.stands(folder, made_of):
        with stamp.making(folder, made_of):
            install(inside, ["pyperf", "ddt", "testtools"], target=folder)


def _servers(catalog: Catalog, implementation: Implementation) -> list[Server]:
    """The servers that run on that implementation."""
    declared = catalog.servers.values()
    return [
        each for each in declared if implementation in each.implementations and implementation not in each.unsupported
    ]


def _venv(folder: Path, interpreter: Provisioned, log: Path) -> Path:
    commands.run([interpreter.executable, "-m", "venv", "--without-pip", str(folder)], log.parent, log)
    return folder / "bin" / "python"

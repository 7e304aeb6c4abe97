"""Build a variant: its wheel is installed into its own prefix, with frameworks and servers, where it is measured."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.build import applications, artifacts, commands, server_packages, wheels
from bench.build.replacing import replacing
from bench.build.version import Code
from bench.model import Artifact, Catalog, Provisioned, Unavailable, Variant
from bench.paths import ARTIFACTS, LAB, PREFIXES, TOOLS
from bench.provision import stamp, system, uwsgi
from bench.provision.interpreters import MEASURED_LOCK, install, require_success, uv

BUILDERS = LAB / "builders"
# Some packages contain templates named *.py that are not valid Python: unlike `-m compileall`, this does not fail.
COMPILE_VALID = "import compileall, sys; compileall.compile_dir(sys.argv[1], quiet=2)"


def build(
    catalog: Catalog,
    variant: Variant,
    interpreter: Provisioned,
    servers: Collection[str] | None = None,
    force: bool = False,
) -> Artifact:
    """Build `variant` with `interpreter`, or return the existing artifact if its inputs are unchanged.

    `servers` are the labels of the servers to install: None stands for all that run on the interpreter, an empty
    collection for neither servers nor frameworks. Servers of an existing artifact are installed again. An unavailable
    server is retried with `force`, or once a system part that it requires is installed.

    Raises LabError with the failing command and the path of its log, and MissingError if a requirement is unavailable.
    The previous artifact then stays.
    """
    fingerprint = fingerprint_of(catalog, variant, interpreter)
    fitting = [server.label for server in server_packages.servers_on(catalog, interpreter.implementation)]
    wanted = {label for label in fitting if servers is None or label in servers}
    built = artifacts.artifact(variant.name)
    if built and built.fingerprint == fingerprint:
        if (
            wanted <= set(built.servers)
            and not (wanted and server_packages.missing_part_appeared(catalog, built))
            and not force
        ):
            return built
        wanted |= set(built.servers)
    system.require(variant.needs)
    folder, prefix = ARTIFACTS / variant.name, PREFIXES / variant.name
    log = folder / "build.log"
    with replacing(folder, prefix, BUILDERS / variant.name, log=log):
        folder.mkdir(parents=True)
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
            content_sha256=wheels.content(what),
            wheel_bytes=what.stat().st_size,
            build_seconds=seconds,
            interpreter=interpreter,
            built=datetime.now(UTC).isoformat(timespec="seconds"),
            lacks=lacks,
            waits_for=server_packages.missing_parts(catalog, interpreter.implementation) if lacks else (),
            servers=tuple(label for label in fitting if label in wanted),
        )
        stamp.write_record(folder / "artifact.json", made)
    return made


def _install_wheel(
    catalog: Catalog, variant: Variant, interpreter: Provisioned, wanted: Collection[str], log: Path
) -> tuple[Path, dict[str, Unavailable], float]:
    """Build the wheel and install it with its servers. Returns the wheel, unavailable servers and build seconds."""
    prefix = PREFIXES / variant.name
    builder = _venv(BUILDERS / variant.name, interpreter, log)
    install(builder, ["wheel", *variant.build_requirements])
    began = time.perf_counter()
    wheel = wheels.make(variant, builder, log.parent, log)
    seconds = time.perf_counter() - began
    inside = _venv(prefix, interpreter, log)
    lacks = server_packages.add(catalog, inside, interpreter.implementation, wanted) if wanted else {}
    _install_variant(prefix, variant, wheel, log)
    seconds += _after_install(catalog, prefix, variant, log)
    if artifacts.counting_environment(variant):  # prepares the instruction counts; its time is not build time
        _after_install(catalog, prefix, variant, log, artifacts.counting_environment(variant))
    _install_tools(inside, interpreter)
    return wheel, lacks, seconds


def _install_application(
    catalog: Catalog, variant: Variant, interpreter: Provisioned, wanted: Collection[str], log: Path
) -> tuple[Path, dict[str, Unavailable]]:
    """Install the requirements of an application, then servers that agree with its pins.

    Returns the pins and the unavailable servers. The source stays outside: each server runs on a fresh copy of it.
    """
    if variant.application is None:
        raise ValueError(f"{variant.name} is no application")
    pins, prefix = applications.locked(variant.application, interpreter), PREFIXES / variant.name
    inside = _venv(prefix, interpreter, log)
    require_success(uv("pip", "install", "--no-config", "--python", str(inside), "--requirements", str(pins)))
    lock = applications.all_pins(pins)
    lacks = server_packages.add(catalog, inside, interpreter.implementation, wanted, lock) if wanted else {}
    commands.run([str(inside), "-c", COMPILE_VALID, str(prefix / "lib")], prefix, log)
    return pins, lacks


def rebuild(
    catalog: Catalog,
    variant: Variant,
    interpreter: Provisioned,
    folder: Path,
    prefix: Path,
    *,
    code: Code | None = None,
) -> Path:
    """Build `variant` again from the same source: its wheel into `folder`, and the variant alone into `prefix`.

    The build environment of the artifact is reused. Returns the wheel, which says that it is `code`. Raises LabError
    with the failing command and the path of its log.
    """
    folder.mkdir(parents=True)
    log = folder / "build.log"
    wheel = wheels.make(variant, BUILDERS / variant.name / "bin" / "python", folder, log, code)
    _venv(prefix, interpreter, log)
    _install_variant(prefix, variant, wheel, log)
    _after_install(catalog, prefix, variant, log)
    return wheel


def fingerprint_of(catalog: Catalog, variant: Variant, interpreter: Provisioned) -> str:
    """Return a hash of all inputs of the artifact and its prefix."""
    digest = hashlib.sha256(interpreter.fingerprint.encode())
    code = (__file__, artifacts.__file__, server_packages.__file__, wheels.__file__, commands.__file__, uwsgi.__file__)
    for module in code:
        digest.update(Path(module).read_bytes())
    servers = msgspec.json.encode(server_packages.servers_on(catalog, interpreter.implementation))
    if variant.application:  # its prefix holds its requirements and servers alone, whatever its interface
        pins = applications.all_pins(applications.locked(variant.application, interpreter))
        digest.update(servers + pins.read_bytes())
        return digest.hexdigest()
    digest.update(msgspec.json.encode(variant, order="sorted") + MEASURED_LOCK.read_bytes())
    digest.update(msgspec.json.encode([*catalog.frameworks.values(), *catalog.layers.values()]) + servers)
    for destination, path in wheels.sources(variant):
        digest.update(f"{destination}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _install_variant(prefix: Path, variant: Variant, wheel: Path, log: Path) -> None:
    """Install the variant's requirements and its wheel into `prefix`."""
    inside = prefix / "bin" / "python"
    install(inside, variant.requirements)
    install(inside, [], wheel=wheel)
    # Compile all modules now, so that no measured start-up writes bytecode.
    commands.run([str(inside), "-m", "compileall", "-q", str(prefix / "lib")], prefix, log)


def _after_install(
    catalog: Catalog, prefix: Path, variant: Variant, log: Path, extra_env: dict[str, str] | None = None
) -> float:
    """Run the variant's `after_install` steps, such as a compilation that is cached. Returns their duration in s."""
    placeholders = {"python": str(prefix / "bin" / "python"), "prefix": str(prefix)}
    began = time.perf_counter()
    env = artifacts.environment(catalog, variant) | (extra_env or {})
    commands.run_all(variant.after_install, placeholders, prefix, log, env)
    return time.perf_counter() - began


def _install_tools(inside: Path, interpreter: Provisioned) -> None:
    """Install pyperf and the test libraries into one folder per interpreter, outside the prefix.

    They therefore do not count towards the artifact size.
    """
    folder, made_of = TOOLS / interpreter.name, stamp.of(interpreter.fingerprint, MEASURED_LOCK)
    if not stamp.is_current(folder, made_of):
        with stamp.rebuilding(folder, made_of):
            install(inside, ["pyperf", "ddt", "testtools"], target=folder)


def _venv(folder: Path, interpreter: Provisioned, log: Path) -> Path:
    commands.run([interpreter.executable, "-m", "venv", "--without-pip", str(folder)], log.parent, log)
    return folder / "bin" / "python"

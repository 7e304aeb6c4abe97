"""What a delivery is made of: its repository, a runtime, tools with pinned versions, and packages to work offline."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.build import artifacts, commands, peers
from bench.errors import LabError, MissingError
from bench.model import Catalog, Delivery, Edit, Peer, Provisioned
from bench.paths import LAB, ROOT, TOOLS
from bench.provision import stamp, system, tools

FOLDER = LAB / "deliveries"
LOCK = ROOT / "bench" / "locks" / "delivery.txt"  # of the tools


def provision(catalog: Catalog, delivery: Delivery) -> None:
    """Bring the tools of a delivery and fill its folder of packages, unless that is done. Its subject must be built.

    Raises MissingError if something is unavailable.
    """
    system.require(delivery.needs)
    subject = catalog.subject(delivery.subject)
    if not isinstance(subject, Peer):
        home = artifacts.require(subject.name).interpreter
        tools.environment(_tools(home), LOCK, home.executable, made_of=stamp.of(home.fingerprint, LOCK))
    folder, made_of = FOLDER / delivery.name, fingerprint_of(catalog, delivery)
    if stamp.is_current(folder, made_of):
        return
    with stamp.rebuilding(folder, made_of):
        source = folder / "source"
        copy(delivery, source)
        _prepare(delivery, placeholders(catalog, delivery), source)
        if delivery.dependency:
            changed = edited(delivery, delivery.dependency, 0)
            (source / delivery.dependency.file).write_text(changed, encoding="utf-8")
            _prepare(delivery, placeholders(catalog, delivery, changed=True), source)
        shutil.rmtree(source)


def fingerprint_of(catalog: Catalog, delivery: Delivery) -> str:
    """Return a hash of the declaration, the built subject, the versions of tools, and the repository."""
    subject = catalog.subject(delivery.subject)
    built = peers.require(subject) if isinstance(subject, Peer) else artifacts.require(subject.name)
    declared = msgspec.json.encode(delivery, order="sorted").decode()
    contents = [part for place, file in files(delivery) for part in (place, file)]
    return stamp.of(declared, built.fingerprint, LOCK, *contents)


def placeholders(catalog: Catalog, delivery: Delivery, *, changed: bool = False) -> dict[str, str]:
    """Return the places that are known before a delivery begins. Only a variant has tools.

    The packages are those before, or after, the changed dependency.
    """
    subject = catalog.subject(delivery.subject)
    packages = str(FOLDER / delivery.name / ("changed" if changed else "packages"))
    if isinstance(subject, Peer):
        return {"runtime": str(peers.home(subject) / subject.provider.executable), "packages": packages}
    interpreter = artifacts.require(subject.name).interpreter
    return {"runtime": interpreter.executable, "packages": packages, "tools": str(_tools(interpreter) / "env/bin")}


def files(delivery: Delivery) -> Iterator[tuple[str, Path]]:
    """Yield (place in the repository, file) of its files, in a stable order."""
    for origin, place in delivery.source.items():
        path = ROOT / origin
        if path.is_file():
            yield place, path
            continue
        for file in sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield str(Path(place, file.relative_to(path))), file


def copy(delivery: Delivery, folder: Path) -> None:
    """Copy the files of the repository to `folder`."""
    for place, file in files(delivery):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / place)


def edited(delivery: Delivery, edit: Edit, number: int) -> str:
    """Return the edited file after the change `number`. Raises LabError unless it has the old text exactly once."""
    text = next((file.read_text(encoding="utf-8") for place, file in files(delivery) if place == edit.file), "")
    if text.count(edit.old) != 1:
        found = f"{edit.file} has it {text.count(edit.old)} times"
        raise LabError(f"bench/deliveries/{delivery.name}.toml: {edit.old!r} must occur once, and {found}")
    return text.replace(edit.old, edit.new.replace("{number}", str(number)))


def _prepare(delivery: Delivery, values: dict[str, str], source: Path) -> None:
    """Fill the folder of packages. Raises MissingError with the step that failed."""
    Path(values["packages"]).mkdir()
    try:
        commands.run_all(delivery.prepare, values, source, FOLDER / delivery.name / "prepare.log", dict(os.environ))
    except LabError as error:
        raise MissingError(str(error)) from error


def _tools(interpreter: Provisioned) -> Path:
    return TOOLS / f"{interpreter.name}-delivery"

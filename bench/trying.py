"""A core of one's own: its function a variant, its documents a workload, and both a study that runs like any other.

The core's module is staged and built into a wheel as the catalogue's own sources are, so that the measured process
imports it from its own prefix.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench import documents, readiness, store, verify
from bench.errors import LabError, WrongError
from bench.model import (
    Artifact,
    Catalog,
    DocumentsSpec,
    MacroPlan,
    MicroPlan,
    Recorded,
    Study,
    Variant,
    Workload,
    pick,
)
from bench.paths import PACES
from bench.progress import Progress

BASELINE = "cpython"  # where none is named; it is no core for documents other than the lab's own
VALUE_SECONDS = 0.05  # the least that a value of the fastest core takes
FEW = 50  # so few documents in turn are soon known to a branch predictor


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants to be measured: a core, MODULE:FUNCTION or MODULE:FUNCTION@INTERPRETER, and how.

    `source` is the folder that the module lies in, `requires` names what it imports of the measured lock. `against` is
    a variant's name, or another such core of the same folder, and the core runs where that does if it names no
    interpreter. Without it the core is held against `BASELINE`, if that is right about the `documents`, or else alone.
    """

    core: str
    documents: Path
    source: Path
    against: str | None = None
    servers: tuple[str, ...] = ()
    framework: str = "falcon"
    requires: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What stands after `python -m bench` to measure this."""
        words = ["try", self.core, "--documents", str(self.documents), "--source", str(self.source)]
        words += ["--servers", ",".join(self.servers), "--framework", self.framework]
        words += ["--against", self.against] if self.against else []
        return shlex.join(words + (["--requires", ",".join(self.requires)] if self.requires else []))


class Paces(Recorded, frozen=True):
    """About how long each core that is right takes for a document, in seconds: found once, as plans are made of it.

    `of` is a hash of what was asked for, of all that went into the cores' prefixes, and of the documents.
    """

    of: str
    seconds: dict[str, float]


def study_of(own: Own, catalog: Catalog, progress: Progress) -> tuple[Study, Catalog]:
    """Build the core and its baseline, have each answer every document: the study of them, and a catalogue with them.

    Raises WrongError if the core, or a baseline that was asked for, answers a document wrong, and LabError for what is
    not there.
    """
    _check_names(own, catalog)
    spec = documents.describe(own.documents)
    baseline = _variant(own.against or BASELINE, own, _home(catalog), catalog)
    core = _variant(own.core, own, baseline.interpreter, catalog)
    if core == baseline:
        raise LabError(f"--against {own.against}: that is the core itself")
    catalog = _with_variants(catalog, *(each for each in (core, baseline) if ":" in each.core))
    artifacts = _built((core, baseline), own, catalog, progress)
    paces = _paces(own, spec, artifacts, catalog, progress)
    chosen = tuple(name for name in (baseline.name, core.name) if name in paces)
    workload = _workload(own.documents, spec, max(paces.values()))
    _require_new(workload.name, catalog.workloads)
    catalog = msgspec.structs.replace(catalog, workloads=catalog.workloads | {workload.name: workload})
    if baseline.name not in paces:
        progress.say(
            f"{baseline.name} answers these documents otherwise: no baseline; --against MODULE:FUNCTION names one"
        )
    if spec.count < FEW:
        progress.say(f"{spec.count} documents are sent in turn: below {FEW}, a processor soon knows them by heart")
    one_pass = min(paces.values()) * spec.count
    study = Study(
        name=f"try-{core.name}",
        title=core.title,
        question=f"How fast is {core.title}, alone and behind a server?",
        baseline=chosen[0],
        variants=chosen,
        frameworks=(own.framework,),
        servers=own.servers,
        workloads=(workload.name,),
        aa=True,
        micro=MicroPlan(processes=8, values=3, passes=max(1, round(VALUE_SECONDS / one_pass))),
        macro=MacroPlan(loads=("closed",), runs=3) if own.servers else None,
        words=own.words,
    )
    return study, catalog


def _with_variants(catalog: Catalog, *more: Variant) -> Catalog:
    """The catalogue with variants that no file declares. Raises LabError if a name is taken."""
    for variant in more:
        _require_new(variant.name, catalog.variants)
        catalog = msgspec.structs.replace(catalog, variants=catalog.variants | {variant.name: variant})
    return catalog


def _require_new(name: str, known: Mapping[str, object]) -> None:
    if name in known:
        raise LabError(f"the name {name!r} is taken by one of the catalogue")


def _check_names(own: Own, catalog: Catalog) -> None:
    if ":" not in own.core:
        raise LabError(f"{own.core!r} is no core: write MODULE:FUNCTION, such as mycore:transform")
    labels = catalog.labels()
    for server in own.servers:
        pick(labels, server, "--servers: server")
    pick(catalog.frameworks, own.framework, "--framework: framework")


def _variant(name: str, own: Own, home: str, catalog: Catalog) -> Variant:
    """The catalogue's variant of that name, or a function made one, on the interpreter `home` if it names no other."""
    function, _, elsewhere = name.partition("@")
    if ":" not in function:
        return catalog.variant(name)
    interpreter = pick(catalog.interpreters, elsewhere or home, f"{name}: interpreter")
    usual = interpreter.name == _home(catalog)
    return Variant(
        name=re.sub(r"\W+", ".", function) + ("" if usual else f"-{interpreter.name}"),
        title=function if usual else f"{function}, {interpreter.title}",
        interpreter=interpreter.name,
        core=function,
        source=_source(function.partition(":")[0], own.source),
        requirements=own.requires,
        provenance={"implementation": interpreter.implementation, "core": function},
    )


def _home(catalog: Catalog) -> str:
    """The interpreter of a core that names none."""
    return catalog.variant(BASELINE).interpreter


def _source(module: str, folder: Path) -> dict[str, str]:
    """What is staged of the folder, and where: the module's file and what was compiled of it, or its whole package."""
    top = module.partition(".")[0]
    if top == "app" or top in sys.stdlib_module_names:
        raise LabError(f"{module}: the measured process has a module {top!r} already; give yours another name")
    package = folder / top
    files = [package] if package.is_dir() else [*folder.glob(f"{top}.py"), *folder.glob(f"{top}.*so")]
    if not files:
        raise LabError(f"{module}: there is no {top}.py and no package {top} in {folder}; --source names its folder")
    return {str(path.resolve()): path.name for path in sorted(files)}


def _built(variants: tuple[Variant, ...], own: Own, catalog: Catalog, progress: Progress) -> dict[str, Artifact]:
    """The variants, built. Raises LabError if one cannot be had; a server that cannot be is a lack of the study."""
    names = [variant.name for variant in variants]
    artifacts, unavailable = readiness.build_all(catalog, names, progress, own.servers)
    for lack in unavailable:
        if any(map(lack.covers, names)):
            raise LabError(f"{lack.what}: {lack.reason}")
    return {name: made for name, made in artifacts.items() if isinstance(made, Artifact)}


def _paces(
    own: Own, spec: DocumentsSpec, artifacts: dict[str, Artifact], catalog: Catalog, progress: Progress
) -> dict[str, float]:
    """About how long each of these cores takes for a document, for as long as neither those nor cores change."""
    made_of = [own.against or "", spec.sha256, *(artifact.fingerprint for artifact in artifacts.values())]
    of = hashlib.sha256(" ".join(made_of).encode()).hexdigest()
    path = PACES / f"{of[:16]}.json"
    if path.is_file():
        return store.read(path, Paces).seconds
    seconds = {name: pace for name in artifacts if (pace := _pace(name, own, catalog, progress)) is not None}
    PACES.mkdir(parents=True, exist_ok=True)
    store.write(path, Paces(of=of, seconds=seconds))
    return seconds


def _pace(name: str, own: Own, catalog: Catalog, progress: Progress) -> float | None:
    """The median of a core's answers to all documents; None for a baseline that nobody asked for, if it is wrong.

    Raises WrongError if another is.
    """
    try:
        with progress.step(f"check {name}"):
            checked = verify.check_variant(catalog, name, own.documents)
    except LabError as error:
        lacking = "ModuleNotFoundError" in str(error)
        hint = "; --requires names packages, and modules of its own lie with it in one package" if lacking else ""
        raise LabError(f"{error}{hint}") from error
    if not checked.mismatches:
        return checked.median_seconds
    if name == BASELINE and own.against is None:
        return None
    wrong = f"{len(checked.mismatches)} of {checked.cases} documents wrong"
    raise WrongError(f"{name} answers {wrong}, first {checked.mismatches[0]}")


def _workload(folder: Path, spec: DocumentsSpec, seconds: float) -> Workload:
    return Workload(
        name="given-" + re.sub(r"[^A-Za-z0-9_]+", "-", folder.resolve().name),
        title=f"The documents of {folder.resolve().name}",
        method="POST",
        path="/statements",
        documents=msgspec.structs.replace(spec, seconds=seconds),
    )

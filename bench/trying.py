"""`try`: a user's own core → a variant, its documents → a workload, and a study of both that runs like any other.

The module of the core is built into a wheel, as the catalogue's own sources are. The measured process imports it from
its prefix.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench import documents, store, verify
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
from bench.readiness import building

BASELINE = "cpython"  # the default; it answers only documents of the lab's own format
VALUE_SECONDS = 0.05  # the shortest duration of a timed value
FEW = 50  # with fewer documents in turn, branch prediction may flatter the results


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """A user's core, MODULE:FUNCTION or MODULE:FUNCTION@INTERPRETER, and how to measure it.

    `source` is the folder of the module; `requires` names packages of the measured lock that it imports. `against` is a
    variant, or another core of the same folder. A core that names no interpreter runs on that of `against`. Without
    `against`, the core is compared with `BASELINE` if that answers the `documents` right, and else measured alone.
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
        """The arguments of `python -m bench` that measure this core."""
        words = ["try", self.core, "--documents", str(self.documents), "--source", str(self.source)]
        words += ["--servers", ",".join(self.servers), "--framework", self.framework]
        words += ["--against", self.against] if self.against else []
        return shlex.join(words + (["--requires", ",".join(self.requires)] if self.requires else []))


class Paces(Recorded, frozen=True):
    """The approximate seconds that each right core takes for a document; measured once, because plans depend on them.

    `of` is a hash of the request, of the contents of the cores' prefixes, and of the documents.
    """

    of: str
    seconds: dict[str, float]


def study_of(own: Own, catalog: Catalog, progress: Progress) -> tuple[Study, Catalog]:
    """Build the core and its baseline and check both. Returns their study, and a catalogue that includes them.

    Raises WrongError if the core or a requested baseline answers a document wrong, and LabError for unknown names.
    """
    _check_names(own, catalog)
    spec = documents.describe(own.documents)
    baseline = _variant(own.against or BASELINE, own, _home(catalog), catalog)
    core = _variant(own.core, own, baseline.interpreter, catalog)
    if core == baseline:
        raise LabError(f"--against {own.against}: name another core than the measured one")
    catalog = _with_variants(catalog, *(each for each in (core, baseline) if ":" in each.core))
    artifacts = _built((core, baseline), own, catalog, progress)
    paces = _paces(own, spec, artifacts, catalog, progress)
    chosen = tuple(name for name in (baseline.name, core.name) if name in paces)
    workload = _workload(own.documents, spec, max(paces.values()))
    _require_new(workload.name, catalog.workloads)
    catalog = msgspec.structs.replace(catalog, workloads=catalog.workloads | {workload.name: workload})
    if baseline.name not in paces:
        progress.say(
            f"no baseline: {baseline.name} gives other answers to these documents; --against MODULE:FUNCTION sets one"
        )
    if spec.count < FEW:
        progress.say(f"fewer than {FEW} documents ({spec.count}): branch prediction may flatter the results")
    one_pass = min(paces.values()) * spec.count
    study = Study(
        name=f"try-{core.name}",
        title=core.title,
        question=f"How fast is {core.title}{', alone and behind a server' if own.servers else ''}?",
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
    """The catalogue with more variants. Raises LabError if it has one of the names already."""
    for variant in more:
        _require_new(variant.name, catalog.variants)
        catalog = msgspec.structs.replace(catalog, variants=catalog.variants | {variant.name: variant})
    return catalog


def _require_new(name: str, known: Mapping[str, object]) -> None:
    if name in known:
        raise LabError(f"the catalogue declares {name!r} already: rename the module or the folder of documents")


def _check_names(own: Own, catalog: Catalog) -> None:
    if ":" not in own.core:
        raise LabError(f"invalid core {own.core!r}: use MODULE:FUNCTION, such as mycore:transform")
    labels = catalog.labels()
    for server in own.servers:
        pick(labels, server, "server", "--servers")
    pick(catalog.frameworks, own.framework, "framework", "--framework")


def _variant(name: str, own: Own, home: str, catalog: Catalog) -> Variant:
    """The catalogue's variant of that name, or a variant made of a function; `home` is its default interpreter."""
    function, _, elsewhere = name.partition("@")
    if ":" not in function:
        return catalog.variant(name)
    interpreter = pick(catalog.interpreters, elsewhere or home, "interpreter", name)
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
    """The default interpreter of a core."""
    return catalog.variant(BASELINE).interpreter


def _source(module: str, folder: Path) -> dict[str, str]:
    """The files to build, with their places: the module's file and its compiled forms, or its whole package."""
    top = module.partition(".")[0]
    if top == "app" or top in sys.stdlib_module_names:
        raise LabError(f"{module}: the measured process has another module {top!r}: rename yours")
    package = folder / top
    files = [package] if package.is_dir() else [*folder.glob(f"{top}.py"), *folder.glob(f"{top}.*so")]
    if not files:
        raise LabError(f"{module}: no {top}.py and no package {top} in {folder}: use --source FOLDER")
    return {str(path.resolve()): path.name for path in sorted(files)}


def _built(variants: tuple[Variant, ...], own: Own, catalog: Catalog, progress: Progress) -> dict[str, Artifact]:
    """Build the variants. Raises LabError if one is unavailable; an unavailable server leaves the study without it."""
    names = [variant.name for variant in variants]
    artifacts, unavailable = building.build_all(catalog, names, progress, own.servers)
    for each in unavailable:
        if any(map(each.covers, names)):
            raise LabError(f"{each.what}: {each.reason}")
    return {name: made for name, made in artifacts.items() if isinstance(made, Artifact)}


def _paces(
    own: Own, spec: DocumentsSpec, artifacts: dict[str, Artifact], catalog: Catalog, progress: Progress
) -> dict[str, float]:
    """The approximate seconds of each core for a document, stored until the cores or the documents change."""
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
    """A core's median seconds for a document; None if it is the default baseline and answers one wrong.

    Raises WrongError for a wrong answer of another core.
    """
    try:
        with progress.step(f"check {name}"):
            checked = verify.check_variant(catalog, name, own.documents)
    except LabError as error:
        lacking = "ModuleNotFoundError" in str(error)
        hint = ": name packages with --requires; put the core's own modules into one package" if lacking else ""
        raise LabError(f"{error}{hint}") from error
    if not checked.mismatches:
        return checked.median_seconds
    if name == BASELINE and own.against is None:
        return None
    wrong = f"{len(checked.mismatches)} of {checked.cases} documents wrong"
    raise WrongError(f"{name} answers {wrong}; the first: {checked.mismatches[0]}")


def _workload(folder: Path, spec: DocumentsSpec, seconds: float) -> Workload:
    return Workload(
        name="given-" + re.sub(r"[^A-Za-z0-9_]+", "-", folder.resolve().name),
        title=f"The documents of {folder.resolve().name}",
        method="POST",
        path="/statements",
        documents=msgspec.structs.replace(spec, seconds=seconds),
    )

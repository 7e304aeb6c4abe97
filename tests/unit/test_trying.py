"""A core of one's own: what becomes a study, and each mistake as one line. Nothing is built or measured here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.contract import load_core
from bench import documents, trying, verify
from bench.documents import given
from bench.documents.sets import answered
from bench.errors import LabError, WrongError
from bench.model import Artifact, Catalog, DocumentsSpec, Plan, Unavailable, Workload
from bench.plan import estimate
from bench.plan.planned import plan
from bench.progress import Progress
from bench.readiness import building
from bench.subject import check
from bench.trying import Own
from bench.verify import Checked
from tests.declared import CATALOG
from tests.unit.made import artifact

CORE = "def transform(document: bytes) -> bytes:\n    return document.upper()\n"


@pytest.fixture(autouse=True)
def paces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The paces that a test finds are gone with it."""
    monkeypatch.setattr(trying, "PACES", tmp_path / "paces")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty documents of a service that has nothing to do with the lab's, with their answers."""
    return lay(tmp_path / "words", {f"{number:02}": f"word {number}" for number in range(30)})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The folder of a core, and of another one."""
    (tmp_path / "src").mkdir()
    for name in ("mycore", "other"):
        (tmp_path / "src" / f"{name}.py").write_text(CORE)
    return tmp_path / "src"


def lay(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.json").write_text(text)
        (folder / f"{name}.out.json").write_text(text.upper())
    return folder


# ---------------------------------------------------------------- documents


def test_given_documents_are_either_sent_or_held_out_with_their_own_answers(folder: Path, tmp_path: Path) -> None:
    spec = documents.describe(folder)
    assert (spec.count, spec.check, spec.unseen) == (18, 6, 6)
    made = documents.ensure(workload(spec), tmp_path / "sets")
    sent, held_out, unseen = (
        {path.read_text(): path.with_suffix(".out.json").read_text() for path in part.glob("????.json")}
        for part in (made.load, made.check, made.unseen)
    )
    assert (len(sent), len(held_out), len(unseen)) == (18, 6, 6)
    assert sorted(sent | held_out | unseen) == sorted(f"word {number}" for number in range(30))
    assert all(answer == text.upper() for text, answer in (sent | held_out | unseen).items())


def workload(spec: DocumentsSpec) -> Workload:
    return Workload(name="given-words", title="", method="POST", path="/statements", documents=spec)


@pytest.mark.parametrize(
    ("count", "held_out", "once"), [(2, 1, 0), (9, 1, 1), (10, 2, 2), (39, 7, 7), (40, 8, 8), (500, 8, 24)]
)
def test_a_fifth_is_held_out_and_a_fifth_sent_once(count: int, held_out: int, once: int) -> None:
    pairs = [given.Pair(str(number), b"", b"") for number in range(count)]
    sent, checked, unseen = given.split(pairs)
    assert (len(sent), len(checked), len(unseen)) == (count - held_out - once, held_out, once)


def test_the_held_out_documents_are_spread_evenly() -> None:
    pairs = [given.Pair(str(number), b"", b"") for number in range(40)]
    assert [pair.name for pair in given.split(pairs)[1]] == ["0", "5", "10", "15", "20", "25", "30", "35"]


def test_a_changed_answer_changes_the_set(folder: Path, tmp_path: Path) -> None:
    first = documents.describe(folder)
    (folder / "07.out.json").write_text("Word 7")
    second = documents.describe(folder)
    assert first.sha256 != second.sha256
    with pytest.raises(LabError, match=r"documents.sha256 is "):
        documents.ensure(workload(first), tmp_path / "sets")
    assert b"Word 7" in {answer for _, _, answer in answered(second)}


@pytest.mark.parametrize(
    ("texts", "missing", "error"),
    [
        ({}, None, "words: requires at least 2 documents (found 0)"),
        ({"a": "a"}, None, "words: requires at least 2 documents (found 1)"),
        ({"a": "a", "b": "b"}, "a.out.json", "words/a.json: no right answer: write a.out.json beside it"),
        ({"a": "a", "b": "b"}, "b.json", "words/b.out.json: answer without its document b.json"),
    ],
)
def test_a_folder_without_the_layout_is_an_error_that_names_the_file(
    tmp_path: Path, texts: dict[str, str], missing: str | None, error: str
) -> None:
    laid = lay(tmp_path / "words", texts)
    if missing:
        (laid / missing).unlink()
    with pytest.raises(LabError) as caught:
        documents.describe(laid)
    assert str(caught.value).startswith(f"{tmp_path}/{error}")


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="nowhere: no such folder of documents"):
        documents.describe(tmp_path / "nowhere")


@pytest.mark.parametrize("keys", [{"generator": "given"}, {"generator": "orders", "folder": "/tmp"}])
def test_a_folder_is_named_for_given_documents_and_for_no_others(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="folder: only the generator 'given' has one"):
        DocumentsSpec(count=1, sha256="", **keys)


# ---------------------------------------------------------------- the function


def test_a_core_is_any_function_of_a_module(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "manycores.py").write_text(CORE + "class Loud:\n    shout = staticmethod(transform)\n")
    monkeypatch.syspath_prepend(str(source))
    for name in ("manycores", "manycores:transform", "manycores:Loud.shout"):
        core = load_core(name)
        assert core.transform(b"a") == b"A"
        assert core.function is core.module.transform
    with pytest.raises(AttributeError, match="has no attribute 'whisper'"):
        load_core("manycores:whisper")


@pytest.mark.parametrize(
    ("answer", "told"), [("text", "str"), (None, "NoneType"), (bytearray(b"A"), "bytearray"), ({}, "dict")]
)
def test_what_is_no_bytes_is_no_answer(answer: object, told: str) -> None:
    def transform(_: bytes) -> bytes:
        return answer  # type: ignore[return-value]

    assert check.outcome(transform, b"a") == ("returned", told)
    assert check.difference(("ok", b"A"), ("returned", told))["got"] == f"returned {told}"


# ---------------------------------------------------------------- the study

Answers = dict[str, Checked | LabError]
Planned = Callable[..., Plan]


@pytest.fixture
def planned(folder: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """Makes the plan of an own core's study, where each variant answers as a test has decided, in a millisecond."""

    def decide(answers: Answers | None = None, **how: Any) -> Plan:
        def build_all(_: Catalog, names: list[str], *more: object) -> tuple[dict[str, Artifact], list[Unavailable]]:
            return {name: artifact(name) for name in names}, []

        def check_variant(_: Catalog, name: str, cases: Path) -> Checked:
            said = (answers or {}).get(name, Checked(30, (), 1e-3))
            assert cases == folder
            if isinstance(said, LabError):
                raise said
            return said

        monkeypatch.setattr(building, "build_all", build_all)
        monkeypatch.setattr(verify, "check_variant", check_variant)
        own = Own(core="mycore:transform", documents=folder, source=source)
        return plan(*trying.study_of(msgspec.structs.replace(own, **how), CATALOG, Progress()))

    return decide


WRONG = Checked(30, ("07.json: expected 6 bytes, got raised ValueError()",), 1e-3)


def test_the_core_its_documents_and_the_baseline_make_a_study_like_any_other(planned: Planned, source: Path) -> None:
    made = planned(servers=("gunicorn-sync",))
    study = made.study
    assert (study.name, study.baseline, study.variants) == (
        "try-mycore.transform",
        "cpython",
        ("cpython", "mycore.transform"),
    )
    variant = made.catalog.variant("mycore.transform")
    assert (variant.core, variant.title) == ("mycore:transform", "mycore:transform")
    assert variant.source == {str(source / "mycore.py"): "mycore.py"}
    assert variant.interpreter == CATALOG.variant("cpython").interpreter
    assert made.catalog.workloads[study.workloads[0]].documents == msgspec.structs.replace(
        documents.describe(Path(str(source.parent / "words"))), seconds=1e-3
    )
    assert [phase.name for phase in made.phases] == ["micro", "null", "macro"]
    assert estimate.plan_seconds(made) > 60


def test_without_a_server_the_core_alone_is_measured(planned: Planned) -> None:
    assert [phase.name for phase in planned().phases] == ["micro"]


def test_a_value_takes_as_many_passes_as_make_it_long_enough(planned: Planned) -> None:
    fast = planned({"mycore.transform": Checked(30, (), 1e-5)}).study
    assert fast.micro is not None
    assert fast.micro.passes == round(0.05 / (18 * 1e-5))


def test_a_slow_core_is_passed_over_once_and_planned_as_long(planned: Planned) -> None:
    made = planned({"mycore.transform": Checked(30, (), 0.5), "cpython": Checked(30, (), 0.5)})
    slow = made.study
    assert slow.micro is not None
    assert slow.micro.passes == 1
    assert estimate.plan_seconds(made) > 24 * 0.5 * slow.micro.processes * slow.micro.values


def test_how_long_a_document_takes_is_found_once_so_that_the_same_command_goes_on(planned: Planned) -> None:
    first = planned()
    asked_again = LabError("asked again")
    assert planned({"mycore.transform": asked_again, "cpython": asked_again}) == first


def test_a_baseline_that_nobody_asked_for_is_left_out_if_it_is_wrong(
    planned: Planned, capsys: pytest.CaptureFixture[str]
) -> None:
    study = planned({"cpython": WRONG}).study
    assert (study.baseline, study.variants) == ("mycore.transform", ("mycore.transform",))
    told = "no baseline: cpython gives other answers to these documents; --against MODULE:FUNCTION sets one"
    assert told in capsys.readouterr().err
    with pytest.raises(WrongError):
        planned({"cpython": WRONG}, against="cpython")


@pytest.mark.parametrize(
    ("answers", "how", "told"),
    [
        (
            {"mycore.transform": WRONG},
            {},
            "mycore.transform answers 1 of 30 documents wrong; the first: 07.json: expected",
        ),
        ({"cpython": WRONG}, {"against": "cpython"}, "cpython answers 1 of 30 documents wrong; the first: 07.json"),
        ({"other.transform": WRONG}, {"against": "other:transform"}, "other.transform answers 1 of 30 documents wrong"),
    ],
)
def test_who_was_asked_for_and_is_wrong_gets_no_figure(
    planned: Planned, answers: Answers, how: dict[str, Any], told: str
) -> None:
    with pytest.raises(WrongError) as caught:
        planned(answers, **how)
    assert str(caught.value).startswith(told)
    assert caught.value.status == 1


def test_another_core_of_ones_own_is_a_baseline(planned: Planned) -> None:
    study = planned(against="other:transform").study
    assert (study.baseline, study.variants) == ("other.transform", ("other.transform", "mycore.transform"))


def test_the_same_core_elsewhere_is_another_variant(planned: Planned) -> None:
    made = planned(core="mycore:transform@pypy-3.11", against="mycore:transform")
    assert made.study.variants == ("mycore.transform", "mycore.transform-pypy-3.11")
    elsewhere = made.catalog.variant("mycore.transform-pypy-3.11")
    assert (elsewhere.interpreter, elsewhere.provenance["implementation"]) == ("pypy-3.11", "pypy")


def test_its_words_measure_it_again(planned: Planned, source: Path, folder: Path) -> None:
    study = planned(against="other:transform", servers=("gunicorn-sync",), requires=("orjson",)).study
    assert study.words == (
        f"try mycore:transform --documents {folder} --source {source} --servers gunicorn-sync --framework falcon "
        "--against other:transform --requires orjson"
    )


def test_a_package_is_staged_as_a_whole_and_what_was_compiled_beside_a_module(planned: Planned, source: Path) -> None:
    (source / "pack").mkdir()
    (source / "mycore.cpython-311-x86_64-linux-gnu.so").touch()
    known = planned(core="pack.inner:transform", against="mycore:transform").catalog
    assert known.variant("pack.inner.transform").source == {str(source / "pack"): "pack"}
    assert set(known.variant("mycore.transform").source.values()) == {
        "mycore.cpython-311-x86_64-linux-gnu.so",
        "mycore.py",
    }


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"core": "mycore"}, "invalid core 'mycore': use MODULE:FUNCTION, such as mycore:transform"),
        ({"core": "nocore:transform"}, "nocore: no nocore.py and no package nocore in "),
        ({"core": "json:loads"}, "json: the measured process has another module 'json'"),
        ({"core": "app.core:transform"}, "app.core: the measured process has another module 'app'"),
        ({"core": "mycore:transform@jython"}, "mycore:transform@jython: unknown interpreter 'jython'; known: "),
        ({"against": "jython"}, "unknown variant 'jython'; did you mean 'cython'?"),
        ({"against": "mycore:transform"}, "--against mycore:transform: name another core than the measured one"),
        ({"servers": ("apache",)}, "--servers: unknown server 'apache'; known: "),
        ({"framework": "django"}, "--framework: unknown framework 'django'; known: "),
    ],
)
def test_each_mistake_is_told_in_one_line(planned: Planned, how: dict[str, Any], told: str) -> None:
    with pytest.raises(LabError) as caught:
        planned(None, **how)
    assert str(caught.value).startswith(told)


def test_what_cannot_be_built_is_told(folder: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "measured.txt does not pin nosuch: add it to group 'measured' of pyproject.toml and run `make lock`"
    lack = Unavailable(what="mycore.transform", reason=reason, kind="failed", variant="mycore.transform")
    monkeypatch.setattr(building, "build_all", lambda *_: ({}, [lack]))
    own = Own(core="mycore:transform", documents=folder, source=source, requires=("nosuch",))
    with pytest.raises(LabError, match=r"mycore\.transform: measured\.txt does not pin nosuch"):
        trying.study_of(own, CATALOG, Progress())


def test_the_catalogue_takes_no_name_twice(planned: Planned, source: Path) -> None:
    (source / "pack").mkdir()
    taken = msgspec.structs.replace(CATALOG.variant("cpython"), name="pack.inner.transform")
    known = msgspec.structs.replace(CATALOG, variants=CATALOG.variants | {taken.name: taken})
    own = Own(core="pack.inner:transform", documents=source.parent / "words", source=source)
    with pytest.raises(LabError, match=r"the catalogue declares 'pack\.inner\.transform' already"):
        trying.study_of(own, known, Progress())
    assert "pack.inner.transform" not in CATALOG.variants, "what a study adds is in its own catalogue alone"

"""Kept sessions and the pages made from them: complete, reproducible, and true to the figures."""

import lzma
import re
import socket
from pathlib import Path

import msgspec
import pytest

from bench import keep, store
from bench.errors import LabError
from bench.model import Session, Stack, Target, Unavailable
from bench.paths import FINDINGS, REMARKS
from bench.report import docs, markdown, study_page
from bench.report.answer import answers
from bench.report.finding import find
from bench.report.pictures import pictures
from bench.report.targets import Outcome, TargetResult
from tests.declared import CATALOG
from tests.unit import sessions

pytestmark = pytest.mark.slow

STUDY = sessions.quick()
WARMUP = tuple((float(second), 600.0, 2e-3 / second + 9e-4) for second in range(1, 6))
RUNS = [
    msgspec.structs.replace(run, series=run.series | {"warmup": WARMUP})
    if (run.case.variant, run.case.load) == ("pypy", "closed") and run.verdict == "pass"
    else run
    for run in sessions.runs(STUDY)
]
SESSION = sessions.session(STUDY, RUNS)
FINDING = find(SESSION, RUNS)


def stored(results: Path, session: Session = SESSION) -> Path:
    """The session as a run leaves it behind. Returns its folder."""
    folder = store.create(session, results)
    for run in RUNS:
        block = folder / f"{run.case.instrument}-{run.block:03}"
        block.mkdir(exist_ok=True)
        store.save(block, run)
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    keep.write([keep.Kept(session=SESSION, runs=tuple(RUNS))], folder)
    return folder


@pytest.fixture(scope="module")
def pages(kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    docs.write(kept, folder)
    return folder


def test_what_is_kept_says_all_that_the_session_said(tmp_path: Path) -> None:
    stored(tmp_path / "results")
    (path,) = keep.keep(STUDY, tmp_path / "results", tmp_path / "kept")
    found = keep.read(path)
    assert (found.study, found.session, found.selftest) == (STUDY, SESSION, None)
    assert study_page.page(find(found.session, found.runs)) == study_page.page(FINDING)
    assert path.stat().st_size < keep.LIMIT / 4


def test_what_is_kept_names_neither_the_machine_nor_a_folder_of_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "build-7.example.org")
    lack = Unavailable(what="numba", reason=f"{Path.home()}/numba is broken on build-7.example.org")
    session = msgspec.structs.replace(SESSION, plan=msgspec.structs.replace(SESSION.plan, unavailable=(lack,)))
    (path,) = keep.write([keep.Kept(session=session, runs=())], tmp_path)
    assert keep.read(path).session.unavailable[0].reason == "<home>/numba is broken on <host>"


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda whole: whole[:-40], "invalid kept session"),
        (lambda whole: b"not packed", "invalid kept session"),
        (lambda whole: lzma.compress(b'{"run": 1}'), "invalid kept session"),
        (lambda whole: lzma.compress(b""), "invalid kept session"),
    ],
)
def test_a_damaged_file_is_an_error_that_names_it(kept: Path, tmp_path: Path, harm, told: str) -> None:
    path = tmp_path / "quick.jsonl.xz"
    path.write_bytes(harm((kept / "quick.jsonl.xz").read_bytes()))
    with pytest.raises(LabError, match=rf"quick\.jsonl\.xz: {told}"):
        keep.read(path)


def test_a_session_that_is_not_whole_or_too_large_is_not_kept(tmp_path: Path, monkeypatch) -> None:
    folder = stored(tmp_path, sessions.session(STUDY, RUNS, finished=False))
    with pytest.raises(LabError, match="quick: the last session is not finished"):
        keep.keep(STUDY, tmp_path, tmp_path)
    store.finish(folder, SESSION)
    monkeypatch.setattr(keep, "LIMIT", 1000)
    with pytest.raises(LabError, match=r"quick: .* bytes exceed the limit of 1,000"):
        keep.keep(STUDY, tmp_path, tmp_path)
    assert not list(tmp_path.glob(f"*{keep.SUFFIX}"))


def test_the_same_data_yield_the_same_bytes_and_nothing_else_stays(kept: Path, pages: Path, tmp_path: Path) -> None:
    for gone in (tmp_path / "gone.md", tmp_path / "plots/gone.svg"):
        gone.parent.mkdir(exist_ok=True)
        gone.write_text("of a study that is kept no more")
    for _ in range(2):
        docs.write(kept, tmp_path)
        assert content(tmp_path) == content(pages)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_page_answers_and_says_where_from_and_what_is_missing(pages: Path) -> None:
    text = (pages / "quick.md").read_text()
    words = " ".join(text.split())
    assert STUDY.question in words
    assert all(sentence in words for sentence in answers(FINDING))
    for told in (
        "Measured 2026-11-24 13:00 UTC on Example CPU @ 3.0 GHz, 2 cores, Debian GNU/Linux 12 (bookworm)",
        "| PyPy 3.11 | 21.",
        "**nuitka** (failed): no C compiler was found. Remedy: `apt-get install gcc`",
        "uWSGI's PyPy plugin did not start",
        "3 of 8 held-out documents answered wrong after the load",
        "make measure studies=quick make findings",
        "generator-limited",
    ):
        assert told in words
    plots = re.findall(r"\]\((plots/\S+\.svg)\)", text)
    assert [path.rpartition("-")[2] for path in plots] == ["survival.svg", "spent.svg", "warming.svg"]
    assert {path.name for path in (pages / "plots").iterdir()} == {Path(path).name for path in plots}


def test_every_row_of_a_table_has_as_many_cells_as_its_heading(pages: Path) -> None:
    for path in pages.glob("*.md"):
        for rows in re.findall(r"(?:^\|.*\n)+", path.read_text(), re.MULTILINE):
            assert len({line.count("|") - line.count(r"\|") for line in rows.splitlines()}) == 1
            assert len(rows.splitlines()) > 2


def test_what_a_cell_says_stays_in_its_cell() -> None:
    assert markdown.table([["a|b", "c"], ["one\ntwo", "3"]]).splitlines()[::2] == [r"| a\|b | c |", "| one two | 3 |"]


def test_columns_of_figures_are_aligned_to_the_right() -> None:
    figures = ("12.3×", "0.42 % (0.11–0.93) *", "-34.0 (-36.0 to -31.0)", "≤ 0.1 s", "1,060", "undecided", "—")
    for cells, line in ((figures, "--:"), (("0.5 or 0.6", "1"), "---"), (("—",), "---")):
        assert markdown.table([["heading"], *([cell] for cell in cells)]).splitlines()[1] == f"| {line} |"


def test_the_index_gives_each_answer_and_what_is_not_measured_yet(pages: Path) -> None:
    text = (pages / "README.md").read_text()
    assert f"[{STUDY.question}](quick.md) (a first look) | {'<br>'.join(answers(FINDING))} | 2026-11-24 |" in text
    assert "| --- | --- | --- |" in text, "prose is aligned to the left"
    (line,) = [line for line in text.splitlines() if line.startswith("Not measured yet: ")]
    assert all(f"`{name}`" in line for name in docs.ASKED)


def test_a_slower_core_is_named_where_it_is_the_only_other_one() -> None:
    study = msgspec.structs.replace(STUDY, variants=("cpython", "numba"), baseline="numba")
    alone = [run for run in RUNS if not run.case.aa]
    repeats = [
        msgspec.structs.replace(run, case=msgspec.structs.replace(run.case, aa=True))
        for run in alone
        if (run.case.instrument, run.case.variant) == ("micro", "numba")
    ]
    told = " ".join(answers(find(sessions.session(study, alone + repeats), alone + repeats)))
    assert re.match(r"Stay with hand-written Numba: CPython runs at 0\.03\S*× its speed, 0\.05\S*× on uWSGI, ", told)


def test_interpreters_are_compared_where_the_study_has_several() -> None:
    names = {"cpython": "cpython", "cython-untouched": "cpython@cpython-3.13", "cython": "cython"}
    study = msgspec.structs.replace(
        STUDY,
        variants=tuple(names.values()),
        interpreters=("cpython-3.11", "cpython-3.13"),
        instructions=None,
        open=None,
    )
    runs = []
    for run in (run for run in RUNS if run.case.variant in names and run.case.instrument in {"micro", "macro"}):
        name = names[run.case.variant]
        stack = run.case.stack
        elsewhere = {"stack": msgspec.structs.replace(stack, variant=name)} if stack else {"variant": name}
        runs.append(msgspec.structs.replace(run, case=msgspec.structs.replace(run.case, **elsewhere)))
    told = " ".join(answers(find(sessions.session(study, runs), runs)))
    assert re.match(r"The same source: CPython 3\.13 runs it at 1\.2\d× the speed of CPython 3\.11\.", told)
    assert "On Gunicorn's sync worker CPython 3.13 holds 39.0 MB instead of 39.0 MB." in told
    assert "Rewrite the core" not in told


def test_each_picture_has_its_figures_in_words() -> None:
    told = {each.name: each.words for each in pictures(FINDING)}
    assert re.match(r"Least: cython/falcon/uwsgi-processes 4\S+ µs, .*\. Most: \S+ ", told["medium-spent"])
    assert "pypy/falcon/gunicorn-sync from 2.90 ms to 1.30 ms" in told["medium-warming"]


def test_positions_in_a_plot_are_rounded(pages: Path) -> None:
    for path in (pages / "plots").iterdir():
        assert not re.search(r' (?:transform|d)="[^"]*\.\d{3}', path.read_text()), path.name


def test_the_pages_in_the_docs_are_those_of_the_data_beside_them() -> None:
    """If this fails, run `make findings`."""
    found = docs.texts(docs.findings(words=CATALOG.words))
    assert {path.name: path.read_text() for path in FINDINGS.glob("*.md")} == found


def test_where_a_target_is_missed_the_page_shows_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_page, "PROFILES", tmp_path)
    (tmp_path / f"{STUDY.name}.md").write_text("All of it goes to parsing.\n")
    limit = Target(title="quick", variant="cython", workloads=("medium",), metric="ready", at_most=1.0)
    shown: dict[Outcome, bool] = {"missed": True, "met": False}
    for outcome, is_shown in shown.items():
        row = TargetResult(target=limit, workload="medium", value=1.0, outcome=outcome)
        page = study_page.page(msgspec.structs.replace(FINDING, targets=(row,)))
        assert ("All of it goes to parsing." in page) is is_shown


def test_a_kept_study_that_misses_a_target_has_a_profile() -> None:
    missed = {name for name, found in docs.findings().items() if "missed" in {row.outcome for row in found.targets}}
    pages = docs.texts(docs.findings(words=CATALOG.words))
    assert all("### Where the time goes" in pages[f"{name}.md"] for name in missed)


def test_a_ranking_names_the_best_and_the_others_relative_to_it() -> None:
    study = msgspec.structs.replace(STUDY, variants=("cython",), baseline="cython", micro=None, first_look=False)
    runs = [run for run in RUNS if run.case.variant == "cython"]
    found = find(sessions.session(study, runs), runs)
    (told,) = answers(found)
    assert re.fullmatch(r"Fifty orders with hand-written Cython: uWSGI; Gunicorn's sync worker costs 2\.\d+×\.", told)
    page = study_page.page(found)
    assert re.search(r"\| falcon/gunicorn-sync \| 2\.\d+× \|", page)
    assert re.search(r"\| gunicorn-sync \| 2 \| 13\S+ \| 7,\d+ \|", page)
    assert re.search(r"\| uwsgi-processes \| 1 \| 4\S+ \| generator-limited \|", page)
    assert [each.name for each in pictures(found)] == ["medium-ranking"]


def test_a_peer_is_compared_with_the_best_in_python_and_with_the_reference_core() -> None:
    study = msgspec.structs.replace(STUDY, peers=("node-expert",))
    model = [run for run in RUNS if str(run.case.stack) == "numba/falcon/gunicorn-sync"]
    peer = Stack(variant="node-expert")
    runs = RUNS + [
        msgspec.structs.replace(run, case=msgspec.structs.replace(run.case, stack=peer))
        for run in model
        if run.case.instrument == "macro"
    ]
    found = find(sessions.session(study, runs), runs)
    told = answers(found)
    assert re.match(
        r"Fifty orders: hand-written Cython on uWSGI; tuned NodeJS costs 3\.\d+×, plain PyPy 1\d\.\d×", told[0]
    )
    assert re.fullmatch(r"Beside the best in Python, tuned NodeJS takes 4\.63× the memory\.", told[1])
    assert "The speed-up of a peer is relative to the baseline behind gunicorn-sync." in study_page.page(found)


@pytest.mark.parametrize("remark", sorted(REMARKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_remark_quotes_another_page_as_it_is_today(remark: Path) -> None:
    for sentence in re.split(r"(?<=\.)\s", remark.read_text(encoding="utf-8")):
        for page in re.findall(r"\]\(([\w-]+)\.md\)", sentence):
            text = (FINDINGS / f"{page}.md").read_text(encoding="utf-8")
            missing = [figure for figure in re.findall(r"\d[\d.]*×", sentence) if figure not in text]
            assert missing == [], f"{remark.name} quotes {page}.md"

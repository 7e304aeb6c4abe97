"""The site's figures: every stored session, true to the findings; every plot with its data."""

import csv
import io
import json
import subprocess
from pathlib import Path

import msgspec
import pytest

from bench import keep
from bench.analysis.comparison import compared
from bench.analysis.stats import Ratio
from bench.paths import FINDINGS, KEPT
from bench.report import charts, docs
from bench.report.finding import find
from bench.report.pictures import pictures
from bench.report.rows import Finding
from bench.report.site import history, pairs, plots, write
from bench.report.site.records import QUANTITIES, Source, measured, together
from bench.report.wording import MICRO
from tests.declared import CATALOG
from tests.unit import sessions

pytestmark = pytest.mark.slow

STUDY = sessions.quick()
RUNS = sessions.runs(STUDY)
SESSION = sessions.session(STUDY, RUNS)
ONE = keep.Kept(session=SESSION, runs=tuple(RUNS))
LATER = msgspec.structs.replace(ONE, session=msgspec.structs.replace(SESSION, started="2031-01-01T00:00:00+00:00"))
SOURCE = Source(file="findings/data/quick.jsonl.xz")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write.write(folder, CATALOG.words)
    return folder / "docs"


def lines(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(encoding="utf-8")))


def test_every_stored_session_appears_with_its_file(site: Path) -> None:
    listed = {each["file"] for each in lines(site / "sessions.csv")}
    stored = {path.relative_to(write.DOCS) for folder in (KEPT, write.OTHERS) for path in folder.glob("*.xz")}
    assert {str(path) for path in stored} <= listed
    for file in listed:
        assert keep.read(site / file).session.started


def test_a_study_of_several_sessions_has_them_together_first(site: Path) -> None:
    for name, finding in docs.findings().items():
        own = [each for each in lines(site / "sessions.csv") if each["page"] == f"findings/{name}.md"]
        together = [str(len(finding.over))] if finding.over else []
        assert [each["sessions"] for each in own] == together + ["1"] * len(keep.files(name))


def test_figures_are_those_of_the_findings(site: Path) -> None:
    shown = {
        (each["study"], each["sessions"], each["workload"], each["load"], each["stack"]): each
        for each in reversed(lines(site / "results.csv"))  # of a study's sessions the first in the list
    }
    compared_figures = 0
    for name, finding in docs.findings().items():
        for each in finding.each:
            for row in (row for row in each.rows if row.cpu.value is not None):
                load = each.closed[0].load
                own = shown[name, str(len(finding.over) or 1), each.workload, load, str(row.stack)]
                assert float(own["Server CPU, µs/request"]) == pytest.approx(row.cpu.value / MICRO, rel=1e-5)
                assert row.memory.value is None or float(own["Memory under load, MB"]) == pytest.approx(
                    row.memory.value / 1e6, rel=1e-5
                )
                compared_figures += 1
    assert compared_figures > 100


def test_every_plot_of_a_finding_has_its_data(site: Path) -> None:
    drawn = {path.stem for path in (FINDINGS / "plots").glob("*.svg")}
    assert {path.stem for path in (site / "findings" / "plots").glob("*.csv")} == drawn
    for path in (site / "findings" / "plots").glob("*.csv"):
        assert lines(path), path.name


def test_the_data_of_a_plot_are_the_figures_of_the_rows() -> None:
    finding = find(SESSION, RUNS)
    (spent,) = [each for each in pictures(finding) if each.name.endswith("-spent")]
    found = list(csv.DictReader(io.StringIO(plots.plot_csv(spent.chart))))
    known = {str(row.stack): row.cpu.value / MICRO for row in finding.rows if row.cpu.value is not None}
    assert {each["name"]: float(each["value"]) for each in found} == pytest.approx(known, rel=1e-5)


def test_the_data_of_a_plot_name_its_panels_and_leave_out_what_only_draws() -> None:
    for each in pictures(find(SESSION, RUNS)):
        columns = next(csv.reader(io.StringIO(plots.plot_csv(each.chart))))
        assert not {"colour", "at", "line", "one", "end", "hue", "ink", "fill"} & {*columns}, each.name


def test_the_noise_floor_is_no_row_of_the_data_of_a_plot() -> None:
    finding = find(SESSION, RUNS, selftest=sessions.machine_tested({"micro": 0.02}))
    found = plots.records(charts.speedups(finding, charts.WIDE))
    assert {record.get("name") for record in found} == {core.title for core in finding.cores if core.speedup.ratio}


def test_the_data_of_a_plot_name_what_the_plot_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def findings(words: docs.Spoken | None = None) -> dict[str, Finding]:
        asked.append(words)
        return {}

    asked: list[docs.Spoken | None] = []
    monkeypatch.setattr(docs, "findings", findings)
    monkeypatch.setattr(write, "everything", lambda *_: [])
    write.write(tmp_path, CATALOG.words)
    assert asked == [CATALOG.words], "as `make findings`"


def test_the_script_has_each_group_with_a_ratio_for_each_pair(site: Path) -> None:
    text = (site / "results-data.js").read_text(encoding="utf-8")
    data = json.loads(text.removeprefix("window.RESULTS = ").removesuffix(";\n"))
    assert data["quantities"].keys() == QUANTITIES.keys()
    groups = [group for session in data["sessions"] for group in session["groups"]]
    assert groups
    for group in (group for group in groups if group["ratios"]):
        assert [len(row) for row in group["ratios"]] == list(range(len(group["entries"])))


def test_a_ratio_is_that_of_the_session_in_either_direction() -> None:
    (group,) = [group for group in measured(ONE, SOURCE).groups if group.load == "closed"]
    above, below = group.entries[-1].stack, group.entries[0].stack
    up, down = pairs.of(group.ratios, above, below), pairs.of(group.ratios, below, above)
    assert up.ratio.estimate == pytest.approx(1 / down.ratio.estimate)
    assert (up.ratio.low, up.ratio.high) == pytest.approx((1 / down.ratio.high, 1 / down.ratio.low))
    assert pairs.of(group.ratios, above, "none") is None


def test_ratios_over_sessions_have_the_interval_between_them() -> None:
    own = [{("b", "a"): compared(Ratio(estimate=estimate))} for estimate in (2.0, 2.1)]
    own.append({("a", "b"): compared(Ratio(estimate=1 / 1.9))})
    found = pairs.over_sessions(own)["b", "a"].ratio
    assert found.estimate == pytest.approx((2.0 * 2.1 * 1.9) ** (1 / 3))
    assert found.low < 1.9
    assert found.high > 2.1
    assert pairs.over_sessions([*own, {}]) == {}


def test_the_figures_over_sessions_name_how_many() -> None:
    single = [measured(each, SOURCE) for each in (ONE, LATER, LATER)]
    found = together(find(SESSION, RUNS), single, SOURCE)
    assert (found.sessions, found.name) == (3, "quick@all")
    assert single[0].name == f"quick@{SESSION.started[:16]}"
    assert found.groups[0].entries == single[0].groups[0].entries


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that kept one session, then a damaged file, then a later session."""
    folder = tmp_path / "data"

    def commit() -> None:
        subprocess.run(["git", "add", "--all"], cwd=tmp_path, check=True)
        own = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *own, "commit", "--quiet", "--message", "Keep"], cwd=tmp_path, check=True)

    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    keep.write([ONE], folder)
    commit()
    (path,) = folder.iterdir()
    path.write_bytes(b"damaged")
    commit()
    keep.write([LATER], folder)
    commit()
    return tmp_path


def test_a_former_session_comes_from_git(repository: Path) -> None:
    found = list(history.former([repository / "data"], [history.identity(LATER)], repository))
    assert [kept.session.started for kept, _ in found] == [SESSION.started]
    assert keep.unpacked(found[0][1]) == found[0][0]


def test_without_git_there_is_no_former_session(tmp_path: Path) -> None:
    assert list(history.former([tmp_path], [], tmp_path)) == []

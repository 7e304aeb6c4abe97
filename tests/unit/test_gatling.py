"""Gatling: what it is told, what a captured run of it says, and what is refused. `data/gatling` holds real runs."""

import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from bench.errors import LabError
from bench.measure.instruments import gatling, gatling_setup, injection, latency, simulation_log
from bench.measure.instruments.latency import Latency
from bench.measure.instruments.process_tree import CpuSample
from bench.model import Load, Segment, Workload
from bench.provision import stamp
from tests.declared import CATALOG

CAPTURED = Path(__file__).parent.parent / "data" / "gatling"
HELLO = Workload(name="hello", title="A greeting", method="GET", path="/hello", expect="hello")
CLOSED = Load(name="closed", title="Closed", model="closed", users=4, seconds=3)
OPEN = Load(
    name="open",
    title="Open",
    model="open",
    segments=(
        Segment(seconds=2, start=0.2, end=1.0),
        Segment(seconds=1, start=1.5, end=1.5),
        Segment(seconds=2, start=1.0, end=1.0),
    ),
)


def captured(name: str, load: Load, rate: float | None = None) -> gatling.GatlingResult:
    """A kept run, with the CPU samples of a generator that used half of one core."""
    start = simulation_log.read(CAPTURED / name / "simulation.log").start_epoch_ms / 1000
    samples = [CpuSample(start + tenth / 10, tenth / 20) for tenth in range(150)]
    return gatling.read(CAPTURED / name, load, rate, samples, cores=1)


# ---------------------------------------------------------------- a run that was


def test_a_closed_load() -> None:
    outcome = captured("closed", CLOSED)
    assert (outcome.requests, outcome.failed, outcome.users, outcome.injection) == (611, 28, 4, None)
    assert outcome.seconds == pytest.approx(2.722), "from the lead-in's last answer to the first user's end"
    assert outcome.answered == 546
    assert outcome.rate == pytest.approx((546 - 24) / 2.722)
    assert outcome.latencies == {"p50": Latency(12), "p75": Latency(14), "p90": Latency(16), "p95": Latency(29)}
    assert outcome.longest == Latency(303)
    assert outcome.generator_busy == pytest.approx(0.5)
    # Little's law: four users, each with one request under way but for the moment between two.
    assert outcome.answered / outcome.seconds * outcome.mean_ms / 1000 == pytest.approx(4, rel=0.03)


def test_where_answers_take_long_the_span_is_that_in_which_all_users_measure() -> None:
    """64 users of a server that answers one by one in 25 ms: each waits 1.6 s, for its turn to begin and end, too."""
    turns = 25 * np.arange(1, 521)  # when the server answers
    asked = np.concatenate([np.zeros(64, np.int64), turns[:-64]])
    lead_in, measured = asked < 5000, (asked >= 5000) & (asked < 5000 + 5000 + 1600)
    columns = {"lead-in": lead_in, "measured": measured}
    requests = {
        name: simulation_log.Requests(start=asked[of], end=turns[of], ok=np.ones(of.sum(), bool), failures={})
        for name, of in columns.items()
    }
    log = simulation_log.SimulationLog(
        version="", simulation="", start_epoch_ms=0, description="", scenarios=(), requests=requests, errors={}
    )
    first, last = gatling.span_of(log, msgspec.structs.replace(CLOSED, users=64, seconds=5))
    assert (first, last) == (6575, 10000)
    ended = requests["measured"].end
    assert ((ended > first) & (ended <= last)).sum() / (last - first) == pytest.approx(1 / 25)


def test_the_series_begins_with_the_lead_in_and_adds_up() -> None:
    outcome = captured("open", OPEN, rate=120.0)
    seconds, started, answered, failed, *_ = zip(*outcome.series, strict=True)
    assert seconds == (-5, -4, -3, -2, -1, 0, 1, 2, 3, 4)
    assert (sum(started), sum(answered) + sum(failed)) == (1128, 1128)
    assert sum(failed) == 54


def test_an_open_load_is_compared_with_its_plan() -> None:
    outcome = captured("open", OPEN, rate=120.0)
    assert outcome.injection is not None
    assert outcome.injection.planned == tuple([12.0] * 4 + [24.0] * 4 + [45.0] * 4 + [30.0] * 8)
    assert outcome.injection.started == tuple([12] * 4 + [24] * 4 + [45, 45, 44, 45, 31] + [30] * 7)
    assert outcome.injection.deviation == 0  # one request more or less is rounding


def test_a_stall_shows_wherever_it_is() -> None:
    steady = Load(name="steady", title="Steady", model="open", segments=(Segment(seconds=2, start=1.0, end=1.0),))
    due = np.arange(0, 2000, 10)  # 100 requests per second
    for stall in (0, 500, 1000):
        late = (due >= stall) & (due < stall + 250)
        kept = injection.kept(steady, 100.0, 7_000 + np.where(late, stall + 250, due))
        assert kept.started[stall // 250 : stall // 250 + 2] == (0, 50)
        assert kept.deviation == pytest.approx(24 / 25)


def test_a_load_that_nobody_answered_has_no_latency() -> None:
    outcome = captured("refused", OPEN, rate=20.0)
    assert (outcome.failed, outcome.rate, outcome.latencies, outcome.longest) == (94, 0.0, {}, None)
    assert all(row[4:] == (None, None, None, None) for row in outcome.series)


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("> measured                                                                           |       611 |",
         "> measured                                                                           |       612 |"),
        ("> max response time (ms)                                                             |       305 |",
         "> max response time (ms)                                                             |     1,305 |"),
    ],
)  # fmt: skip
def test_a_log_that_gatling_contradicts_is_refused(said: str, instead: str) -> None:
    log = simulation_log.read(CAPTURED / "closed" / "simulation.log")
    console = (CAPTURED / "closed" / "console.txt").read_text()
    gatling.check_sums(log, console)
    assert said in console
    with pytest.raises(LabError, match="does not add up"):
        gatling.check_sums(log, console.replace(said, instead))


# ---------------------------------------------------------------- latencies


def percentiles(milliseconds: Iterable[int]) -> dict[str, Latency]:
    return latency.percentiles(latency.histogram(np.array([*milliseconds])))


def test_a_percentile_needs_ten_values_beyond_it() -> None:
    assert percentiles(range(1, 10_001)).keys() == {"p50", "p75", "p90", "p95", "p99", "p99.9"}
    assert percentiles(range(1, 10_000)).keys() == {"p50", "p75", "p90", "p95", "p99"}
    assert percentiles(range(1, 20)) == {}


def test_percentiles_are_values_of_the_sample() -> None:
    assert percentiles([7] * 90 + [50] * 10) == {
        "p50": Latency(7),
        "p75": Latency(7),
        "p90": Latency(7),
    }


def test_below_the_resolution_is_said_so() -> None:
    found = percentiles([0] * 60 + [3] * 40)
    assert {name: str(value) for name, value in found.items()} == {"p50": "< 1 ms", "p75": "3 ms", "p90": "3 ms"}


def test_the_histogram_on_disk_is_read_by_its_own_tools(tmp_path: Path) -> None:
    """Exact to a millisecond for as long as ten seconds and more."""
    kept = latency.histogram(np.array([0] * 10 + [3] * 80 + [9_999] * 10))
    latency.keep(kept.encode(), tmp_path / "latency.hlog", 1_764_000_000.25, 4.5)
    reader = HistogramLogReader(str(tmp_path / "latency.hlog"), HdrHistogram(1, latency.LONGEST_MS, latency.DIGITS))
    read = reader.get_next_interval_histogram()
    assert (read.get_total_count(), read.get_min_value(), read.get_max_value()) == (100, 0, 9_999)
    assert read.get_value_at_percentile(50) == 3


@pytest.mark.parametrize(
    ("milliseconds", "share"),
    [
        ([1] * 90 + [41] * 10, 0.1),
        ([*range(100)], 0.0),
        ([30] * 50 + [50] * 50, 0.0),
        ([1] * 100, 0.0),
    ],
)
def test_forty_milliseconds_stand_out_or_not(milliseconds: list[int], share: float) -> None:
    assert latency.delayed(np.array(milliseconds)) == pytest.approx(share)


# ---------------------------------------------------------------- what Gatling is told


def told(load: Load, rate: float | None = None, workload: Workload = HELLO, documents: Path | None = None) -> list[str]:
    asked = gatling.asked(workload, "http://127.0.0.1:8000", documents)
    argv = gatling.command(load, asked, Path("output"), rate, Path("home"))
    return [part for part in argv if part.startswith(("-Dlab.", "lab."))]


def test_a_closed_load_is_told() -> None:
    assert told(CLOSED) == [
        "-Dlab.url=http://127.0.0.1:8000", "-Dlab.method=GET", "-Dlab.path=/hello", "-Dlab.expect=hello",
        "-Dlab.users=4", "-Dlab.lead-in=5", "-Dlab.seconds=3", "lab.ClosedSimulation",
    ]  # fmt: skip


def test_an_open_load_is_told_in_requests_per_second_after_a_lead_in_at_its_mean() -> None:
    post = Workload(name="medium", title="Medium", method="POST", path="/statements")
    assert told(OPEN, 100.0, post, Path("set")) == [
        "-Dlab.url=http://127.0.0.1:8000", "-Dlab.method=POST", "-Dlab.path=/statements", "-Dlab.documents=set/load",
        "-Dlab.segments=94.000:94.000:5,20.000:100.000:2,150.000:150.000:1,100.000:100.000:2", "lab.OpenSimulation",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("load", "rate", "complaint"),
    [
        (OPEN, None, "needs segments, and a rate"),
        (Load(name="x", title="x", model="closed", seconds=3), None, "needs users and seconds"),
        (Load(name="x", title="x", model="closed", users=1, seconds=2.5), None, "whole seconds only"),
    ],
)
def test_a_load_that_cannot_be_injected_is_refused(load: Load, rate: float | None, complaint: str) -> None:
    with pytest.raises(LabError, match=complaint):
        told(load, rate)


def test_every_declared_load_can_be_told() -> None:
    for load in (load for load in CATALOG.loads.values() if load.generator == "gatling"):
        rate = 100.0 if load.model == "open" else None
        assert told(load, rate)
        assert rate is None or injection.planned(load, rate).sum() > 0


# ---------------------------------------------------------------- runs and set-ups that fail


def put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, **scripts: str) -> None:
    """Commands that stand in for the real ones, before all others on PATH."""
    folder.mkdir(parents=True)
    for name, script in scripts.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_a_gatling_that_fails_is_told_with_its_last_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_on_path(monkeypatch, tmp_path / "bin", java="echo first; echo 'the last words'; exit 3")
    with pytest.raises(LabError, match="Gatling failed with status 3: the last words"):
        gatling.run(CLOSED, HELLO, "http://127.0.0.1:1", output=tmp_path / "output", cpus=frozenset({0}))


def test_set_up_needs_a_jdk_and_maven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="JDK is not installed: java, javac not found"):
        gatling_setup.provision(tmp_path / "home")


def jdk(folder: Path) -> Path:
    folder.mkdir()
    (folder / "release").write_text('JAVA_VERSION="17.0.15"')
    return folder / "bin"


def test_a_failed_build_is_told_with_mavens_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mvn = "echo '[INFO] Scanning'; echo '[ERROR] no such artifact'; echo '[ERROR] more'; exit 1"
    put_on_path(monkeypatch, jdk(tmp_path / "jdk"), javac="", mvn=mvn)
    with pytest.raises(LabError, match=r"Gatling failed with status 1: \[ERROR\] no such artifact$"):
        gatling_setup.provision(tmp_path / "home")


def test_a_jar_that_is_not_the_expected_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    put_on_path(monkeypatch, jdk(tmp_path / "jdk"), javac="", mvn=f"mkdir {home}/lib; echo evil > {home}/lib/evil.jar")
    with pytest.raises(LabError, match=r"not what bench/gatling/jars.sha256 says: Saxon-HE-12.9.jar, .*evil.jar, "):
        gatling_setup.provision(home)
    assert not (home / stamp.NAME).exists()

"""Gatling: its parameters, the metrics of captured runs, and errors. `data/gatling` contains real runs."""

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
    """The result of a captured run, with made-up CPU samples of half a core."""
    start = simulation_log.read(CAPTURED / name / "simulation.log").start_epoch_ms / 1000
    samples = [CpuSample(start + tenth / 10, tenth / 20) for tenth in range(150)]
    return gatling.read(CAPTURED / name, load, rate, samples, cores=1)


# ---------------------------------------------------------------- captured runs


def test_a_closed_load() -> None:
    result = captured("closed", CLOSED)
    assert (result.requests, result.failed, result.users, result.injection) == (611, 28, 4, None)
    assert result.seconds == pytest.approx(2.722), "from the lead-in's last answer to the first user's end"
    assert result.answered == 546
    assert result.rate == pytest.approx((546 - 24) / 2.722)
    assert result.latencies == {"p50": Latency(12), "p75": Latency(14), "p90": Latency(16), "p95": Latency(29)}
    assert result.longest == Latency(303)
    assert result.generator_busy == pytest.approx(0.5)
    # Little's law: four users, each with one request under way except for the moment between two requests.
    assert result.answered / result.seconds * result.mean_ms / 1000 == pytest.approx(4, rel=0.03)


def test_with_slow_answers_the_span_is_that_in_which_all_users_are_measured() -> None:
    """64 users of a server that answers one request after another in 25 ms, so that each waits 1.6 s."""
    ends = 25 * np.arange(1, 521)
    starts = np.concatenate([np.zeros(64, np.int64), ends[:-64]])
    rows = {"lead-in": starts < 5000, "measured": (starts >= 5000) & (starts < 5000 + 5000 + 1600)}
    requests = {
        name: simulation_log.Requests(start=starts[own], end=ends[own], ok=np.ones(own.sum(), bool), failures={})
        for name, own in rows.items()
    }
    log = simulation_log.SimulationLog(
        version="", simulation="", start_epoch_ms=0, description="", scenarios=(), requests=requests, errors={}
    )
    first, last = gatling.measured_span(log, msgspec.structs.replace(CLOSED, users=64, seconds=5))
    assert (first, last) == (6575, 10000)
    ended = requests["measured"].end
    assert ((ended > first) & (ended <= last)).sum() / (last - first) == pytest.approx(1 / 25)


def test_the_series_begins_with_the_lead_in_and_adds_up() -> None:
    result = captured("open", OPEN, rate=120.0)
    seconds, started, answered, failed, *_ = zip(*result.series, strict=True)
    assert seconds == (-5, -4, -3, -2, -1, 0, 1, 2, 3, 4)
    assert (sum(started), sum(answered) + sum(failed)) == (1128, 1128)
    assert sum(failed) == 54


def test_an_open_load_is_compared_to_its_plan() -> None:
    result = captured("open", OPEN, rate=120.0)
    assert result.injection is not None
    assert result.injection.planned == tuple([12.0] * 4 + [24.0] * 4 + [45.0] * 4 + [30.0] * 8)
    assert result.injection.started == tuple([12] * 4 + [24] * 4 + [45, 45, 44, 45, 31] + [30] * 7)
    assert result.injection.deviation == 0  # a difference of one request is rounding


def test_a_stall_shows_at_any_time() -> None:
    steady = Load(name="steady", title="Steady", model="open", segments=(Segment(seconds=2, start=1.0, end=1.0),))
    due = np.arange(0, 2000, 10)  # 100 requests per second
    for stall in (0, 500, 1000):
        late = (due >= stall) & (due < stall + 250)
        found = injection.compare_to_plan(steady, 100.0, 7_000 + np.where(late, stall + 250, due))
        assert found.started[stall // 250 : stall // 250 + 2] == (0, 50)
        assert found.deviation == pytest.approx(24 / 25)


def test_a_load_without_answers_has_no_latency() -> None:
    result = captured("refused", OPEN, rate=20.0)
    assert (result.failed, result.rate, result.latencies, result.longest) == (94, 0.0, {}, None)
    assert all(row[4:] == (None, None, None, None) for row in result.series)


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("> measured                                                                           |       611 |",
         "> measured                                                                           |       612 |"),
        ("> max response time (ms)                                                             |       305 |",
         "> max response time (ms)                                                             |     1,305 |"),
    ],
)  # fmt: skip
def test_a_log_that_contradicts_gatlings_summary_is_an_error(line: str, changed: str) -> None:
    log = simulation_log.read(CAPTURED / "closed" / "simulation.log")
    console = (CAPTURED / "closed" / "console.txt").read_text()
    gatling.check_sums(log, console)
    assert line in console
    with pytest.raises(LabError, match="does not add up"):
        gatling.check_sums(log, console.replace(line, changed))


# ---------------------------------------------------------------- latencies


def percentiles(milliseconds: Iterable[int]) -> dict[str, Latency]:
    return latency.percentiles(latency.histogram(np.array([*milliseconds])))


def test_a_percentile_requires_ten_values_beyond_it() -> None:
    assert percentiles(range(1, 10_001)).keys() == {"p50", "p75", "p90", "p95", "p99", "p99.9"}
    assert percentiles(range(1, 10_000)).keys() == {"p50", "p75", "p90", "p95", "p99"}
    assert percentiles(range(1, 20)) == {}


def test_percentiles_are_values_of_the_sample() -> None:
    assert percentiles([7] * 90 + [50] * 10) == {
        "p50": Latency(7),
        "p75": Latency(7),
        "p90": Latency(7),
    }


def test_a_latency_below_the_resolution_is_a_bound() -> None:
    found = percentiles([0] * 60 + [3] * 40)
    assert {name: str(value) for name, value in found.items()} == {"p50": "< 1 ms", "p75": "3 ms", "p90": "3 ms"}


def test_hdrhistograms_own_tools_read_the_file(tmp_path: Path) -> None:
    """Values are exact to a millisecond beyond ten seconds."""
    counted = latency.histogram(np.array([0] * 10 + [3] * 80 + [9_999] * 10))
    latency.write_log(counted.encode(), tmp_path / "latency.hlog", 1_764_000_000.25, 4.5)
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
def test_a_mode_at_forty_milliseconds(milliseconds: list[int], share: float) -> None:
    assert latency.delayed(np.array(milliseconds)) == pytest.approx(share)


# ---------------------------------------------------------------- parameters


def parameters(
    load: Load, rate: float | None = None, workload: Workload = HELLO, documents: Path | None = None
) -> list[str]:
    request = gatling.request_parameters(workload, "http://127.0.0.1:8000", documents)
    argv = gatling.command(load, request, Path("output"), rate, Path("home"))
    return [part for part in argv if part.startswith(("-Dlab.", "lab."))]


def test_the_parameters_of_a_closed_load() -> None:
    assert parameters(CLOSED) == [
        "-Dlab.url=http://127.0.0.1:8000", "-Dlab.method=GET", "-Dlab.path=/hello", "-Dlab.expect=hello",
        "-Dlab.users=4", "-Dlab.lead-in=5", "-Dlab.seconds=3", "lab.ClosedSimulation",
    ]  # fmt: skip


def test_the_segments_of_an_open_load_follow_a_lead_in_at_its_mean_rate() -> None:
    post = Workload(name="medium", title="Medium", method="POST", path="/statements")
    assert parameters(OPEN, 100.0, post, Path("set")) == [
        "-Dlab.url=http://127.0.0.1:8000", "-Dlab.method=POST", "-Dlab.path=/statements", "-Dlab.documents=set/load",
        "-Dlab.segments=94.000:94.000:5,20.000:100.000:2,150.000:150.000:1,100.000:100.000:2", "lab.OpenSimulation",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("load", "rate", "error"),
    [
        (OPEN, None, "requires segments and a rate"),
        (Load(name="x", title="x", model="closed", seconds=3), None, "requires users and seconds"),
        (Load(name="x", title="x", model="closed", users=1, seconds=2.5), None, "requires whole seconds"),
    ],
)
def test_a_load_that_gatling_cannot_drive_is_an_error(load: Load, rate: float | None, error: str) -> None:
    with pytest.raises(LabError, match=error):
        parameters(load, rate)


def test_every_declared_load_has_parameters() -> None:
    for load in (load for load in CATALOG.loads.values() if load.generator == "gatling"):
        rate = 100.0 if load.model == "open" else None
        assert parameters(load, rate)
        assert rate is None or injection.planned(load, rate).sum() > 0


# ---------------------------------------------------------------- failing runs and set-ups


def put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, **scripts: str) -> None:
    """Put scripts first on PATH that replace the real commands."""
    folder.mkdir(parents=True)
    for name, script in scripts.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_a_failing_gatling_is_reported_with_its_last_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_on_path(monkeypatch, tmp_path / "bin", java="echo first; echo 'the last line'; exit 3")
    with pytest.raises(LabError, match="Gatling failed with status 3: the last line"):
        gatling.run(CLOSED, HELLO, "http://127.0.0.1:1", output=tmp_path / "output", cpus=frozenset({0}))


def test_the_set_up_requires_a_jdk_and_maven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="JDK is not installed: java, javac not found"):
        gatling_setup.provision(tmp_path / "home")


def jdk(folder: Path) -> Path:
    folder.mkdir()
    (folder / "release").write_text('JAVA_VERSION="17.0.15"')
    return folder / "bin"


def test_a_failed_build_is_reported_with_mavens_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mvn = "echo '[INFO] Scanning'; echo '[ERROR] no such artifact'; echo '[ERROR] more'; exit 1"
    put_on_path(monkeypatch, jdk(tmp_path / "jdk"), javac="", mvn=mvn)
    with pytest.raises(
        LabError, match=r"`mvn package` in bench/gatling failed with status 1: \[ERROR\] no such artifact$"
    ):
        gatling_setup.provision(tmp_path / "home")


def test_an_unexpected_jar_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    put_on_path(monkeypatch, jdk(tmp_path / "jdk"), javac="", mvn=f"mkdir {home}/lib; echo evil > {home}/lib/evil.jar")
    with pytest.raises(LabError, match=r"differ from bench/gatling/jars.sha256: Saxon-HE-12.9.jar, .*evil.jar, "):
        gatling_setup.provision(home)
    assert not (home / stamp.NAME).exists()

"""Comparisons of two results: from the lab's own sessions, and from plain pyperf files."""

import re

import msgspec
import numpy as np
import pyperf
import pytest

from bench import store
from bench.analysis import selftest
from bench.analysis.text import share
from bench.errors import LabError
from bench.report import compare
from tests.unit import sessions
from tests.unit.test_micro import DATA


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder that holds one session of `quick`."""
    folder = tmp_path_factory.mktemp("results")
    study = sessions.quick()
    runs = [run for run in sessions.runs(study) if run.case.instrument in {"micro", "macro"} and run.case.rate is None]
    session = store.create(sessions.session(study, runs), folder)
    for run in runs:
        block = session / f"{run.case.instrument}-{run.block:03}"
        block.mkdir(exist_ok=True)
        store.save(block, run)
    return folder


def test_latencies_at_a_rate_are_no_benchmark(results, tmp_path):
    """Their metrics are named by level, and a study of an application has them for every stack."""
    study = sessions.quick()
    runs = [run for run in sessions.runs(study) if run.case.instrument == "macro" and run.case.rate is None]
    replace = msgspec.structs.replace
    at_rate = [replace(run.case, load="steady", rate=100.0, shares=(0.6,)) for run in runs]
    runs += [replace(run, case=case, measurements=()) for run, case in zip(runs, at_rate, strict=True)]
    session = store.create(sessions.session(study, runs), tmp_path)
    for run in runs:
        block = session / f"{run.case.instrument}-{run.block:03}"
        block.mkdir(exist_ok=True)
        store.save(block, run)
    found = compare.compare("quick/cpython/falcon/gunicorn-sync", "quick/cython/falcon/gunicorn-sync", tmp_path)
    assert found
    assert all("steady" not in each.benchmark for each in found)


def pyperf_file(path, **benchmarks):
    """A pyperf JSON file; each benchmark is a list of processes, each a list of seconds."""
    made = [
        pyperf.Benchmark([pyperf.Run(values, metadata={"name": name}, collect_metadata=False) for values in processes])
        for name, processes in benchmarks.items()
    ]
    pyperf.BenchmarkSuite(made).dump(str(path))
    return str(path)


def test_variants_of_one_session_are_paired_by_block(results):
    (found,) = compare.compare("quick/cpython", "quick/cython", results)
    assert found.paired
    assert found.speedup.estimate == pytest.approx(1210 / 26.4, rel=0.02)
    assert found.processes == (10, 10)
    assert "quick/cython is 45.8× as fast as quick/cpython (95 % interval " in compare.text(found)
    assert "Significant. Noise floor: unknown (" in compare.text(found)
    (same,) = compare.compare("quick/cpython", "quick/mypyc", results)
    assert "equal, quick/mypyc against quick/cpython (95 % interval " in compare.text(same)
    assert "Equal within 5 %" in compare.text(same)
    assert f"Smallest detectable difference (80 % power): {share(same.smallest)}." in compare.text(same)
    assert same.smallest > same.floor


def test_the_bias_of_the_machine_is_the_floor_of_what_was_measured_side_by_side(results, monkeypatch):
    equals = selftest.AAComparisons(
        instrument="micro", a_side=8, comparisons=40, bias=0.012, different=1, allowed=5, smallest=0.02
    )
    tested = selftest.Selftest(started="", fingerprint="f", variant="cython", equals=(equals,), known=())
    monkeypatch.setattr(selftest, "latest", lambda *_: tested)
    (found,) = compare.compare("quick/cpython", "quick/cython", results)
    assert found.floor == 0.012
    assert "Significant. Noise floor: 1.2 %." in compare.text(found)


def test_stacks_are_compared_by_server_cpu_load_by_load(results):
    (found,) = compare.compare("quick/cpython/falcon/gunicorn-sync", "quick/cython/falcon/gunicorn-sync", results)
    assert found.benchmark == "server CPU per request, medium, closed"
    assert found.speedup.estimate == pytest.approx((1210 + 108) / (26.4 + 108), rel=0.05)
    assert (found.paired, found.processes) == (True, (2, 2))


def test_each_comparison_has_its_verdict_and_its_smallest_detectable_difference(results, tmp_path):
    one = pyperf_file(tmp_path / "one.json", go=[[2.0], [2.1], [2.2]])
    pairs = [("quick/cpython", "quick/cython"), ("quick/cpython", "quick/mypyc"), (one, "quick/cython"), (one, one)]
    for pair in pairs:
        told = compare.text(compare.compare(*pair, results)[0])
        assert re.search(r"Significant|Equal within 5 %|No significant difference", told)
        assert "interval" in told
        assert "Smallest detectable difference" in told


def test_captured_pyperf_files_of_unequal_counts_are_compared(tmp_path):
    """Two processes of five values against one of five, and against two, one of them with three values only."""
    one, two = (pyperf.BenchmarkSuite.load(str(DATA / f"cpython-{number}.json")) for number in (1, 2))
    both = one.get_benchmarks()[0]
    both.add_runs(two.get_benchmarks()[0])
    both.dump(str(tmp_path / "both.json"))
    (alone,) = compare.compare(str(tmp_path / "both.json"), str(DATA / "pypy-1.json"))
    assert alone.processes == (2, 1)
    assert alone.speedup.low is None
    first, second = both.get_runs()
    shorter = pyperf.Run(second.values[:3], metadata={"name": "x"}, collect_metadata=False)
    whole = pyperf.Run(first.values, metadata={"name": "x"}, collect_metadata=False)
    pyperf.Benchmark([whole, shorter]).dump(str(tmp_path / "fewer.json"))
    (found,) = compare.compare(str(tmp_path / "both.json"), str(tmp_path / "fewer.json"))
    assert found.processes == (2, 2)
    assert not found.significant
    assert "undecided, fewer.json against both.json (" in compare.text(found)
    assert "No significant difference" in compare.text(found)


def test_several_benchmarks_are_a_family(tmp_path):
    """A benchmark that would be significant by itself is not so in a family of twenty equals."""
    rng = np.random.default_rng(0)
    equals = {f"b{index}": np.exp(rng.normal(0, 0.02, (5, 1))).tolist() for index in range(19)}
    again = {name: np.exp(rng.normal(0, 0.02, (5, 1))).tolist() for name in equals}
    lucky = {"lucky": [[1.0], [1.01], [0.99], [1.005], [0.995]]}
    other = {"lucky": [[1.02], [1.03], [1.01], [1.025], [1.015]]}
    (alone,) = compare.compare(pyperf_file(tmp_path / "a.json", **lucky), pyperf_file(tmp_path / "b.json", **other))
    assert alone.significant
    family = compare.compare(
        pyperf_file(tmp_path / "c.json", **lucky, **equals), pyperf_file(tmp_path / "d.json", **other, **again)
    )
    assert len(family) == 20
    assert not any(each.significant for each in family)
    assert "among 20 benchmarks (Benjamini-Hochberg, 5 %)" in compare.text(family[0])


def test_pyperf_files_with_unequal_counts_are_compared_by_process(tmp_path):
    one = pyperf_file(tmp_path / "one.json", go=[[2.0, 2.1], [2.2], [1.9, 2.0, 2.1]])
    two = pyperf_file(tmp_path / "two.json", go=[[1.0], [1.1, 1.0], [0.9], [1.0], [1.0]])
    (found,) = compare.compare(one, two)
    assert found.processes == (3, 5)
    assert found.speedup.estimate == pytest.approx((2.05 + 2.2 + 2.0) / 3 / ((1.0 + 1.05 + 0.9 + 1.0 + 1.0) / 5))
    assert found.speedup.low < 2 < found.speedup.high
    assert "Not measured side by side" in compare.text(found)


def test_a_single_process_has_no_interval_and_says_so(tmp_path):
    one = pyperf_file(tmp_path / "one.json", go=[[2.0, 2.1, 2.0]])
    two = pyperf_file(tmp_path / "two.json", go=[[1.0, 1.1, 1.0]])
    (found,) = compare.compare(one, two)
    assert "(no interval)" in compare.text(found)
    assert "No interval: each side needs two processes or more." in compare.text(found)


def test_benchmarks_are_matched_by_name_and_a_single_pair_whatever_its_names(tmp_path, results):
    one = pyperf_file(tmp_path / "one.json", a=[[1.0], [1.0]], b=[[2.0], [2.0]])
    two = pyperf_file(tmp_path / "two.json", b=[[1.0], [1.0]], c=[[2.0], [2.0]])
    assert [each.benchmark for each in compare.compare(one, two)] == ["b"]
    (found,) = compare.compare(
        pyperf_file(tmp_path / "three.json", mine=[[1.21e-3], [1.21e-3]]), "quick/cython", results
    )
    assert found.speedup.estimate == pytest.approx(45.8, rel=0.02)
    assert not found.paired


def test_equal_files_show_no_difference(tmp_path):
    one = pyperf_file(tmp_path / "one.json", go=[[1.0], [1.1], [0.9]])
    assert "No significant difference" in compare.text(compare.compare(one, one)[0])


@pytest.mark.parametrize("text", ["nothing", "quick/nothing", "nothing/cython"])
def test_a_side_that_is_not_there_is_named(results, text):
    with pytest.raises(LabError, match=text):
        compare.compare("quick/cpython", text, results)


def test_what_is_no_pyperf_file_and_what_has_nothing_in_common_are_refused(tmp_path):
    (tmp_path / "other.json").write_text("{}")
    one = pyperf_file(tmp_path / "one.json", a=[[1.0]], b=[[1.0]])
    two = pyperf_file(tmp_path / "two.json", c=[[1.0]], d=[[1.0]])
    with pytest.raises(LabError, match="not a pyperf JSON file"):
        compare.compare(one, str(tmp_path / "other.json"))
    with pytest.raises(LabError, match="no benchmark in common"):
        compare.compare(one, two)


def test_machines_read_json(results):
    (found,) = msgspec.json.decode(msgspec.json.encode(compare.compare("quick/cpython", "quick/pypy", results)))
    assert found["paired"]
    assert found["speedup"]["low"] < found["speedup"]["estimate"] < found["speedup"]["high"]


@pytest.mark.parametrize(
    ("seconds", "words", "status"),
    [
        (1.25, "slower: work: 0.800× as fast, the limit is 0.95×", 1),
        (1.02, "within the limit: work: 0.980× as fast, the limit is 0.95×", 0),
    ],
)
def test_a_guard_fails_for_a_slower_benchmark_alone(tmp_path, main, seconds, words, status):
    spread = [[1.0 + each / 1e4] for each in range(8)]
    a = pyperf_file(tmp_path / "a.json", work=spread)
    b = pyperf_file(tmp_path / "b.json", work=[[seconds * each for each in values] for values in spread])
    found, output, _ = main("compare", a, b, "--fail-below", "0.95")
    assert (found, output.splitlines()[-1]) == (status, words)


def test_a_guard_that_detects_too_little_says_so(tmp_path, main):
    a = pyperf_file(tmp_path / "a.json", work=[[1.0], [1.3], [0.8]])
    b = pyperf_file(tmp_path / "b.json", work=[[1.1], [1.4], [0.7]])
    status, output, _ = main("compare", a, b, "--fail-below", "0.95")
    assert status == 0
    words = r"undecided: work: 0\.9\d+× as fast, the limit is 0\.95×: measure longer \(it detects .* %\)"
    assert re.fullmatch(words, output.splitlines()[-1])

"""The self-test with made-up subjects: a correct method passes, broken ones are caught."""

import math

import msgspec
import numpy as np
import pytest

from bench import keep, store
from bench.analysis import selftest
from bench.analysis.stats import Ratio, blocked_ratio, ratio
from bench.errors import LabError
from bench.measure import blocks
from bench.model import Instrument, MacroPlan, Measurement, MicroPlan, Run, SelftestPlan, Session
from bench.plan import matrix
from bench.report import docs
from bench.report import selftest as verdict
from bench.verbs.tell import show
from tests.declared import CATALOG, planned

pytestmark = pytest.mark.slow

DECLARED = CATALOG.studies[selftest.STUDY]
STARTED = "2026-11-24T13:00:00+00:00"


class Subject:
    """An instrument on a made-up machine, where blocks, processes and values each have their own spread."""

    def __init__(self, seed, *, block=0.02, process=0.01, value=0.003, biased=0.0):
        self.rng = np.random.default_rng(seed)
        self.spread = {"block": block, "process": process, "value": value}
        self.biased = biased
        self.fates = {}

    def __call__(self, case, block, _=None):
        fate = self.fates.setdefault(block, self.noise("block"))
        slow = 1 + (case.slower or 0) / 100 + (self.biased if case.aa else 0)
        level = 20e-6 * slow * fate * self.noise("process")
        values = tuple(level * self.noise("value") for _ in range(getattr(case, "values", 1)))
        metric = selftest.METRICS[case.instrument]
        measured = (Measurement(metric=metric, unit="s", values=values),)
        return Run(case=case, block=block, started=STARTED, seconds=1.0, verdict="pass", measurements=measured)

    def noise(self, of):
        return float(np.exp(self.rng.normal(0, self.spread[of])))

    def case(self, case, run):
        pass

    def skipped(self, case):
        pass


def runs(subject, study=DECLARED):
    phases = matrix.phases(study, CATALOG)
    return [subject(case, block) for phase in phases for block in range(phase.blocks) for case in phase.cases]


def session(study=DECLARED, **machine):
    known = {"commit": "0123456789ab", "fingerprint": "f"} | machine
    return Session(plan=planned(study), started=STARTED, seed=1, machine=known)


def judged(seed, **spread):
    return selftest.judge(session(), runs(Subject(seed, **spread)))


def test_a_right_method_passes_and_averaging_leaves_little_bias():
    found = judged(1)
    micro, macro = found.equals
    assert found.passed
    assert (micro.instrument, micro.comparisons, micro.allowed) == ("micro", 40, 5)
    assert (macro.instrument, macro.comparisons, macro.allowed) == ("macro", 40, 5)
    for each, a_side in ((micro, 8), (macro, 2)):
        assert each.significant <= selftest.MAX_SIGNIFICANT
        assert each.mean.low < 1 < each.mean.high
        # A comparison's spread is sqrt(2 / a side) times that of a process, the mean's of forty a sixth of that.
        assert each.bias < 3 * 0.01 * (2 / a_side / 40) ** 0.5
    assert macro.smallest > micro.smallest > 5 * micro.bias, "of fewer servers"


def test_the_bias_is_what_order_leaves_and_not_the_sampling_error():
    micro, _ = judged(4, biased=0.004).equals
    assert micro.bias == pytest.approx(0.004, abs=0.0024)
    assert micro.mean.low <= 1.004 <= micro.mean.high
    noisy, _ = judged(4, process=0.04).equals
    assert noisy.bias < noisy.smallest / 4


def test_a_right_method_calls_equals_different_once_in_twenty():
    different = [judged(seed).equals[0].different for seed in range(8)]
    assert 0.02 <= sum(different) / (8 * 40) <= 0.08


def test_known_differences_come_out_as_large_as_they_are_and_the_larger_ones_are_found():
    found = {known.percent: known for known in judged(2).known}
    assert {percent: known.comparisons for percent, known in found.items()} == {3: 10, 5: 10, 10: 10}
    assert all(known.median == pytest.approx(1 + known.percent / 100, abs=0.006) for known in found.values())
    assert found[3].found <= found[5].found <= found[10].found == 10
    assert found[5].found >= found[5].needed == 9
    assert all(known.smallest < known.sure for known in found.values())


def test_a_difference_below_what_the_spread_can_show_need_not_be_found():
    found = judged(2, process=0.08)
    assert [known.needed for known in found.known] == [0, 0, 0]
    assert all(known.sure > 0.1 for known in found.known)
    assert all(known.passed for known in found.known)


def test_a_difference_is_found_if_it_is_significant_in_a_report_beyond_the_bias():
    plain, biased = (judged(4, biased=biased).known[0] for biased in (0.0, 0.025))
    assert plain.found >= 9
    assert biased.found <= 2, "3 % is not significantly more than a bias of 2.5 %"


def timid(pairs):
    """Intervals wider than the error that they are made of."""
    found = blocked_ratio(pairs)
    return msgspec.structs.replace(found, low=found.low / 1.2, high=found.high * 1.2)


def test_a_method_that_finds_less_than_it_promises_is_caught(monkeypatch):
    monkeypatch.setattr(selftest, "blocked_ratio", timid)
    found = judged(2)
    assert all(each.passed for each in found.equals), "equals alone would not show it"
    assert not found.passed
    assert any("10 % slower: FAILED. Found: 0 of 10 (at least 9 required)." in line for line in verdict.lines(found))


def pooled(pairs):
    """As pyperf's `compare_to`: every value counts as independent, whatever its process."""
    above, below = ([[value] for values in side for value in values] for side in zip(*pairs, strict=True))
    return ratio(above, below)


class EachByItself:
    """Each comparison with the spread of its own two servers, and a normal quantile."""

    def __init__(self, costs, *, blocked):
        self.costs, self.stacks = costs, tuple(costs)

    def ratio(self, stack):
        logs = np.log(list(self.costs[stack].values()))
        reach = 1.96 * logs.std(ddof=1) / math.sqrt(len(logs))
        low, level, high = np.exp(logs.mean() + reach * np.array([-1, 0, 1]))
        return Ratio(estimate=level, low=low, high=high, error=reach / 1.96, freedom=40.0)


@pytest.mark.parametrize(("name", "method"), [("blocked_ratio", pooled), ("Pooled", EachByItself)])
def test_a_broken_method_is_caught(monkeypatch, name, method):
    monkeypatch.setattr(selftest, name, method)
    found = judged(1, block=0.0)
    assert not found.passed
    assert any("FAILED" in line for line in verdict.lines(found))


def test_a_bench_that_treats_its_second_half_otherwise_is_caught():
    """One half of the A/A pair is always a little slower, as by an order that is not random."""
    assert not judged(4, biased=0.02).passed


def test_equals_that_a_report_would_call_different_fail_it():
    (micro, _) = judged(1).equals
    assert msgspec.structs.replace(micro, significant=2).passed
    assert not msgspec.structs.replace(micro, significant=3).passed
    assert not msgspec.structs.replace(micro, different=6).passed


def test_how_many_intervals_may_exclude_one_is_told_by_chance():
    assert [selftest.allowed(count) for count in (1, 2, 20, 40, 200)] == [1, 1, 4, 5, 17]


# ---------------------------------------------------------------- stored, resumed, carried

SMALL = msgspec.structs.replace(
    DECLARED,
    selftest=SelftestPlan(comparisons=3, known=2, slower=(10,)),
    micro=MicroPlan(processes=2, values=2),
    macro=MacroPlan(loads=("brief",), runs=2),
)


@pytest.fixture
def folder(tmp_path):
    """A finished session of a small self-test, measured block by block and stored like any study."""
    record = session(SMALL)
    made = store.create(record, tmp_path)
    subject = Subject(5)
    for phase in matrix.phases(SMALL, CATALOG):
        blocks.measure(phase, made, record.seed, subject, subject)
    store.finish(made, record)
    return made


def test_it_is_a_study_like_any_whose_blocks_hold_both_halves(folder):
    assert {phase.name: (phase.blocks, len(phase.cases)) for phase in matrix.phases(SMALL, CATALOG)} == {
        "micro": (6, 2), "macro": (6, 2), "known": (4, 2),
    }  # fmt: skip
    assert sorted(path.name for path in folder.iterdir() if path.is_dir())[:4] == [f"known-00{n}" for n in range(4)]
    assert len(store.runs(folder)) == 6 * 2 + 6 * 2 + 4 * 2


def test_its_verdict_is_kept_with_the_machine_and_found_by_it(folder, tmp_path):
    found = verdict.judged(folder, store.read(folder / "session.json", Session), store.runs(folder))
    kept = selftest.latest("f", tmp_path)
    assert kept == found
    assert (kept.started, kept.variant, [each.comparisons for each in kept.equals]) == (STARTED, "cython", [3, 3])
    assert kept.bias("micro") == kept.equals[0].bias
    assert kept.bias("startup") is None
    assert selftest.latest("another machine", tmp_path) is None
    text = "\n".join(verdict.lines(found))
    assert "A/A micro: passed. Bias: " in text
    assert "Measured: cython, 3 comparisons of 2 processes a side." in text
    assert "10 % slower: passed. Found: " in text
    assert text.count("Smallest detectable difference") == 3


def test_the_exit_status_is_1_where_too_many_equals_are_called_different(folder, monkeypatch, capsys):
    monkeypatch.setattr(selftest, "allowed", lambda _: -1)
    assert show(folder, None, json=True) == 1
    assert msgspec.json.decode(capsys.readouterr().out)["known"][0]["percent"] == 10


def test_its_runs_are_kept_and_yield_the_same_verdict(folder, tmp_path):
    kept = keep.read(*keep.keep(SMALL, tmp_path, tmp_path / "kept"))
    assert len(kept.runs) == len(store.runs(folder))
    assert kept.selftest == selftest.judge(kept.session, kept.runs)
    assert kept.selftest == selftest.judge(session(SMALL), store.runs(folder))


def test_what_is_kept_of_it_is_a_page_with_its_verdict(folder, tmp_path):
    kept = keep.read(*keep.keep(SMALL, tmp_path, tmp_path / "kept"))
    texts = docs.texts(docs.findings(tmp_path / "kept"))
    words = " ".join(texts["selftest.md"].split())
    for answer in verdict.answers(kept.selftest):
        assert answer in words
        assert answer in texts["README.md"]
    assert "| micro, 2 processes a side | 3 | " in words
    assert "| 10 % | 2 | 1." in words
    assert ".venv/bin/python -m bench selftest --force --keep" in words


def test_the_runs_of_a_whole_self_test_are_few_enough_to_keep(tmp_path):
    made = tuple(runs(Subject(7)))
    (path,) = keep.write([keep.Kept(session=session(), runs=made)], tmp_path)
    assert path.stat().st_size < keep.LIMIT / 4


def test_a_record_of_an_earlier_version_has_no_bias():
    equals = {"instrument": "micro", "a_side": 8, "comparisons": 40, "floor": 0.07, "different": 5, "allowed": 5}
    record = {"started": STARTED, "fingerprint": "f", "variant": "cython", "equals": [equals | {"smallest": 0.05}]}
    record["known"] = [{"percent": 3, "comparisons": 5, "found": 4, "median": 1.03}]
    found = msgspec.convert(record, selftest.Selftest)
    assert found.bias("micro") is None
    assert found.spread("micro") == 0.07
    assert found.passed
    assert any("Bias: not measured" in line for line in verdict.lines(found))


def test_a_run_that_failed_costs_its_block_and_nothing_else():
    made = runs(Subject(6))
    broken = [
        msgspec.structs.replace(run, verdict="failed", measurements=())
        if run.case.instrument == "micro" and run.block == 0 and run.case.aa
        else run
        for run in made
    ]
    assert selftest.judge(session(), broken).equals[0].comparisons == 40


def test_without_any_run_there_is_no_verdict():
    with pytest.raises(LabError, match="no A/A comparison was measured"):
        selftest.judge(session(), [])


def test_what_is_slower_is_no_instrument_of_its_own_and_has_its_own_identity():
    (known,) = [phase for phase in matrix.phases(DECLARED, CATALOG) if phase.name == "known"]
    assert {case.slower for case in known.cases} == {0, 3, 5, 10}
    assert len({case.identity for case in known.cases}) == 4
    instrument: Instrument = "micro"
    assert {case.instrument for case in known.cases} == {instrument}


class Backwards(Subject):
    """A subject whose slower variants come out faster."""

    def __call__(self, case, block, _=None):
        turned = msgspec.structs.replace(case, slower=-case.slower) if case.slower else case
        return msgspec.structs.replace(super().__call__(turned, block), case=case)


def test_a_known_difference_is_not_found_where_it_comes_out_the_wrong_way_round():
    found = selftest.judge(session(), runs(Backwards(1)))
    assert {each.found for each in found.known} == {0}
    assert not found.passed

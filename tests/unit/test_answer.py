"""Every answer is short, whatever was measured: at most three of 25 words and three numbers, without an interval."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import msgspec
import numpy as np
import pytest

from bench.analysis import selftest
from bench.analysis.comparison import Comparison
from bench.analysis.selftest import AAComparisons, KnownDifference, Selftest
from bench.analysis.stats import Ratio
from bench.catalog.declarations import words as words_of
from bench.errors import LabError
from bench.model import (
    Against,
    MacroCase,
    MacroPlan,
    Measurement,
    MicroCase,
    MicroPlan,
    Run,
    Stack,
    Study,
    Target,
    Words,
)
from bench.paths import KEPT
from bench.report import against, docs, naming, overview, study_page
from bench.report.answer import answers
from bench.report.finding import find
from bench.report.rows import Finding
from bench.report.targets import Outcome, TargetResult
from bench.report.wording import fits, fitting
from tests.declared import CATALOG
from tests.docs_output import DATA
from tests.unit import sessions
from tests.unit.races import STUDY as RACED
from tests.unit.races import Fake, raced
from tests.unit.races import session as session_of

STUDY = Study(
    name="trial",
    title="A trial",
    question="?",
    baseline="cpython",
    variants=("cpython", "cython", "orjson", "pypy"),
    peers=("node-expert", "node-handwritten"),
    servers=("uwsgi-processes", "bjoern"),
    workloads=("medium",),
    micro=MicroPlan(processes=4, values=3),
    macro=MacroPlan(loads=("closed",), runs=3),
)
SEEDS = range(60)
LEVELS = (1.0, 1.0, 0.97, 0.5, 0.1)  # of a core's time or a stack's cost, to the first one's
INTERVAL = re.compile(r"\d–\d")


def is_short(told: tuple[str, ...]) -> bool:
    """Whether answers keep their limits, counted here and not as they are made."""
    numbers = [len(re.findall(r"(?<![\w.])\d[\d.,]*", answer)) for answer in told]
    return (
        0 < len(told) <= 3
        and max(numbers) <= 3
        and max(len(answer.split()) for answer in told) <= 25
        and not any(INTERVAL.search(answer) or "undecided (0" in answer for answer in told)
        and all(answer.endswith(".") for answer in told)
    )


def trial(seed: int) -> Study:
    """A study of cores, of stacks or with peers, of fewer variants, servers and workloads or of all."""
    draw, kind = np.random.default_rng(seed), seed % 3
    return msgspec.structs.replace(
        STUDY,
        variants=STUDY.variants[: draw.integers(2, 5)] if kind else STUDY.variants[: draw.integers(1, 5)],
        servers=STUDY.servers[: draw.integers(1, 3)],
        peers=STUDY.peers[: draw.integers(1, 3)] if kind == 1 else (),
        micro=STUDY.micro if kind == 2 else None,
        workloads=("medium", "hello")[: draw.integers(1, 3)],
    )


def runs(asked: Study, seed: int) -> Iterator[Run]:
    """Cores and stacks that differ by a few percent, or not, some of which failed."""
    rng = np.random.default_rng([seed, 1])
    lost = 0.3 if seed % 4 == 0 else 0.0
    for workload in asked.workloads:
        for name in asked.variants if asked.micro else ():
            level, noise = 1e-3 * rng.choice(LEVELS), rng.choice([0.002, 0.02, 0.1])
            core = MicroCase(variant=name, workload=workload)
            failed = {"verdict": "failed", "reason": "it fell over"} if rng.random() < lost else {}
            for block in range(6):
                times = level * np.exp(rng.normal(0, noise, 3))
                measured = {
                    "time": ("s", times),
                    "first": ("s", times[0]),
                    "warmup": ("s", times),
                    "documents": ("1", 2),
                }
                yield sessions.run(core, block, measured=measured, **failed)
        stacks = [Stack(variant=v, framework="falcon", server=s) for v in asked.variants for s in asked.servers]
        spread = rng.choice([0.002, 0.05])
        for stack in [*stacks, *(Stack(variant=peer) for peer in asked.peers)]:
            level = 1e-3 * rng.choice(LEVELS)
            case = MacroCase(stack=stack, workload=workload, load="closed")
            failed = {"verdict": "failed", "reason": "it fell over"} if rng.random() < lost else {}
            for block in range(3):
                cpu = level * np.exp(rng.normal(0, spread))
                measured = {"cpu": ("s", cpu), "requests": ("1", 6 / cpu), "rate": ("1/s", 0.9 / cpu)}
                measured["memory.loaded"] = ("B", 4e7 * (1 + 9 * (stack.variant == "pypy")))
                yield sessions.run(case, block, measured=measured, **failed)


@cache
def found(seed: int) -> Finding:
    asked = trial(seed)
    made = list(runs(asked, seed))
    return find(sessions.session(asked, made), made)


@cache
def kept() -> dict[str, Finding]:
    return docs.findings(KEPT, CATALOG.words) | docs.findings(DATA, CATALOG.words)


@pytest.mark.slow
def test_the_answers_of_every_kept_session_are_short() -> None:
    assert len(kept()) > 15
    assert [name for name, finding in kept().items() if not is_short(answers(finding))] == []


@pytest.mark.slow
def test_the_first_table_of_every_kept_session_is_small_and_has_no_undecided_interval() -> None:
    for finding in kept().values():
        table = overview.table(finding) if not (finding.drift or finding.study.selftest) else []
        assert len(table) <= 13
        assert all(len(row) <= 8 for row in table)
        assert not any(cell.startswith("undecided (") for row in table for cell in row)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_answers_of_any_cores_stacks_and_peers_are_short(seed: int) -> None:
    finding = found(seed)
    told = answers(finding)
    assert is_short(told)
    assert overview.table(finding)
    faster = [core for core in finding.cores if core.speedup.significant and core.speedup.ratio.estimate > 1]
    assert not (faster and "no variant is significantly faster" in told[0])


def test_the_trials_hold_every_kind_of_outcome() -> None:
    texts = [" ".join(answers(found(seed))) for seed in SEEDS]
    for told in (
        "Rewrite the core: ",
        "Change the codec: ",
        "Without a rewrite: ",
        "Stay with CPython",
        " or ",
        "no significant difference",
        "the best in Python, ",
        "any core on ",
        "No answer: the baseline",
        "Do not switch to PyPy",
    ):
        assert any(told in text for text in texts), told


def test_the_answers_of_a_race_are_short_and_its_table_marks_what_the_rounds_told() -> None:
    fake = Fake()
    race, final = raced(fake)
    made = [*fake.runs, *(fake.run(case, block) for block in range(final.blocks) for case in final.cases)]
    finding = find(session_of(race, made), made)
    assert is_short(answers(finding))
    few = msgspec.structs.replace(finding, ranking=finding.ranking[:1])
    assert any(cell.endswith("×*") for row in overview.table(few) for cell in row)
    assert "*: from a race's rounds" in overview.about(few)
    nothing = find(session_of(race, []), [])
    assert is_short(answers(nothing))
    assert all(told.endswith(": no stack has a figure.") for told in answers(nothing))


def test_where_requests_wait_the_answer_has_the_rate_of_a_slow_server() -> None:
    study = msgspec.structs.replace(RACED, workloads=("wait",), frameworks=("falcon",))
    rates = {"gunicorn-sync": 40.0, "gunicorn-gthread": 160.0, "uwsgi-processes": 2400.0, "bjoern": 2410.0}
    made = [
        sessions.run(
            MacroCase(stack=Stack(variant="cython", framework="falcon", server=name), workload="wait", load="closed"),
            block,
            measured={"cpu": ("s", (1 + block / 100) / 1e4), "rate": ("1/s", rate * (1 + block / 1000))},
        )
        for name, rate in rates.items()
        for block in range(3)
    ]
    finding = find(session_of(None, made, study), made)
    (told,) = answers(finding)
    assert is_short((told,))
    assert "Gunicorn's sync worker answers 40.0/s instead of 2,4" in told
    cells = [cell for row in overview.table(finding) for cell in row]
    assert "40.0/s" in cells
    assert any(re.fullmatch(r"2,4\d\d/s, 1× \(\S+ µs\)", cell) for cell in cells)


def test_the_answers_of_targets_alone_are_short() -> None:
    finding = found(next(seed for seed in SEEDS if trial(seed).micro))
    target = Target(title="As fast as the other", variant="cython", workloads=("medium",), against=Against(variant="x"))
    rows = [
        TargetResult(target=target, workload="medium", value=value, comparison=Comparison(ratio=Ratio(estimate=value)))
        for value in (0.9, 1.2)
    ]
    limited = msgspec.structs.replace(target, title="Faster", at_most=1.0)
    ends: tuple[Outcome | None, ...] = ("met", "missed", "undecided", None)
    rows += [msgspec.structs.replace(rows[0], target=limited, outcome=end) for end in ends]
    told = answers(msgspec.structs.replace(finding, rows=(), others=(), targets=tuple(rows)))
    assert is_short(told)
    assert told[:2] == ("Targets: 1 met, 1 missed, 1 undecided.", "As fast as the other: 0.900× to 1.20×.")


@pytest.mark.parametrize("passed", [True, False])
def test_the_answers_of_a_self_test_are_short(passed: bool) -> None:
    equals = [
        AAComparisons(
            instrument=kind, a_side=2, comparisons=40, bias=0.003, significant=0, different=0 if passed else 9,
            allowed=5, smallest=0.05,
        )
        for kind in ("micro", "macro")
    ]  # fmt: skip
    known = [KnownDifference(percent=each, comparisons=10, found=each) for each in (3, 5, 10)]
    test = Selftest(started="", fingerprint="", variant="cython", equals=tuple(equals), known=tuple(known))
    study = CATALOG.studies[selftest.STUDY]
    finding = msgspec.structs.replace(find(sessions.session(study, []), []), selftest=test)
    assert is_short(answers(finding))
    assert answers(finding)[2].startswith("Self-test passed" if passed else "Self-test FAILED")


def test_a_sentence_drops_the_parts_that_have_no_room_and_cuts_a_lead_that_is_too_long() -> None:
    assert fitting("one", ["2", "3", "4", "5"]) == "one; 2, 3, 4."
    assert fitting("a " * 24 + "z", ["b"]) == "a " * 24 + "z."
    assert fits(fitting("word " * 40))
    assert fitting("word " * 40).endswith(" ….")


def test_the_answer_names_what_decides_against_a_server_and_the_table_says_why() -> None:
    assert CATALOG.words["bjoern"].lead == "needs nginx"
    asked = msgspec.structs.replace(STUDY, variants=("cpython",), peers=(), micro=None)
    made = [
        sessions.run(
            MacroCase(
                stack=Stack(variant="cpython", framework="falcon", server=server), workload="medium", load="closed"
            ),
            block,
            measured={"cpu": ("s", cpu * (1 + block / 1000)), "requests": ("1", 9.0), "rate": ("1/s", 1 / cpu)},
        )
        for server, cpu in (("bjoern", 1e-5), ("uwsgi-processes", 2e-5))
        for block in range(3)
    ]
    finding = find(sessions.session(asked, made), made)
    assert answers(finding) == ("Fifty orders: bjoern (needs nginx); uWSGI costs 2.00×.",)
    assert (
        overview.table(finding)[1][0]
        == "falcon/bjoern (needs nginx: it has no timeouts and answers hidden requests, and was measured without nginx)"
    )
    assert "bjoern (needs nginx" in study_page.page(finding)
    proxied = Stack(variant="cpython", framework="falcon", server="bjoern+nginx")
    assert naming.caveat(finding, proxied) == "", "the proxy is there"
    spoilt = Stack(variant="cpython", framework="falcon", server="gunicorn-meinheld+nginx")
    assert naming.caveat(finding, spoilt).startswith("not recommended: "), "whatever is before it"


def test_a_core_that_holds_much_memory_says_how_much() -> None:
    finding = next(
        found(seed) for seed in SEEDS if seed % 4 and len(trial(seed).variants) == 4 and len(trial(seed).servers) == 2
    )
    assert naming.held(finding, "pypy") == "holds 400 MB"
    assert naming.held(finding, "cpython") == ""


def test_beside_the_answer_stands_what_a_peer_takes_of_memory() -> None:
    finding = next(found(seed) for seed in SEEDS if trial(seed).peers and seed % 4)
    assert re.fullmatch(
        r"Beside the best in Python, \S+ NodeJS takes [\d.]+× the memory\.", against.beside(finding) or ""
    )


# ---------------------------------------------------------------- the words of a TOML file


def test_names_and_caveats_are_short_and_those_of_a_declaration() -> None:
    kinds = (
        CATALOG.servers,
        CATALOG.tunings,
        CATALOG.variants,
        CATALOG.workloads,
        CATALOG.interpreters,
        CATALOG.peers,
        CATALOG.layerings,
    )
    names = [name for kind in kinds for name in kind]
    assert set(CATALOG.words) <= set(names)
    assert len(set(names)) == len(names), "no two of them have one name"
    short = [each.short for each in CATALOG.words.values() if each.short]
    assert all(len(name.split()) <= 5 for name in short)


@pytest.mark.parametrize(
    "words", [{"short": "one two three four five six"}, {"caveat": "no timeouts"}, {"caveat": "a b c d: e"}]
)
def test_words_that_an_answer_has_no_room_for_are_refused(words: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="must"):
        msgspec.convert(words, Words)


def test_a_refused_word_names_the_file(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bench/servers/x.toml"
    path.parent.mkdir(parents=True)
    path.write_text('caveat = "no timeouts"\n')
    monkeypatch.setattr("bench.catalog.declarations.ROOT", tmp_path)
    with pytest.raises(LabError, match=r"bench/servers/x\.toml: caveat must be like 'needs nginx: no timeouts'"):
        words_of("bench/servers/*.toml")


def test_words_are_no_part_of_what_is_measured() -> None:
    assert not {"short", "caveat", "leaks"} & {*CATALOG.servers["bjoern"].__struct_fields__}
    assert not {"short", "caveat"} & {*CATALOG.workloads["medium"].__struct_fields__}


def test_the_first_table_of_cores_has_what_each_costs_to_keep_where_that_was_measured() -> None:
    quick = sessions.quick()
    made = sessions.runs(quick)
    assert "lines of source" not in overview.table(find(sessions.session(quick, made), made))[0]
    priced = [
        msgspec.structs.replace(run, measurements=(*run.measurements, *prices(run.case.stack.variant)))
        if run.case.instrument == "size" and run.case.stack
        else run
        for run in made
    ]
    heading, first, *_ = overview.table(find(sessions.session(quick, priced), priced))
    assert heading[-3:] == ["lines of source", "build, s", "packages"]
    assert (first[0], first[-3:]) == ("hand-written Cython", ["2,700", "14", "0"])


def prices(variant: str) -> tuple[Measurement, ...]:
    values = {"source": 2700.0 if variant == "cython" else 0.0, "dependencies": 0.0}
    return tuple(Measurement(metric=metric, unit="1", values=(value,)) for metric, value in values.items())

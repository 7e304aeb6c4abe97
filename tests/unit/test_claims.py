"""No two sentences of an answer disagree: a pair is not called both different and not, whatever was measured."""

from __future__ import annotations

import re
from functools import cache

import msgspec
import numpy as np
import pytest

from bench.model import Catalog, MacroCase, MacroPlan, MicroCase, MicroPlan, Run, Stack, Study
from bench.report.answer import answers
from bench.report.claims import differ
from bench.report.finding import find
from bench.report.rows import Finding, Row
from tests.declared import CATALOG
from tests.unit import sessions

STUDY = Study(
    name="trial",
    title="A trial",
    question="?",
    baseline="cpython",
    variants=("cpython", "cython", "orjson"),
    peers=("node-expert",),
    servers=("uwsgi-processes", "bjoern"),
    workloads=("medium",),
    micro=MicroPlan(processes=4, values=3),
    macro=MacroPlan(loads=("closed",), runs=3),
)
SEEDS = range(60)
TIED = re.compile(r"Least server CPU per request: \S+ \S+ \((\S+), no significant difference from (\S+)\)")
CORES = re.compile(
    r"fastest cores are (.+?) and (.+?) \(no significant difference\), at .+? the speed of (CPython 3.11)\."
)
NONE = re.compile(r"No variant is significantly faster than")
PLAIN = re.compile(r"Without a rewrite, no variant is significantly faster\.")
FOLD = re.compile(r"of server CPU per request, ([\d.]+)× the best in Python \((\S+?)\)")


def study(seed: int) -> Study:
    """Fewer variants, servers and peers, or all."""
    draw = np.random.default_rng(seed)
    variants = STUDY.variants[: draw.integers(1, 4)]
    servers = STUDY.servers[: draw.integers(1, 3)]
    peers = STUDY.peers[: draw.integers(0, 2)]
    return msgspec.structs.replace(STUDY, variants=variants, servers=servers, peers=peers)


def runs(asked: Study, seed: int) -> list[Run]:
    """Cores and stacks that differ by a few percent, or not, beside a noise that differs from one to the next."""
    rng = np.random.default_rng([seed, 1])
    made = []
    for name in asked.variants:
        level, noise = 1e-3 * np.exp(rng.normal(0, 0.1)), rng.choice([0.002, 0.02, 0.1])
        core = MicroCase(variant=name, workload="medium")
        for block in range(6):
            times = level * np.exp(rng.normal(0, noise, 3))
            measured = {"time": ("s", times), "first": ("s", times[0]), "warmup": ("s", times), "documents": ("1", 200)}
            made.append(sessions.run(core, block, measured=measured))
    stacks = [Stack(variant=v, framework="falcon", server=s) for v in asked.variants for s in asked.servers]
    spread = rng.choice([0.005, 0.05])
    for stack in [*stacks, *(Stack(variant=peer) for peer in asked.peers)]:
        level = 1e-3 * np.exp(rng.normal(0, 0.08))
        case = MacroCase(stack=stack, workload="medium", load="closed")
        for block in range(3):
            cpu = level * np.exp(rng.normal(0, spread))
            measured = {"cpu": ("s", cpu), "requests": ("1", 6 / cpu), "rate": ("1/s", 0.9 / cpu)}
            made.append(sessions.run(case, block, measured=measured))
    return made


@cache
def found(seed: int) -> Finding:
    asked = study(seed)
    catalog: Catalog = CATALOG
    return find(sessions.session(asked, made := runs(asked, seed), catalog=catalog), made)


def row(finding: Finding, stack: str) -> Row:
    return next(row for row in finding.rows if str(row.stack) == stack)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_no_pair_is_called_both_different_and_not(seed: int) -> None:
    finding = found(seed)
    text = " ".join(answers(finding))
    for one, other in TIED.findall(text):
        pair = [row(finding, one), row(finding, other)]
        assert differ(finding, *pair) is False
        if len({each.place for each in pair}) == 1 and any(each.core.baseline for each in pair):
            assert not any(each.speedup.significant for each in pair if not each.core.baseline)
    for _, second, base in CORES.findall(text):
        assert second != base
    faster = [core for core in finding.cores if core.speedup.significant and core.speedup.ratio.estimate > 1]
    assert not (NONE.search(text) and faster)
    assert not (PLAIN.search(text) and [core for core in faster if not core.rewritten])
    for _, best in FOLD.findall(text):
        (peer,) = [each for each in finding.rows if each.stack.is_peer]
        assert differ(finding, peer, row(finding, best)) is not False


def test_the_trials_hold_what_they_test() -> None:
    texts = [" ".join(answers(found(seed))) for seed in SEEDS]
    for sentence in (TIED, CORES, NONE, PLAIN, FOLD):
        assert any(map(sentence.search, texts)), sentence.pattern

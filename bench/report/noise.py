"""What stands beside the answer: the noise floor and where it is from, and what this session could have seen."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.rows import Core, Finding, Row
from bench.report.wording import interval, listed, share, times
from bench.selftest import Selftest

UNTESTED = "`python -m bench selftest` was not run on this machine"


def noise(finding: Finding) -> str:
    """The noise floor, from the machine's self-test or else the study's own A/A pair."""
    if finding.floor is None:
        return f"Noise floor: unknown, as {UNTESTED} and no A/A pair was measured. So no difference is claimed."
    served = "unknown" if finding.floor_served is None else share(finding.floor_served)
    source = _tested(finding.selftest) if finding.selftest else f"the study's own A/A pair, as {UNTESTED}"
    return (
        f"Noise floor: {share(finding.floor)} without a server, {served} with one, by {source}.{_pair(finding)} "
        "No smaller difference is claimed or drawn."
    )


def power(finding: Finding) -> str:
    """The smallest differences from the baseline that this session could have seen beyond the floor."""
    told = [*_smallest(finding.cores, "without a server"), *_smallest(finding.rows, "with one")]
    if not told:
        return "What difference this session could have seen is unknown."
    return f"Four of five such sessions see, by this one's spread, a difference of {listed(told)}."


def _smallest(compared: Sequence[Core | Row], where: str) -> list[str]:
    smallest = [each.speedup.smallest for each in compared if each.speedup.smallest]
    return [f"{share(min(smallest))} to {share(max(smallest))} {where}"] if smallest else []


def _tested(selftest: Selftest) -> str:
    """What the self-test was, and how often it called equals different."""
    told = [
        f"{each.different} of {each.comparisons} {each.instrument} comparisons{'' if each.passed else ', too many'}"
        for each in selftest.equals
    ]
    against = f"{selftest.variant} against itself, called different in {listed(told)}"
    return f"this machine's self-test of {selftest.started[:10]} ({against})"


def _pair(finding: Finding) -> str:
    """What the study's own pair of equals came to."""
    if finding.same is None:
        return ""
    return (
        f" {finding.baseline.title}, measured twice as if it were two variants, came out {times(finding.same)} as fast "
        f"as itself ({interval(finding.same)})."
    )

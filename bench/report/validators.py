"""The answers and the tables of a study of validators: what each costs, and which golden cases it judges wrongly."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from bench.analysis.comparison import Comparison
from bench.analysis.stats import Ratio
from bench.analysis.text import number, times
from bench.report import naming
from bench.report.dots import ALL, Dot, dots
from bench.report.drawing import Chart
from bench.report.rows import Core, Finding
from bench.report.wording import MICRO, fitting, judged, scaled

WITH = ", statement included"  # what a core does beyond validation
ABOUT = "Golden cases that each judges wrongly, by kind. Lines are those of code and of JSON Schema."
KEYS = (("core, statement included", "ink"), ("library", "blue"))  # what the colours of the plot mean
Table = list[list[str]]
WRONG = {"valid": "refused", "invalid": "accepted", "malformed": "accepted"}  # the wrong verdict on each kind of case


def compared(finding: Finding) -> bool:
    """Whether the study compares validators."""
    return any(_is_validator(finding, core) for core in finding.cores)


def answers(finding: Finding) -> Iterator[str]:
    """What the cores take, which judge every golden case rightly; the fastest and the slowest validator."""
    timed = _timed(finding)
    cores = [core for core in timed if not _is_validator(finding, core)]
    told = [f"{naming.core(finding, core)} in {scaled(core.time, MICRO)} µs" for core in cores] or ["no core measured"]
    yield fitting(f"Right on every golden case{WITH}: {told[0]}", told[1:])
    validators = [core for core in timed if _is_validator(finding, core)]
    for name, core in (("Fastest", validators[0]), ("Slowest", validators[-1])) if validators else ():
        yield fitting(f"{name} library: {_takes(finding, core)}", _mistakes(finding, core))


def table(finding: Finding) -> Table:
    """A row for each core and validator, the fastest first: time, mistakes by kind, lines of code and schema."""
    base = naming.core(finding, finding.baseline)
    kinds = [f"{kind} {verdict}" for kind, verdict in WRONG.items()]
    heading = ["validator", "µs a document", f"times {base}", *kinds, "lines"]
    return [heading, *(_row(finding, core) for core in finding.cores)]


def misjudged(finding: Finding) -> Table:
    """A row for each golden case and reason: the wrong verdict, and the validators that reach it."""
    by: dict[tuple[str, str], list[str]] = {}
    for core in finding.cores:
        for case, reason in _departures(finding, core).items():
            by.setdefault((case, reason), []).append(core.title)
    found = sorted(by.items(), key=lambda each: (list(WRONG).index(_kind(each[0][0])), each[0]))
    rows = [[f"`{case}`", WRONG[_kind(case)], ", ".join(names), reason] for (case, reason), names in found]
    return [["golden case", "verdict", "validators", "reason"], *rows] if rows else []


def drawn(finding: Finding, width: int, part: slice = ALL) -> Chart:
    """The time of each core and validator for a document, the fastest first."""
    marks = [
        Dot(
            row=core.title,
            at=time,
            low=time,
            high=time,
            told=number(time),
            hint=f"{core.title}: {number(time)} µs",
            colour=KEYS[_is_validator(finding, core)][1],
        )
        for core in _timed(finding)
        for time in [(core.time.value or 0.0) / MICRO]
    ]
    return dots(marks, width, "µs a document", part, one=False)


def told(finding: Finding) -> list[str]:
    """The figures of the plot in words; empty for a study without validators."""
    return [f"{core.title} {scaled(core.time, MICRO)} µs" for core in _timed(finding)] if compared(finding) else []


def _timed(finding: Finding) -> list[Core]:
    """The cores and validators that have a figure, the fastest first."""
    return [core for core in finding.cores if core.time.value is not None]


def _row(finding: Finding, core: Core) -> list[str]:
    name = core.title if _is_validator(finding, core) else f"{core.title}{WITH}"
    if core.time.value is None:
        return [name, *["—"] * (len(WRONG) + 3)]
    relative = "1×" if core.baseline else judged(_slower(core))
    counts = [str(len(_of_kind(finding, core, kind))) for kind in WRONG]
    return [name, scaled(core.time, MICRO), relative, *counts, str(core.facts.get("lines", "—"))]


def _takes(finding: Finding, core: Core) -> str:
    found = _slower(core)
    if found.ratio and found.significant:
        return f"{core.title} takes {times(found.ratio)} the time of {naming.core(finding, finding.baseline)}"
    return f"{core.title} takes {scaled(core.time, MICRO)} µs"


def _mistakes(finding: Finding, core: Core) -> Iterator[str]:
    """How many valid golden cases it refuses, and how many others it accepts."""
    refused = len(_of_kind(finding, core, "valid"))
    accepted = len(_departures(finding, core)) - refused
    yield f"it accepts {accepted} invalid or malformed golden case{'s' * (accepted != 1)}"
    if refused:
        yield f"and refuses {refused} valid one{'s' * (refused > 1)}"


def _slower(core: Core) -> Comparison:
    """How many times the baseline's time it takes."""
    ratio = core.speedup.ratio
    if ratio is None:
        return core.speedup
    low, high = (end and 1 / end for end in (ratio.high, ratio.low))
    return replace(core.speedup, ratio=Ratio(estimate=1 / ratio.estimate, low=low, high=high))


def _is_validator(finding: Finding, core: Core) -> bool:
    declared = finding.catalog.yardsticks.get(core.variant)
    return declared is not None and declared.is_validator


def _departures(finding: Finding, core: Core) -> dict[str, str]:
    """The golden cases that it judges wrongly; a core judges all of them rightly, or it is not measured."""
    declared = finding.catalog.yardsticks.get(core.variant)
    return (declared.departures if declared else None) or {}


def _of_kind(finding: Finding, core: Core, kind: str) -> list[str]:
    return [case for case in _departures(finding, core) if _kind(case) == kind]


def _kind(case: str) -> str:
    return case.partition("/")[0]

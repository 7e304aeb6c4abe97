"""The effects of a study's settings: targets without a limit, the largest changes first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.analysis.text import number
from bench.report import naming
from bench.report.markdown import Table
from bench.report.rows import Finding
from bench.report.targets import TargetResult
from bench.report.wording import MICRO, fitting

FIGURES = {"cpu": "server CPU", "memory": "memory", "time": "time", "ready": "start"}
RUNTIME = "runc "  # a program's name, with which the title of a place begins


def only_settings(rows: Sequence[TargetResult]) -> bool:
    """Whether no target of the study has a limit: its targets show the effects of settings."""
    return bool(rows) and all(row.target.at_most is None for row in rows)


def answers(finding: Finding) -> Iterator[str]:
    """What each setting adds, from the place where it adds least to the one where it adds most.

    Settings that are undecided in each place come first, as one sentence; those that are undecided in most, last.

    Where settings have no places in common, or lower a figure: the setting that lowers one most, the one that raises
    one most, and how many figures change.
    """
    rows = finding.targets
    if found := _by_setting(finding):
        work = naming.work_named(finding, rows[0].workload).lower()
        certain = {setting: sum(map(_is_certain, places.values())) for setting, places in found.items()}
        unseen = [setting for setting in found if not certain[setting]]
        if unseen:
            lead = f"Undecided: {len(unseen)} of {len(found)} settings, such as {unseen[0]} ({work}, server CPU)"
            yield fitting(f"{lead}: {_most([found[setting] for setting in unseen])}")
        for setting in sorted(filter(certain.get, found), key=lambda name: 2 * certain[name] < len(found[name])):
            yield fitting(f"{_begun(setting)} ({work}, server CPU): {_span(found[setting])}")
        return
    changed = [row for row in by_effect(rows) if row.comparison and row.comparison.significant]
    lower, higher = ([row for row in changed if (_value(row) < 1) is below] for below in (True, False))
    if lower:
        yield fitting(f"Worth it: {_told(finding, lower[0])}")
    if higher:
        yield fitting(f"Costly: {_told(finding, higher[0])}")
    known = sum(row.comparison is not None for row in rows)
    yield fitting(f"A figure is lower in {len(lower)} of {known} comparisons, and higher in {len(higher)}")


def _by_setting(finding: Finding) -> dict[str, dict[str, TargetResult]]:
    """The first workload's figures of each setting, place by place; a title is `place, setting`.

    Empty unless settings have several places, add server CPU, and lower it nowhere.
    """
    found: dict[str, dict[str, TargetResult]] = {}
    for row in [each for each in finding.targets if each.target.metric == "cpu"]:
        place, comma, setting = named(finding, row)[0].partition(", ")
        if row.comparison is None:
            continue
        if not comma or row.below is None or (row.comparison.significant and _value(row) < 1):
            return {}
        if row.workload == finding.targets[0].workload:
            found.setdefault(setting, {})[place] = row
    return found if found and min(map(len, found.values())) > 1 else {}


def _begun(sentence: str) -> str:
    """The words as the beginning of a sentence; a name such as gVisor or runc stays as it is."""
    is_name = sentence[1:2].isupper() or sentence.startswith(RUNTIME)
    return sentence if is_name else f"{sentence[0].upper()}{sentence[1:]}"


def _span(places: dict[str, TargetResult]) -> str:
    """What a setting adds where it surely adds little, and where it surely adds much; undecided places are counted.

    These are the places with the least upper and the greatest lower end of their intervals: the least of many estimates
    is often that of the widest interval.
    """
    known = {place: ends for place, row in places.items() if (ends := _ends(row)) and _is_certain(row)}
    least = min(known, key=lambda place: known[place][1])
    most = max(known, key=lambda place: known[place][0])
    told = [f"{number(_added(places[place]))} µs on {place}" for place in dict.fromkeys((least, most))]
    span = f"from {told[0]} to {told[-1]}" if len(told) > 1 else told[0]
    others = len(places) - len(known)
    return f"{span}; undecided on {others} more" if others else span


def _most(settings: Sequence[dict[str, TargetResult]]) -> str:
    """What undecided settings add at most, and in which place."""
    ends = [(ends[1], place) for places in settings for place, row in places.items() if (ends := _ends(row))]
    if not ends:
        return "without an interval"
    highest, place = max(ends)
    return f"at most {number(highest / MICRO)} µs, on {place}"


def _is_certain(row: TargetResult) -> bool:
    return bool(row.comparison and row.comparison.significant)


def _ends(row: TargetResult) -> tuple[float, float] | None:
    """The server CPU that a setting adds to a request, as an interval; None without one."""
    ratio = row.comparison.ratio if row.comparison else None
    if ratio is None or ratio.low is None or ratio.high is None or row.below is None:
        return None
    return (ratio.low - 1) * row.below, (ratio.high - 1) * row.below


def _added(row: TargetResult) -> float:
    """The server CPU that a setting adds to a request."""
    return (_value(row) - 1) * (row.below or 0.0) / MICRO


def by_effect(rows: Sequence[TargetResult]) -> list[TargetResult]:
    """What lowers a figure, the most first; what raises one; then what is equal, undecided or unknown."""
    return sorted(rows, key=_order)


def table(finding: Finding) -> Table:
    """A row for each setting and workload, what lowers a figure first."""
    rows = [[*named(finding, row), row.reason or row.text, added(row)] for row in by_effect(finding.targets)]
    return [["setting", "figure", "workload", "relative to the same without it", "added, µs/request"], *rows]


def targets(finding: Finding) -> Table:
    """The targets of a study, missed ones like the others, or its settings; empty without any."""
    if only_settings(finding.targets):
        return table(finding)
    rows = [
        [
            f"{row.target.title} ({row.remark})" if row.remark else row.target.title,
            finding.catalog.workloads[row.workload].title,
            row.reason or row.text,
            row.limit,
            row.outcome or "",
            row.fold,
        ]
        for row in finding.targets
    ]
    heading = ["target", "workload", "figure", "limit", "outcome", f"times as fast as {finding.baseline.title}"]
    return [heading, *rows] if rows else []


def added(row: TargetResult) -> str:
    """The server CPU that a setting adds to a request, in microseconds, with its interval.

    It is what the ratio says of the server CPU without the setting. Empty for other figures, and unless the ratio is
    significant.
    """
    ratio = row.comparison.ratio if row.comparison and row.comparison.significant else None
    if row.below is None or ratio is None or ratio.low is None or ratio.high is None:
        return ""
    estimate, low, high = (number((end - 1) * row.below / MICRO) for end in (ratio.estimate, ratio.low, ratio.high))
    return f"{estimate} ({low}–{high})" if ratio.low > 1 else f"{estimate} ({low} to {high})"


def undecided(finding: Finding) -> list[str]:
    """The settings and figures that are undecided."""
    rows = [row for row in finding.targets if row.comparison and row.comparison.undecided]
    return [", ".join(named(finding, row)) for row in rows]


def _told(finding: Finding, row: TargetResult) -> str:
    setting, figure, where = named(finding, row)
    return f"{setting} ({where.lower()}): {number(_value(row))}× the {figure}"


def named(finding: Finding, row: TargetResult) -> tuple[str, str, str]:
    """The setting, its figure and the workload. Targets of one stack have the setting of the first: `the same`."""
    target = row.target
    first = next(each.target for each in finding.targets if each.target.subject == target.subject)
    same = first if "the same" in target.title.lower() else target
    figure = FIGURES.get(target.metric, target.metric)
    return same.title.rpartition(":")[0] or same.title, figure, naming.work_named(finding, row.workload)


def _order(row: TargetResult) -> tuple[int, float]:
    found, value = row.comparison, _value(row)
    if found is None:
        return 4, 0.0
    if found.significant:
        return (0, value) if value < 1 else (1, -value)
    return 2 if found.equal else 3, 0.0


def _value(row: TargetResult) -> float:
    return row.value or 1.0

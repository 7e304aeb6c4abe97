"""The files of the site that Sphinx does not write: the data of the results page and of each plot, kept sessions.

Below `docs/` of the site: `results-data.js` has the figures of all sessions for docs/results.js, `results.csv` the
same with a stack a line. `sessions.csv` has a session a line; docs/conf.py makes a table of it. `findings/plots` has
the data of each plot, NAME.csv for NAME.svg. `findings/data` and `data` have the sessions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from bench import keep
from bench.keep import Kept
from bench.paths import KEPT, ROOT
from bench.report import docs
from bench.report.rows import Finding
from bench.report.site import history, pairs
from bench.report.site.plots import plot_csv, table
from bench.report.site.records import QUANTITIES, Group, Measured, Source, measured, together

DOCS = ROOT / "docs"
OTHERS = DOCS / "data"  # sessions whose figures the docs show, but no finding
FORMER = "findings/data/former"
DIGITS = 4  # of a ratio


def write(site: Path, words: docs.Spoken) -> list[Measured]:
    """Write all files below `site`, with the `words` of the pages' plots. Returns the sessions."""
    found = docs.findings(words=words)
    sessions = everything(found, site / "docs")
    texts = {"results-data.js": script(sessions), "results.csv": table(figures(sessions))}
    texts["sessions.csv"] = table(map(line, sessions))
    for name, finding in found.items():
        texts |= {f"findings/plots/{name}-{each.name}.csv": plot_csv(each.chart) for each in docs.drawn(finding)}
    for name, text in texts.items():
        _save(site / "docs" / name, text.encode())
    return sessions


def everything(found: dict[str, Finding], folder: Path) -> list[Measured]:
    """The sessions in the order of the page, each copied into `folder`: findings, other docs, then former sessions."""
    own = [*_stored(KEPT), *_stored(OTHERS)]
    former = history.former((KEPT, OTHERS), [history.identity(kept) for kept, _, _ in own])
    own += [(kept, content, _source(kept)) for kept, content in former]
    for _, content, source in own:
        _save(folder / source.file, content)
    single = [measured(kept, source) for kept, _, source in own]
    return list(_with_those_together(single, found))


def _with_those_together(single: Sequence[Measured], found: dict[str, Finding]) -> Iterator[Measured]:
    """The sessions, and before those of a study with several that study's figures over all of them."""
    for (study, page), group in groupby(single, key=lambda each: (each.study, each.source.page)):
        sessions = sorted(group, key=lambda each: each.started, reverse=True)
        if page and found[study].over:
            yield together(found[study], sessions, sessions[0].source)
        yield from sessions


def _stored(folder: Path) -> Iterator[tuple[Kept, bytes, Source]]:
    """The sessions of a folder, study by study."""
    read = [(keep.read(path), path) for path in folder.glob(f"*{keep.SUFFIX}")]
    for kept, path in sorted(read, key=lambda each: _order(each[0])):
        page = f"findings/{kept.study.name}.md" if folder == KEPT else None
        file = str(path.relative_to(DOCS))
        yield kept, path.read_bytes(), Source(file=file, page=page)


def _order(kept: Kept) -> tuple[int, str, str]:
    """The key to sort sessions by: studies as in the index of the findings, then the others by name."""
    name, started = history.identity(kept)
    return docs.ASKED.index(name) if name in docs.ASKED else len(docs.ASKED), name, started


def _source(kept: Kept) -> Source:
    """Where a former session lies in the site."""
    name, started = history.identity(kept)
    when = started[:16].replace(":", "")
    return Source(file=f"{FORMER}/{name}-{when}{keep.SUFFIX}", former=True)


def line(each: Measured) -> dict[str, Any]:
    """A session's line in the list of sessions."""
    return {
        "study": each.study,
        "title": each.title,
        "started": each.started,
        "sessions": each.sessions,
        "machine": each.machine,
        "commit": each.commit,
        "workloads": len({group.workload for group in each.groups}),
        "stacks": len({entry.stack for group in each.groups for entry in group.entries}),
        "former": each.source.former,
        "page": each.source.page or "",
        "file": each.source.file,
        "command": each.command,
    }


def figures(sessions: Sequence[Measured]) -> Iterator[dict[str, Any]]:
    """A line for each stack of each group."""
    names = {name: f"{each.title}, {each.unit}" for name, each in QUANTITIES.items()}
    for session in sessions:
        for group in session.groups:
            for entry in group.entries:
                yield {
                    "study": session.study,
                    "started": session.started,
                    "sessions": session.sessions,
                    "machine": session.machine,
                    "commit": session.commit,
                    "workload": group.workload,
                    "load": group.load,
                    "stack": entry.stack,
                    "variant": entry.variant,
                    "framework": entry.framework,
                    "server": entry.server,
                } | {title: entry.figures.get(name, "") for name, title in names.items()}


def script(sessions: Sequence[Measured]) -> str:
    """The figures as a script, which a browser loads from disk, too."""
    data = {"quantities": QUANTITIES, "sessions": [_session(each) for each in sessions]}
    return f"window.RESULTS = {msgspec.json.encode(data).decode()};\n"


def _session(each: Measured) -> dict[str, Any]:
    own = msgspec.structs.asdict(each) | {"name": each.name, "groups": [_group(group) for group in each.groups]}
    return own | {"source": msgspec.to_builtins(each.source)}


def _group(group: Group) -> dict[str, Any]:
    """A group, with its ratios as a triangle: row i has those of entry i to the entries before it."""
    names = [entry.stack for entry in group.entries]
    ratios = [[_ratio(group, above, below) for below in names[:at]] for at, above in enumerate(names)]
    return {
        "workload": group.workload,
        "title": group.title,
        "load": group.load,
        "loadTitle": group.load_title,
        "entries": [msgspec.to_builtins(entry) for entry in group.entries],
        "ratios": ratios if any(any(row) for row in ratios) else [],
    }


def _ratio(group: Group, above: str, below: str) -> list[Any] | None:
    """Estimate, ends of the interval, and whether it is significant (s), equal (e) or undecided (u)."""
    found = pairs.of(group.ratios, above, below)
    if found is None or found.ratio is None:
        return None
    ratio = found.ratio
    ends = [None if each is None else float(f"{each:.{DIGITS}g}") for each in (ratio.estimate, ratio.low, ratio.high)]
    return [*ends, "s" if found.significant else "e" if found.equal else "u"]


def _save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)

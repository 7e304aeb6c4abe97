"""The findings in the docs: an index and a page for each study, made from the sessions kept in the repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from bench import keep
from bench.analysis import drift as sources
from bench.analysis.selftest import Selftest, judge
from bench.analysis.text import listed
from bench.measure.instruments.delivered import LINE
from bench.model import Words
from bench.paths import FINDINGS, KEPT
from bench.report import deliveries, drift, every_stack, readme, robustness
from bench.report.answer import answers
from bench.report.finding import find
from bench.report.markdown import render
from bench.report.pictures import Picture, pictures
from bench.report.rows import Finding
from bench.report.study_page import machine, page
from bench.report.together import together

ASKED = (
    "variants",
    "servers",
    "stacks",
    "tails",
    "loads",
    "ablations",
    "ablations-peers",
    "waiting",
    "robustness",
    "cpu-shares",
    "replacements",
    "delivery",
    "newest",
    "nodejs",
    "spring",
    "pypy",
    "frameworks",
    "identity",
    "events",
    "statistics",
    "hal",
    "validators",
    "sessions",
)  # studies in the index, measured or not
Spoken = dict[str, Words]  # by the name of what they are of
MARKS = "¹²³⁴⁵⁶⁷⁸⁹"  # of machines in the index


def write(
    kept: Path = KEPT, folder: Path = FINDINGS, words: Spoken | None = None, front: Path | None = None
) -> list[Path]:
    """Write the pages and plots of kept studies, the index, every stack, and README's tables if `front` is its path.

    Other pages and plots are removed. The same kept sessions yield the same bytes. Returns the paths of the files.
    """
    found = findings(kept, words)
    files = {folder / name: text for name, text in texts(found).items()}
    for name, finding in found.items():
        files |= {folder / "plots" / f"{name}-{each.name}.svg": each.svg() for each in drawn(finding)}
    for path in [*folder.glob("*.md"), *folder.glob("plots/*.svg")]:
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [*files, *([readme.write(found, front)] if front else [])]


def drawn(finding: Finding) -> Iterator[Picture]:
    """The plots of a study's page."""
    if finding.drift:
        yield drift.picture(finding.drift)
    elif finding.attacked:
        yield robustness.picture(finding.attacked)
    elif finding.delivered:
        if deliveries.of(finding, LINE):
            yield deliveries.picture(finding)
    elif not finding.limited and not finding.replaced:
        yield from pictures(finding)


def findings(kept: Path = KEPT, words: Spoken | None = None) -> dict[str, Finding]:
    """The finding of every kept study, over all its sessions.

    `words` are short names and caveats in place of the sessions' own: advice of today, which changes no figure.
    """
    known = list(keep.all_kept(kept))
    tested = {
        each.session.machine.get("fingerprint"): found
        for own in known
        for each in own
        if each.study.selftest and (found := judge(each.session, each.runs))
    }
    return {own[0].study.name: _over([_worded(each, words) for each in own], tested) for own in known}


def _worded(each: keep.Kept, words: Spoken | None) -> keep.Kept:
    if words is None:
        return each
    plan = each.session.plan
    plan = replace(plan, catalog=replace(plan.catalog, words=words))
    return replace(each, session=replace(each.session, plan=plan))


def _over(own: Sequence[keep.Kept], tested: Mapping[object, Selftest]) -> Finding:
    """The finding of a study's sessions, the oldest first. `tested`: kept self-tests by the machine's fingerprint.

    A session without a self-test of its own has that of its machine.
    """
    tests = [each.selftest or tested.get(each.session.machine.get("fingerprint")) for each in own]
    if own[0].study.selftest:
        tests = [judge(each.session, each.runs) for each in own]
    found = together([find(each.session, each.runs, selftest=test) for each, test in zip(own, tests, strict=True)])
    last = own[-1]
    if not last.study.factors:
        return found
    return replace(found, drift=sources.judge(last.session, last.runs))


def texts(found: dict[str, Finding]) -> dict[str, str]:
    """The index, the page of every stack and those of studies as Markdown, by file name."""
    pages = {f"{name}.md": page(finding) for name, finding in found.items()}
    looked_up = every_stack.text(found)
    return {"README.md": index(found), **({"every-stack.md": looked_up} if looked_up else {}), **pages}


def index(found: dict[str, Finding]) -> str:
    """All questions with their answers and dates. Dates have a mark where pages are of different machines."""
    names = [name for name in dict.fromkeys((*ASKED, *found)) if name in found]
    known = list(dict.fromkeys(machine(found[name].session) for name in names))
    marks = dict(zip(known, MARKS, strict=False)) if len(known) > 1 else {}
    rows = [["question", "answer", "measured"]]
    for name in names:
        session = found[name].session
        day = f"{session.started[:10]}{marks.get(machine(session), '')}"
        study = found[name].study
        question = f"[{study.question}]({name}.md)" + (" (a first look)" if study.first_look else "")
        rows.append([question, "<br>".join(answers(found[name])), day])
    return render(
        "findings.md",
        rows=rows,
        machines=" ".join(f"{mark} {machine}." for machine, mark in marks.items()),
        unmeasured=listed([f"`{name}`" for name in ASKED if name not in found]),
    )

"""The findings in the docs: an index and a page for each study, made from the sessions kept in the repository."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench import keep
from bench.analysis import drift as sources
from bench.analysis.selftest import Selftest, judge
from bench.analysis.text import listed
from bench.paths import FINDINGS, KEPT
from bench.report import drift, selftest
from bench.report.answer import paragraphs
from bench.report.finding import find
from bench.report.markdown import render
from bench.report.pictures import Picture, pictures
from bench.report.rows import Finding
from bench.report.study_page import is_too_high, page
from bench.report.together import together

ASKED = (
    "variants",
    "servers",
    "loads",
    "ablations",
    "ablations-peers",
    "waiting",
    "newest",
    "nodejs",
    "spring",
    "pypy",
    "frameworks",
    "sessions",
)  # studies in the index, measured or not


def write(kept: Path = KEPT, folder: Path = FINDINGS) -> list[Path]:
    """Write the page and the plots of every kept study, and the index. Other pages and plots are removed.

    The same kept sessions yield the same bytes. Returns the paths of the written files.
    """
    found = findings(kept)
    files = {folder / name: text for name, text in texts(found).items()}
    for name, finding in found.items():
        files |= {folder / "plots" / f"{name}-{each.name}.svg": each.svg() for each in drawn(finding)}
    for path in [*folder.glob("*.md"), *folder.glob("plots/*.svg")]:
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)


def drawn(finding: Finding) -> Iterator[Picture]:
    """The plots of a study's page."""
    yield from [drift.picture(finding.drift)] if finding.drift else pictures(finding)


def findings(kept: Path = KEPT) -> dict[str, Finding]:
    """The finding of every kept study, over all its sessions."""
    return {own[0].study.name: _over(own) for own in keep.all_kept(kept)}


def _over(own: Sequence[keep.Kept]) -> Finding:
    """The finding of a study's sessions, the oldest first."""
    found = together([find(each.session, each.runs, selftest=_selftest(each)) for each in own])
    last = own[-1]
    if not last.study.factors:
        return found
    return msgspec.structs.replace(found, drift=sources.judge(last.session, last.runs))


def texts(found: dict[str, Finding]) -> dict[str, str]:
    """The index and the pages as Markdown, by file name."""
    return {"README.md": index(found)} | {f"{name}.md": page(finding) for name, finding in found.items()}


def index(found: dict[str, Finding]) -> str:
    """The list of all questions with their answers. A study without a kept session is not measured yet."""
    rows = [["question", "answer", "measured"]]
    for name in dict.fromkeys((*ASKED, *found)):
        finding = found.get(name)
        if finding:
            short = " ".join(_short(finding))
            rows.append([f"[{finding.study.question}]({name}.md)", short, finding.session.started[:10]])
        else:
            rows.append([f"`{name}`", f"not measured yet: `python -m bench run {name} --keep`", ""])
    awaiting = [f"[{name}]({name}.md)" for name, finding in found.items() if is_too_high(finding)]
    return render("findings.md", rows=rows, awaiting=listed(awaiting))


def _selftest(each: keep.Kept) -> Selftest | None:
    """The self-test of the session's machine. The verdict of a self-test's own session derives from its runs."""
    return judge(each.session, each.runs) if each.study.selftest else each.selftest


def _short(finding: Finding) -> Iterator[str]:
    """The answer in the index: the lines of a verdict, or the first sentences of each paragraph."""
    if finding.study.selftest and finding.selftest:
        yield from selftest.lines(finding.selftest)
    elif finding.drift:
        yield from drift.lines(finding.drift)
    else:
        yield from (lead for lead, *_ in paragraphs(finding))

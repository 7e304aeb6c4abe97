"""What a page has no figures of: one line for all that have the same reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from bench.analysis.text import listed
from bench.report.rows import Finding

INTERFACES = re.compile(r"\S+ (calls|serves) .*, \S+ (speaks|is) \w+$")  # the reason of a pair with two interfaces
MISMATCH = "server and framework have different interfaces (WSGI, ASGI or RSGI)"
NAMED = 3  # most subjects of a line that are named


class Missing(msgspec.Struct, frozen=True):
    """Subjects without figures: their verdict (`kind`), the reason and the command that remedies it."""

    what: str
    kind: str
    reason: str
    remedy: str | None = None


def missing(finding: Finding) -> list[Missing]:
    """The lines of a page: what is unavailable, failed, or was eliminated before it had figures."""
    together: dict[tuple[str, str, str | None], list[str]] = {}
    for each in _each(finding):
        reason = MISMATCH if INTERFACES.match(each.reason) else each.reason
        together.setdefault((each.kind, reason, each.remedy), []).append(each.what)
    return [Missing(_named(list(dict.fromkeys(what))), *why) for why, what in together.items()]


def _named(what: list[str]) -> str:
    return listed(what) if len(what) <= NAMED else f"{len(what)} stacks, such as {what[0]}"


def _each(finding: Finding) -> Iterator[Missing]:
    for lack in finding.session.unavailable:
        yield Missing(lack.what, lack.kind, lack.reason, lack.remedy)
    for run in {run.case.identity: run for each in finding.each for run in each.failed}.values():
        yield Missing(run.case.label, "failed", run.told or "without a reason")
    for each in finding.each:
        ranked = {stack.stack for stack in (*each.ranking, *each.raced)}
        for row in each.rows:
            if row.verdict == "eliminated" and row.stack not in ranked:
                where = f", {each.title}" if finding.others else ""
                yield Missing(f"{row.stack}{where}", row.verdict, row.reason or "without a reason")

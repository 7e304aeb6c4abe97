"""The baseline's answers in words: a line for each request, so that an error page with status 200 is seen."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from bench.model import Exchange

ERROR = 400  # the lowest status of an error, which may be the right answer to some requests
SHOWN = 20  # requests
WIDTH = 60  # characters of a cell
TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def lines(exchanges: Sequence[Exchange]) -> Iterator[str]:
    """Yield a row for each of the first `SHOWN` requests: name, request, status, content type, bytes, beginning."""
    rows = [_row(each) for each in exchanges[:SHOWN]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = zip(row, widths, strict=True)
        yield "  ".join(
            cell.rjust(width) if cell.endswith(" B") else cell.ljust(width) for cell, width in padded
        ).rstrip()
    rest = exchanges[SHOWN:]
    if rest:
        errors = sum(each.status >= ERROR for each in rest)
        yield f"… and {len(rest)} more" + (f", {errors} of them with status 400 or higher" if errors else "")


def excerpt(body: bytes) -> str:
    """Return the title of an HTML page, or else the first `WIDTH` characters of a body, in one line."""
    text = body.decode("utf-8", "backslashreplace")
    title = TITLE.search(text)
    words = " ".join(html.unescape(title[1]).split()) if title else ""
    return _cut(words or " ".join(text.split()))


def _cut(words: str) -> str:
    return words if len(words) <= WIDTH else f"{words[:WIDTH]}…"


def _row(each: Exchange) -> tuple[str, ...]:
    return (
        "error" if each.status >= ERROR else "",
        _cut(each.name),
        _cut(f"{each.method} {each.path}"),
        str(each.status),
        each.expect_headers.get("content-type", "no content type"),
        f"{len(each.expect):,} B",
        excerpt(each.expect),
    )

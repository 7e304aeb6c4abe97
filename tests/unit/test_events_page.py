"""docs/events.md: its settings are those that the layer reads, and its figures those of the code."""

import re

from app import consumer, nats, sparing, work
from app.deferred import RETRY
from app.http import DEFAULT_MAX_BYTES
from bench.paths import ROOT
from tests.contract.deferring import EVERY
from tests.contract.faults import FAULTS, REPLACED, STALL_SECONDS

PAGE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight")


def test_the_page_has_every_setting() -> None:
    source = "".join((ROOT / "app" / name).read_text(encoding="utf-8") for name in ("events.py", "http.py"))
    read = set(re.findall(r"STATEMENTS_[A-Z]+(?:_[A-Z]+)*", source))
    assert set(re.findall(r"^\| `(STATEMENTS_[A-Z_]+)` \|.*\| [^|]+ \|$", PAGE, re.MULTILINE)) - STREAMS == read
    assert DEFAULT_MAX_BYTES == 64 * 2**20
    assert "| 64 MiB |" in PAGE


STREAMS = {work.QUEUE, work.EVENTS}


def test_the_page_has_every_stream_and_subject() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \| (?:documents|results|events)", PAGE, re.MULTILINE))
    assert rows == {stream["name"] for stream in work.STREAMS}
    assert f"`{work.MADE}`" in PAGE


def test_the_page_has_the_figures_of_the_code() -> None:
    figures = {
        "Retry-After: 1": RETRY == ("Retry-After", "1"),
        "within 2 s": nats.LIMIT_SECONDS == 2,
        "at once for a second": nats.AWAY_SECONDS == 1,
        "four if the worker makes the streams": len(work.STREAMS) == 3,
        "at most 256 MiB": {stream["max_bytes"] for stream in work.STREAMS} == {256 * 2**20},
        "for an hour": work.KEPT_SECONDS == 3600,
        "again after 5 s": consumer.REDELIVERY_SECONDS == 5,
        f"given\nout {WORDS[consumer.MAX_DELIVERIES]} times": True,
        "once in 10 s": sparing.PERIOD_SECONDS == 10,
        f"has {WORDS[work.PARTITIONS]} partitions": True,
        f"stalls for {STALL_SECONDS:g} s": True,
        f"on all {len(EVERY)} servers": True,
    }
    assert {words: words in PAGE for words in figures} == figures == dict.fromkeys(figures, True)


def test_the_page_says_for_every_server_what_a_killed_worker_does() -> None:
    assert sorted(REPLACED) == sorted(stack.server for stack in EVERY)


def test_the_page_has_counts_of_every_server_and_none_is_lost_or_doubled() -> None:
    table = PAGE[PAGE.index("| lost / doubled of acknowledged |") :].partition("\n\n")[0]
    head, _, *rows = [line.strip("| ").replace(" ", "").split("|") for line in table.splitlines()]
    assert head[1:] == sorted(FAULTS)
    assert [row[0] for row in rows] == sorted(stack.server for stack in EVERY)
    assert {cell.partition("of")[0] for row in rows for cell in row[1:]} == {"0/0"}

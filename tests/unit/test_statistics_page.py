"""docs/statistics.md: its settings, metrics and fields are those of the code, and it tells what the tests try."""

import json
import re
from pathlib import Path

from app import batches, context, log, metering, metrics, request_id, trace, tracing
from app.deployment import Deployment
from app.lines import MOST_BYTES, Lines
from app.metering import CELLS, FALLBACKS, LINES_LOST, SPANS_LOST, Meter, file_in
from app.principal import Principal
from app.routes import METHODS
from app.sampling import Sampler
from app.slots import Slots
from app.versions import Running
from bench.paths import ROOT
from tests.contract.test_statistics import EVERY, PIPED, RELOADED, SERVERS
from tests.contract.test_traces import (
    AWAY,
    NEEDS_THE_LAYER_DRAIN,
    NEEDS_THE_TUNING_DRAIN,
    RUNS_NO_THREAD,
    RUNS_NOTHING_AT_ITS_END,
    TAKES_ONE_OF_TWO,
)
from tests.unit.interfaces import answering, ask_as

PAGE = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
FIRST_CELL = re.compile(r"^\| (`[^|]+`) \|", re.MULTILINE)
WORDS = {2: "two", 3: "three", 7: "seven"}
RULES = {"sampled", "slow_ms"}
RUNNING = Running("0.1.0", None, Deployment(version="v42"))


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def named(text: str) -> set[str]:
    """What the first cells of a section's tables name."""
    return {name for cell in FIRST_CELL.findall(text) for name in re.findall("`([^`]+)`", cell)}


def test_the_page_has_every_setting() -> None:
    source = "".join((ROOT / "app" / name).read_text(encoding="utf-8") for name in ("metrics.py", "log.py"))
    assert named(section("Switch them on")) == set(re.findall(r"STATEMENTS_[A-Z]+(?:_[A-Z]+)*", source))
    assert f"at least {metrics.TOKEN_CHARACTERS} printable characters" in PAGE


def test_the_page_has_every_setting_of_traces() -> None:
    source = "".join(
        (ROOT / "app" / name).read_text(encoding="utf-8") for name in ("trace.py", "otel.py", "batches.py")
    )
    described = set(re.findall(r"^(OTEL_\w+)  ", source, re.MULTILINE))
    assert {name for name in named(section("Traces")) if name.startswith("OTEL_")} == described
    assert set(trace.SAMPLERS) <= set(re.findall("`([^`]+)`", section("Traces")))


def test_the_page_says_on_which_servers_spans_are_lost() -> None:
    told = section("Traces").partition("### On which servers are there spans?")[2]
    assert named(told) == RUNS_NOTHING_AT_ITS_END | NEEDS_THE_LAYER_DRAIN | NEEDS_THE_TUNING_DRAIN
    assert {"fastwsgi"} == RUNS_NO_THREAD == TAKES_ONE_OF_TWO
    assert told.lstrip().startswith("On all but FastWSGI, ")
    assert "on all servers but FastWSGI, uWSGI's gevent and asyncio; bjoern, Waitress and uWSGI [drain]" in PAGE
    assert len(RUNS_NO_THREAD | RUNS_NOTHING_AT_ITS_END) == len(AWAY) == 3


def test_the_page_has_every_metric_and_its_kind(tmp_path: Path) -> None:
    meter = Meter(Slots(file_in(tmp_path), CELLS), dict.fromkeys((FALLBACKS, LINES_LOST, SPANS_LOST), lambda: 0))
    meter.began()
    meter.ended(("GET", "/hello", ""), 200, 0, 0, 1)
    families = [*meter.families(), metrics.build_info(RUNNING)]
    kinds = {name: kind for name, kind, _, _ in families} | {"statements_server_queue_length": "gauge"}
    assert dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section("What is counted?"), re.MULTILINE)) == kinds


def test_the_page_has_every_field() -> None:
    written: list[bytes] = []
    lines = Lines(written.append)
    lines.lost = 1
    logged = log.wsgi(answering("wsgi", lambda: b""), log.Log(lines, Sampler(""), log.members_of(RUNNING)))
    application = context.wsgi(request_id.wsgi(trace.wsgi(logged)))
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ask_as(Principal("anna", frozenset()), "wsgi", application, "GET", "/hello", traceparent=parent)
    fields = set(json.loads(written[0])) | {"user.id", "statements.core.duration", "statements.sampled"}
    sample = re.search(r'^\{"@timestamp".*?\}$', PAGE, re.MULTILINE | re.DOTALL)
    assert sample is not None
    assert set(json.loads(sample[0])) == fields - {"statements.lines_lost", "statements.sampled"}
    assert named(section("What does a line have?")) - RULES <= fields


def test_the_page_has_the_figures_of_the_code() -> None:
    figures = {
        "15 bounds from 0.1 ms to 10 s": (len(metering.BOUNDS), metering.BOUNDS[0], metering.BOUNDS[-1])
        == (15, "0.0001", "10.0"),
        "520 combinations": len(metering.SERIES) == 520,
        "at most 4,096 bytes (`PIPE_BUF`)": MOST_BYTES == 4096,
        "at most 128 characters": log.SUBJECT_CHARACTERS == log.DEPLOYMENT_CHARACTERS == 128,
        f'"ecs.version":"{log.ECS}"': True,
        "A method is one of\n  seven": len(METHODS) == 7,
        "32 members or 512 characters": (tracing.STATE_MEMBERS, tracing.STATE_CHARACTERS) == (32, 512),
        "The server ends at most 2 s later": batches.STOP_SECONDS == 2,
        "| 2048 |": batches.Limits().waiting == 2048,
        "| 512 |": batches.Limits().at_once == 512,
        "| 5000 |": batches.Limits().seconds == 5,
    }
    assert {words: words in PAGE for words in figures} == figures == dict.fromkeys(figures, True)


def test_the_page_says_on_how_many_servers_each_fault_is_tested() -> None:
    told = re.findall(r"\| on (?:all )?(\w+) servers \|$", section("What if a worker dies?"), re.MULTILINE)
    assert set(told) == {str(len(EVERY)), WORDS[len(RELOADED)], WORDS[len(PIPED)]}
    assert f"CI tests {WORDS[len(SERVERS)]} servers" in PAGE

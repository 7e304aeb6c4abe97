"""The layer `log`: a line of ECS for each request, no secrets, no injection, and no waiting for a slow reader."""

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import context, contract, layers, log, trace
from app.http import REQUEST_ID
from app.lines import MOST_BYTES, Lines, writer
from app.log import Log
from app.principal import Principal
from app.sampling import Sampler
from app.trace import Traces
from app.tracing import TRACE
from tests.cores import document, order
from tests.unit.interfaces import INTERFACES, answering, ask, ask_as
from tests.unit.test_events import SERVICES

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"
SECRET = "hunter2"  # noqa: S105 - made up


class Written(list[bytes]):
    """The lines, as they are written."""

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self]


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def logged(written: Written) -> Log:
    return Log(Lines(written.append), Sampler(""))


def service(interface: str, logged: Log) -> Any:
    wait = (lambda _seconds: None) if interface == "wsgi" else None
    application = SERVICES[interface].make(contract.load_core("app.core"), {}, wait)
    return getattr(trace, interface)(getattr(log, interface)(application, logged))


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_request_is_a_line_of_ecs(interface: str, written: Written, logged: Log) -> None:
    sent, begin = document(order()), datetime.now(UTC)
    answer = ask_as(
        Principal('Ann "Lee"\n', frozenset()), interface, service(interface, logged),
        "POST", "/statements", sent, Content_Type="application/json", traceparent=PARENT,
    )  # fmt: skip
    (line,) = written.lines()
    assert begin <= datetime.fromisoformat(line.pop("@timestamp")) <= datetime.now(UTC)
    assert re.fullmatch("[0-9a-f]{24}-0", line.pop("event.id"))
    assert re.fullmatch("(?!b7ad6b7169203331)[0-9a-f]{16}", line.pop("transaction.id"))
    assert 0 < line.pop("event.duration") < 10**9
    assert line == {
        "log.level": "info",
        "message": "POST /statements 200",
        "ecs.version": log.ECS,
        "http.request.method": "POST",
        "http.route": "/statements",
        "http.response.status_code": 200,
        "process.pid": os.getpid(),
        "http.request.body.bytes": len(sent),
        "http.response.body.bytes": len(answer.body),
        "trace.id": TRACE_ID,
        "user.id": 'Ann "Lee"\n',
    }


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("order_of", [["request_id", "log"], ["log", "request_id"]])
def test_the_line_has_the_id_of_the_request(
    interface: str, order_of: list[str], written: Written, logged: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "configured", lambda: logged)
    application = layers.around(answering(interface, lambda: b""), interface, order_of)
    ask(interface, application, "GET", "/hello", X_Request_ID="one")
    ask(interface, application, "GET", "/hello", X_Request_ID='two"\\u000a')
    one, other = (line["http.request.id"] for line in written.lines())
    assert one == "one"
    assert re.fullmatch("[0-9a-f]{32}", other)


@pytest.mark.parametrize("interface", INTERFACES)
def test_no_secret_gets_into_a_line(interface: str, written: Written, logged: Log) -> None:
    headers = dict.fromkeys(("Authorization", "Cookie", "X_Api_Key", "User_Agent", "Referer", "traceparent"), SECRET)
    application = service(interface, logged)
    for method, path in (("GET", "/hello"), ("POST", "/statements"), ("GET", f"/{SECRET}"), (SECRET, "/hello")):
        ask_as(None, interface, application, method, f"{path}?token={SECRET}", SECRET.encode(), **headers)
    assert len(written) == 4
    assert SECRET.encode() not in b"".join(written)


def test_the_line_has_the_trace_that_began_here(written: Written, logged: Log) -> None:
    for _ in range(2):
        ask_as(None, "wsgi", service("wsgi", logged), "GET", "/hello", traceparent=SECRET)
    one, other = ((line["trace.id"], line["transaction.id"]) for line in written.lines())
    assert all(re.fullmatch("[0-9a-f]{32} [0-9a-f]{16}", " ".join(each)) for each in (one, other))
    assert not {*one} & {*other}


def test_without_the_layer_trace_a_line_has_none(written: Written, logged: Log) -> None:
    ask("wsgi", context.wsgi(log.wsgi(answering("wsgi", lambda: b""), logged)), "GET", "/hello", traceparent=PARENT)
    assert not {"trace.id", "transaction.id"} & written.lines()[0].keys()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(), st.text(), st.text(), st.text(), st.integers(100, 599))
def test_whatever_a_client_sends_is_one_line_of_ascii(
    written: Written, logged: Log, method: str, path: str, parent: str, subject: str, status: int
) -> None:
    written.clear()

    def act() -> bytes:
        TRACE.set(Traces().of(parent, ""))
        logged.ended((method, path, "http"), status, 0, 0, 1)
        return b""

    ask_as(Principal(subject, frozenset()), "wsgi", answering("wsgi", act), "GET", "/")
    (line,) = written
    assert line.isascii()
    assert line.endswith(b"}\n")
    assert all(byte >= 0x20 for byte in line[:-1])
    assert json.loads(line)["user.id"] == subject[: log.SUBJECT_CHARACTERS]


def test_the_longest_line_is_written_at_once(written: Written, logged: Log) -> None:
    logged.lines.lost = 10**18

    def act() -> bytes:
        REQUEST_ID.set("x" * 128)
        TRACE.set(Traces().of(f"cc-{TRACE_ID}-b7ad6b7169203331-01-{'x' * 9000}", ""))
        logged.ended(("OPTIONS", "/statements/x/customers/y", "https"), 599, 10**18, 10**18, 10**18)
        return b""

    ask_as(Principal("𝄞" * 9000, frozenset()), "wsgi", answering("wsgi", act), "GET", "/")
    (line,) = written
    assert len(line) <= MOST_BYTES
    assert json.loads(line)["statements.lines_lost"] == 10**18


def test_an_error_has_its_level(written: Written, logged: Log) -> None:
    for status in (499, 500):
        logged.ended(("GET", "/hello", ""), status, 0, 0, 1)
    assert [line["log.level"] for line in written.lines()] == ["info", "error"]


def test_ids_of_events_are_unique_in_all_processes(written: Written) -> None:
    processes = [Log(Lines(written.append), Sampler("")) for _ in range(2)]
    for each in processes:
        for _ in range(100):
            each.ended(("GET", "/hello", ""), 200, 0, 0, 1)
    assert len({line["event.id"] for line in written.lines()}) == 200


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def fill(log_lines: Lines, losses: int = 1) -> int:
    """Put numbered lines until so many are lost. Returns how many got through."""
    for number in count():
        log_lines.put(b'{"number":%d}\n' % number)
        if log_lines.lost == losses:
            return number + 1 - losses
    raise AssertionError


def test_a_full_pipe_loses_lines_and_the_next_one_tells_how_many() -> None:
    with pipe() as (reader, stdout):
        log_lines = Lines(writer(stdout))
        through = fill(log_lines, losses=3)
        assert os.get_blocking(stdout), "what others write to stdout waits, as before"
        read = os.read(reader, 2**20)
        log_lines.put(b'{"number":-1}\n')
        log_lines.put(b'{"number":-2}\n')
        read += os.read(reader, 2**20)
    *first, told, last = [json.loads(line) for line in read.splitlines()]
    assert first == [{"number": number} for number in range(through)]
    assert told == {"number": -1, "statements.lines_lost": 3}
    assert last == {"number": -2}


def test_threads_tell_each_lost_line_once() -> None:
    numbers, written = count(1), Written()

    def write(line: bytes) -> None:
        if next(numbers) % 3:
            raise BlockingIOError
        written.append(line)

    log_lines = Lines(write)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(log_lines.put, [b'{"a":1}\n'] * 6000))
    told = sum(line.get("statements.lines_lost", 0) for line in written.lines())
    assert len(written) == 2000
    assert told + log_lines.lost - log_lines.told == log_lines.lost == 4000


def test_lines_that_nobody_reads_any_more_are_lost() -> None:
    reader, stdout = os.pipe()
    log_lines = Lines(writer(stdout))
    os.close(reader)
    log_lines.put(b"{}\n")
    os.close(stdout)
    assert log_lines.lost == 1


def test_a_socket_is_not_waited_for_and_stays_as_it_is() -> None:
    ours, stdout = socket.socketpair()
    with ours, stdout:
        assert fill(Lines(writer(stdout.fileno()))) > 0
        assert os.get_blocking(stdout.fileno())
        assert ours.recv(2**20).startswith(b'{"number":0}\n')


def test_a_file_gets_every_line(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as stdout:
        log_lines = Lines(writer(stdout.fileno()))
        for number in range(3):
            log_lines.put(b'{"number":%d}\n' % number)
        os.write(stdout.fileno(), b"what the server prints\n")
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert text == '{"number":0}\n{"number":1}\n{"number":2}\nwhat the server prints\n'


def test_threads_share_the_lines_and_none_is_broken() -> None:
    with pipe() as (reader, stdout), ThreadPoolExecutor(5) as pool:
        log_lines = Lines(writer(stdout))

        def work(user: int) -> None:
            for turn in range(3000):
                log_lines.put(b'{"number":%d}\n' % (user * 3000 + turn))

        reading = pool.submit(_read_until, reader, b'{"number":-1')
        list(pool.map(work, range(4)))
        ends, lost = 0, -1
        while log_lines.lost != lost:  # until one has got through
            lost, ends = log_lines.lost, ends + 1
            log_lines.put(b'{"number":-1}\n')
            time.sleep(0.01)
        told = [json.loads(line) for line in reading.result().splitlines()]
    numbers = [line["number"] for line in told if line["number"] >= 0]
    missing = sum(line.get("statements.lines_lost", 0) for line in told)
    assert len(set(numbers)) == len(numbers) == 12_000 + (ends - 1) - missing


def _read_until(reader: int, last: bytes) -> bytes:
    read = b""
    while last not in read or not read.endswith(b"\n"):
        read += os.read(reader, 2**16)
    return read


@pytest.mark.parametrize("hiding", ["identity", "hal", "events"])
def test_a_layer_that_hides_answers_stands_within(hiding: str) -> None:
    with pytest.raises(ValueError, match=f"^STATEMENTS_LAYERS: put log before {hiding}: it has to see each answer$"):
        log.configured({"STATEMENTS_LAYERS": f"request_id {hiding} log"})
    log.configured({"STATEMENTS_LAYERS": f"request_id health metrics log {hiding}"})

"""Replies become outcomes: captured bytes of real servers, and made-up reactions."""

import msgspec
import pytest
from msgspec.structs import replace

from bench.analysis import robustness
from bench.analysis.replies import parse
from bench.analysis.robustness import judge
from bench.attacks import named
from bench.attacks.requests import STATEMENT
from bench.model import Attack, Good, Reaction, RobustnessCase, Run, Stack, Trial
from bench.model.attack import End

WELL = Good(right=True, seconds=0.01)
HELLO = "HTTP/1.1 200 OK\r\nServer: gunicorn\r\nConnection: close\r\nContent-Length: 14\r\n\r\nHello, world!\n"
NGINX = (
    "HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\nContent-Length: 16\r\n"
    "Connection: close\r\n\r\n<html>\r\n</html>"
)
BARE = "HTTP/1.1 400 Bad Request\r\n\r\n"  # bjoern's
CHUNKED = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\nHello, \r\n7\r\nworld!\n\r\n0\r\n\r\n"
STATED = f"HTTP/1.1 200 OK\r\nContent-Length: {len(STATEMENT)}\r\n\r\n{STATEMENT}"
WAITED = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nWaited 7 ms.\n"


def outcome(name: str, received: str = "", end: End = "closed", died: tuple[str, ...] = ()) -> str:
    trial = Trial(attack=name, received=received, end=end, seconds=5.0, after=WELL, died=died)
    return judge(named(name).attack, trial).outcome


@pytest.mark.parametrize(
    ("name", "received", "end", "expected"),
    [
        ("get", HELLO, "closed", "answered"),
        ("get", HELLO, "open", "answered"),
        ("get", CHUNKED, "open", "answered"),
        ("get", HELLO[:-1], "closed", "wrong"),
        ("get", HELLO[:-1], "open", "silent"),
        ("get", HELLO.replace("world", "World"), "closed", "wrong"),
        ("get", NGINX, "closed", "wrong"),
        ("get", "", "closed", "wrong"),
        ("get", "", "open", "silent"),
        ("get", "HTTP/1.1 500 Internal Server Error\r\n\r\n", "closed", "5xx"),
        ("get", "HTTP/1.1 503 Service Unavailable\r\n\r\n", "closed", "5xx"),
        ("two-hosts", HELLO, "closed", "wrong"),
        ("two-hosts", NGINX, "closed", "refused"),
        ("two-hosts", BARE, "open", "refused"),
        ("two-hosts", "", "reset", "wrong"),
        ("two-hosts", NGINX.replace("400 Bad Request", "404 Not Found"), "closed", "wrong"),
        ("connect", "", "reset", "refused"),
        ("length-plus", NGINX, "closed", "refused"),
        ("length-plus", NGINX, "open", "wrong"),
        ("length-plus", "", "closed", "wrong"),
        ("coding-and-length", STATED, "closed", "answered"),
        ("coding-and-length", STATED, "open", "wrong"),
        ("coding-twice", STATED, "open", "answered"),
        ("cut-in-end", STATED, "closed", "answered"),
        ("minor-version-2", HELLO.replace("HTTP/1.1", "HTTP/1.2"), "closed", "wrong"),
        ("version-2.0", HELLO.replace("HTTP/1.1", "HTTP/2.0"), "closed", "wrong"),
        ("version-9.9", HELLO.replace("HTTP/1.1", "HTTP/9.9"), "closed", "wrong"),
        ("version-9.9", HELLO.replace("HTTP/1.1", "HTTP/1.0"), "closed", "answered"),
        ("two-hosts", "", "open", "silent"),
        ("two-hosts", "?", "closed", "wrong"),
        ("coding-unknown", "HTTP/1.1 501 Not Implemented\r\n\r\n", "closed", "refused"),
        ("version-2.0", "HTTP/1.1 505 HTTP Version Not Supported\r\n\r\n", "closed", "refused"),
        ("version-2.0", HELLO, "closed", "answered"),
        ("http-0.9", "Hello, world!\n", "closed", "answered"),
        ("body-of-get", HELLO, "closed", "answered"),
        ("body-of-get", HELLO + NGINX, "closed", "refused"),
        ("body-of-get", HELLO + WAITED, "closed", "wrong"),
        ("body-of-404", NGINX + WAITED, "closed", "wrong"),
        ("pipelined", HELLO, "closed", "refused"),
        ("pipelined", HELLO, "open", "silent"),
        ("pipelined", WAITED.replace("7 ms", "2 ms"), "closed", "wrong"),
        ("expect-continue", "HTTP/1.1 100 Continue\r\n\r\n", "open", "silent"),
        ("idle", "HTTP/1.1 408 Request Timeout\r\n\r\n", "closed", "refused"),
        ("idle", "", "open", "silent"),
        ("leave-answer", "", "left", "answered"),
    ],
)
def test_replies_become_an_outcome(name: str, received: str, end: End, expected: str) -> None:
    assert outcome(name, received, end) == expected


def test_a_death_counts_whatever_was_answered() -> None:
    assert outcome("get", HELLO, died=("gunicorn",)) == "death"


def test_a_worker_that_is_replaced_is_told_from_a_service_that_is_gone() -> None:
    bad = Good(right=False, told="refused", seconds=0.01)
    replaced = Trial(attack="idle", end="closed", seconds=30.1, after=WELL, died=("python",))
    late = replace(replaced, after=bad, recovered_seconds=1.0)
    rows = [judge(named("idle").attack, trial) for trial in (replaced, late, replace(replaced, after=bad))]
    assert [row.gone for row in rows] == [False, False, True]
    assert rows[0].reason == "worker ended and replaced (python) after 30 s"
    assert rows[2].reason == "service gone (python) after 30 s"


@pytest.mark.parametrize(
    ("died", "proxy", "told"),
    [
        (("sh", "python", "nginx", "nginx"), "nginx", "python"),
        (("python",), "nginx", "python"),
        (("nginx",), "nginx", "nginx"),
        (("sh", "nginx", "nginx"), "nginx", "sh, nginx, nginx"),
        (("sh", "python"), None, "sh, python"),
    ],
)
def test_a_proxy_that_the_lab_ends_with_its_server_is_not_named(
    died: tuple[str, ...], proxy: str | None, told: str
) -> None:
    bad = Good(right=False, told="refused", seconds=0.01)
    trial = Trial(attack="get", end="closed", seconds=0.0, after=bad, died=died)
    assert judge(named("get").attack, trial, proxy).ended == f"service gone ({told})"


def test_the_worst_of_all_connections_counts() -> None:
    trial = Trial(
        attack="heads-stall",
        end="closed",
        ends={"closed": 15, "open": 85},
        others=(Reaction(received="", end="open", count=85),),
        seconds=62.0,
        after=WELL,
    )
    row = judge(named("heads-stall").attack, trial)
    assert row.outcome == "silent"
    assert row.reason.endswith("on 85 of 100 connections")
    alike = replace(trial, ends={"closed": 100}, others=())
    assert judge(named("heads-stall").attack, alike).outcome == "refused"


def test_an_expectation_must_be_met_before_the_body() -> None:
    trial = Trial(attack="expect-continue", received=STATED, end="closed", heard=False, seconds=2.0, after=WELL)
    assert judge(named("expect-continue").attack, trial).outcome == "wrong"
    assert judge(named("expect-continue").attack, replace(trial, heard=True)).outcome == "answered"


def test_an_answered_hidden_request_is_counted_whatever_else_happens() -> None:
    trial = Trial(attack="body-of-get", received=HELLO + WAITED, end="open", seconds=0.1, after=WELL)
    rows = [judge(named("body-of-get").attack, each) for each in (trial, replace(trial, died=("bjoern",)))]
    assert [row.outcome for row in rows] == ["wrong", "death"]
    assert [row.fault for row in rows] == [robustness.HIDING] * 2
    assert robustness.severity(rows) == (2, 0, 0, 0, 0, 0)


def test_an_attack_is_stood_only_if_the_next_good_request_is_answered() -> None:
    bad = Good(right=False, told="status 500 instead of 200", seconds=0.01)
    stood = Trial(attack="get", received=HELLO, end="closed", seconds=1.0, after=WELL)
    for trial in (replace(stood, beside=bad), replace(stood, after=bad, recovered_seconds=1.0)):
        row = judge(named("get").attack, trial)
        assert (row.outcome, row.is_right) == ("answered", False)
        assert "status 500" in row.next_wrong
        assert robustness.faults([row]) == 1
        assert row.fault == robustness.ONLY_NEXT
        assert row.next_error == 500
    spoilt, timed = judge(named("get").attack, replace(stood, beside=bad)), replace(bad, told="no answer: timed out")
    assert spoilt.is_beside
    assert robustness.spoilt([spoilt, judge(named("get").attack, replace(stood, after=timed))]) == (spoilt,)


@pytest.mark.parametrize(
    ("status", "end", "expected"),
    [
        (400, "closed", "refused"),
        (501, "closed", "refused"),
        (400, "open", "wrong"),
        (411, "closed", "wrong"),
        (None, "closed", "wrong"),
    ],
)
@pytest.mark.parametrize("name", ["coding-unknown", "coding-not-last", "hidden-coding-control"])
def test_a_coding_that_is_not_chunked_at_its_end_gets_400_or_501_and_the_connections_end(
    name: str, status: int | None, end: End, expected: str
) -> None:
    assert outcome(name, f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n" if status else "", end) == expected


def test_a_single_hidden_request_is_worse_than_any_number_of_silences() -> None:
    def rows(silent: int, received: str) -> list[robustness.Judged]:
        idle = Trial(attack="idle", end="open", seconds=62.0, after=WELL)
        body = Trial(attack="body-of-get", received=received, end="closed", seconds=0.1, after=WELL)
        return [judge(named("idle").attack, idle)] * silent + [judge(named("body-of-get").attack, body)]

    assert robustness.severity(rows(9, HELLO)) < robustness.severity(rows(0, HELLO + WAITED))


def test_a_repeated_trial_stands_beside_the_one_that_counts() -> None:
    near = Trial(attack="get", end="open", seconds=9.0, after=WELL)
    again = replace(near, received=HELLO, end="closed", seconds=0.1)
    case = RobustnessCase(stack=Stack(variant="cpython", framework="falcon", server="bjoern"),
                          limit_seconds=10.0, patience_seconds=62.0)  # fmt: skip
    facts = {"attacks": [named("get").attack], "trials": [again], "first": [near]}
    run = Run(case=case, block=0, started="", seconds=1.0, verdict="pass", facts=msgspec.to_builtins(facts))
    ((before, after),) = robustness.first(run)
    assert (before.fault, after.fault) == ("silent", None)
    assert robustness.judged(run) == (after,)


def test_attacks_that_a_session_stored_without_a_second_status_are_judged() -> None:
    attack = msgspec.to_builtins(named("coding-unknown").attack)
    old = msgspec.convert({k: v for k, v in attack.items() if k not in {"status", "or_status", "closes"}}, Attack)
    trial = Trial(attack="coding-unknown", received=BARE, end="open", seconds=0.3, after=WELL)
    assert judge(old, trial).outcome == "refused"


def test_a_valid_request_with_5xx_is_counted() -> None:
    def row(name: str, received: str) -> robustness.Judged:
        return judge(named(name).attack, Trial(attack=name, received=received, end="closed", seconds=1.0, after=WELL))

    rows = [row("http-1.0", "HTTP/1.1 500 X\r\n\r\n"), row("http-1.0", HELLO), row("tls", "HTTP/1.1 500 X\r\n\r\n")]
    assert robustness.crashed_on_valid(rows) == (rows[0],)
    assert robustness.count(rows, "5xx") == 2


def test_replies_are_split_by_their_framing() -> None:
    many = f"HTTP/1.1 100 Continue\r\n\r\n{HELLO}{CHUNKED}HTTP/1.1 204 No Content\r\n\r\n{BARE}rest"
    found = parse(many.encode(), closed=True)
    assert [(reply.status, reply.body) for reply in found.replies] == [
        (200, b"Hello, world!\n"), (200, b"Hello, world!\n"), (204, b""), (400, b"rest"),
    ]  # fmt: skip
    assert all(reply.complete for reply in found.replies)
    assert parse(b"Hello", closed=True) == ((), b"Hello")
    assert not parse(BARE.encode(), closed=False).replies[0].complete
    assert not parse(CHUNKED.encode()[:-8], closed=True).replies[0].complete
    assert not parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", closed=True).replies[0].complete

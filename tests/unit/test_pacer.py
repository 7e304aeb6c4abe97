"""The pacer: the plan of a load, and the real program with servers of every HTTP/1.1 framing and adversarial ones."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import cast

import msgspec
import numpy as np
import pytest

from bench.errors import LabError
from bench.host.pinning import cores
from bench.measure.instruments import driving, injection, paced, pacer, pacer_files
from bench.measure.instruments.paced import PacerResult
from bench.measure.instruments.pacer_files import RIGHT, Job
from bench.model import Exchange, Load, Same, Segment, Workload
from bench.serve.http_client import answered

pytestmark = pytest.mark.slow

USERS = 8
POST = Workload(name="three", title="Three", method="POST", path="/statements")
SECOND = Load(
    name="closed", title="Short", model="closed", generator="pacer", lead_in_seconds=0, users=USERS, seconds=0.4
)
ANSWERS = {f"document {number}".encode(): f"answer {number}".encode() for number in range(3)}
ONCE = {f"unseen {number}".encode(): f"new {number}".encode() for number in range(10)}
STEADY = Load(
    name="open",
    title="Short",
    model="open",
    generator="pacer",
    lead_in_seconds=0.25,
    segments=(Segment(seconds=1, start=1, end=1),),
)

Answer = Callable[[int, bytes], bytes]  # (request number, body) → bytes to send; none closes the connection


@pytest.fixture(scope="module", autouse=True)
def _program() -> None:
    pacer.provision()


def ok(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", b""]
    return b"\r\n".join(lines) + body


def right(_: int, body: bytes) -> bytes:
    return ok((ANSWERS | ONCE)[body])


@contextmanager
def server(answer: Answer, *, closes: bool = False, idle_seconds: float | None = None) -> Iterator[str]:
    """A server on a free port. It closes the connection after each answer if `closes`."""
    count = iter(range(1, 1_000_000))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as request:
            connection.settimeout(idle_seconds)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request.readline():
                length = 0
                while (line := request.readline()) not in {b"\r\n", b""}:
                    length = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else length
                reply = answer(next(count), request.read(length))
                connection.sendall(reply)
                if closes or not reply:
                    return

    def accept(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        Thread(target=accept, args=(listening,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def documents(folder: Path, unseen: dict[bytes, bytes] | None = None) -> Path:
    """Write a set of documents to `folder`."""
    for part, pairs in (("load", ANSWERS), ("unseen", unseen or {})):
        (folder / part).mkdir(exist_ok=True)
        for number, (document, answer) in enumerate(pairs.items()):
            (folder / part / f"{number:04}.json").write_bytes(document)
            (folder / part / f"{number:04}.out.json").write_bytes(answer)
    return folder


def run(
    url: str,
    folder: Path,
    load: Load = SECOND,
    rate: float | None = None,
    unseen: dict[bytes, bytes] | None = None,
    workload: Workload = POST,
) -> PacerResult:
    return pacer.run(
        load,
        workload,
        url,
        output=folder / "run.pacer",
        cpus=cores().generator,
        documents=documents(folder, unseen),
        rate=rate,
    )


def value(result: PacerResult, metric: str) -> float:
    return result.metrics[metric][1]


# ---------------------------------------------------------------- the plan


def test_arrivals_have_the_planned_number_and_rate() -> None:
    ramp = msgspec.structs.replace(
        STEADY, lead_in_seconds=1, segments=(Segment(seconds=4, start=0, end=1), Segment(seconds=2, start=2, end=2))
    )
    due = injection.arrivals(ramp, 3000, seed=1)
    mean = injection.mean_share(ramp)
    assert len(due) == pytest.approx(3000 * (mean + 2 + 4), abs=1)
    assert (np.diff(due) >= 0).all()
    counts = np.histogram(due, range(8))[0]
    assert counts == pytest.approx([3000 * mean, 375, 1125, 1875, 2625, 6000, 6000], rel=0.1)


def test_arrivals_are_those_of_independent_users() -> None:
    """The gaps of a Poisson process are exponential, so their standard deviation equals their mean."""
    gaps = np.diff(injection.arrivals(STEADY, 20_000, seed=2))
    assert np.std(gaps) == pytest.approx(np.mean(gaps), rel=0.05)


def test_exchanges_occur_as_often_as_their_weight_and_in_order_with_equal_weights() -> None:
    assert injection.rotation([1, 1, 1]).tolist() == [0, 1, 2]
    mixed = injection.rotation([5, 1, 2]).tolist()
    assert [mixed.count(number) for number in range(3)] == [5, 1, 2]
    assert injection.rotation([5, 1, 2]).tolist() == mixed


def test_headers_of_an_exchange_override_the_default_ones() -> None:
    exchange = Exchange(
        method="PUT", path="/x", headers={"Content-Type": "text/plain", "A": "b"}, body=b"hi", expect=b""
    )
    assert pacer_files.wire(exchange, "h:1") == (
        b"PUT /x HTTP/1.1\r\nHost: h:1\r\nContent-Length: 2\r\nContent-Type: text/plain\r\nA: b\r\n\r\nhi"
    )


# ---------------------------------------------------------------- closed loads


def test_documents_are_posted_in_turn_and_right_answers_counted(tmp_path: Path) -> None:
    posted: list[bytes] = []

    def answer(number: int, body: bytes) -> bytes:
        posted.append(body)
        return right(number, body)

    with server(answer) as url:
        result = run(url, tmp_path)
    assert result.reached == len(posted), "every request is awaited and counted"
    assert result.reached > 3 * USERS
    within = value(result, "answers.early") + value(result, "answers.late")
    assert 0 <= result.reached - within <= USERS
    assert result.rate == pytest.approx(within / 0.4)
    assert value(result, "under_way") == value(result, "connected") == USERS
    assert 0 < value(result, "generator_cpu") <= 1
    counts = [posted.count(document) for document in ANSWERS]
    assert max(counts) - min(counts) <= USERS


def test_each_unseen_document_is_sent_once_among_the_others(tmp_path: Path) -> None:
    posted: list[bytes] = []

    def answer(number: int, body: bytes) -> bytes:
        posted.append(body)
        return right(number, body)

    with server(answer) as url:
        result = run(url, tmp_path, unseen=ONCE)
    assert [body for body in posted if body in ONCE] == list(ONCE)
    assert posted[0] in ANSWERS
    assert posted[-1] in ANSWERS
    assert value(result, "unseen") > 0


def test_the_time_of_unseen_documents_is_relative_to_that_of_the_others() -> None:
    records = np.zeros(20, pacer_files.RECORD)
    records["verdict"], records["exchange"] = RIGHT, [0, 1, 2, 3] * 5
    records["done"] = np.where(records["exchange"] == 3, 6_000_000, 4_000_000)
    outcome = pacer_files.PacerOutcome(
        records=records, connected=1, resent=0, most_under_way=1, began=0.0, seconds=1.0, cpu_seconds=0.1
    )
    assert value(paced.read_closed(SECOND, 3, outcome), "unseen") == pytest.approx(1.5)


def test_unseen_documents_that_were_disturbed_are_not_taken_for_uncached_ones() -> None:
    """Under gevent most answers took 0.3 ms, and a quarter of them 20 ms; of the few unseen, more than half."""
    records = np.zeros(400, pacer_files.RECORD)
    records["verdict"], records["done"] = RIGHT, 300_000
    records["done"][::4] = 20_000_000
    once = np.arange(0, 400, 20)
    records["exchange"][once], records["done"][once[:8]] = 3, 300_000
    outcome = pacer_files.PacerOutcome(
        records=records, connected=1, resent=0, most_under_way=1, began=0.0, seconds=1.0, cpu_seconds=0.1
    )
    assert value(paced.read_closed(SECOND, 3, outcome), "unseen") == pytest.approx(1.0)


@pytest.mark.parametrize("closes", [False, True], ids=["kept connections", "a connection per request"])
def test_every_request_is_awaited_and_none_sent_after_the_window(tmp_path: Path, closes: bool) -> None:
    """With 60 ms per answer every user waits for one when the window ends."""
    posted: list[float] = []

    def slow(number: int, body: bytes) -> bytes:
        posted.append(time.monotonic())
        time.sleep(0.06)
        return right(number, body)

    with server(slow, closes=closes) as url:
        result = run(url, tmp_path)
    assert result.reached == len(posted)
    within = value(result, "answers.early") + value(result, "answers.late")
    assert USERS - 2 <= result.reached - within <= USERS, "some may arrive just when the window ends"
    assert max(posted) - min(posted) < 0.5


def test_a_cold_server_that_answers_after_the_window_has_no_rate_yet(tmp_path: Path) -> None:
    """Observed with Spring Boot's first documents of five thousand orders, in a second of its warm-up."""

    def cold(number: int, body: bytes) -> bytes:
        time.sleep(0.4)
        return right(number, body)

    short = msgspec.structs.replace(SECOND, seconds=0.2)
    with server(cold) as url:
        result = run(url, tmp_path, short)
        assert (result.rate, result.reached) == (0, USERS)
        drive = cast("driving.Drive", None)  # the faked pacer ignores it
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(driving, "run_pacer", lambda *_: result)
            with pytest.raises(LabError, match=f"load {short.name!r} is too short: no answer arrived within 0.2 s"):
                driving.run_measured(drive, short, "")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda count, body: ok(ANSWERS[body] if count % 50 else b"answer?"), ": 1 × wrong body"),
        (lambda count, body: ok(ANSWERS[body][:-1]), "wrong body"),
        (lambda count, body: ok(b"answer 1"), "wrong body"),
        (lambda count, body: b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "status 503"),
        (lambda count, body: b"" if count >= 50 else right(count, body), "connection broken"),
        (lambda count, body: ok(ANSWERS[body]) + b"more", "not HTTP"),
        (lambda count, body: b"Hello there, and good day to you\r\n\r\n", "not HTTP"),
        (lambda count, body: ok(ANSWERS[body]).replace(b"Length: 8", b"Length: x"), "not HTTP"),
    ],
    ids=["once in fifty", "too short", "another's", "an error", "hangs up", "too long", "no HTTP", "no number"],
)
def test_an_adversarial_server_is_an_error(answer: Answer, error: str, tmp_path: Path) -> None:
    with server(answer) as url, pytest.raises(LabError, match=rf"answers were wrong or missing.*{error}"):
        run(url, tmp_path)


def test_an_answer_that_never_arrives_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacer, "ANSWER_SECONDS", 1)
    missing = rf"{USERS} of {USERS} answers were wrong or missing: {USERS} × no answer"
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(LabError, match=missing):
        run(f"http://127.0.0.1:{deaf.getsockname()[1]}", tmp_path)


def test_a_server_that_does_not_listen_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(LabError, match="× connection refused"):
        run(f"http://127.0.0.1:{port}", tmp_path)


# ---------------------------------------------------------------- framings


@pytest.mark.parametrize(
    ("reply", "closes"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nansw\r\n4;x=y\r\ner 0\r\n0\r\n\r\n", False),
        (
            b"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING:chunked\r\nContent-Length: 3\r\n\r\n08\r\nanswer 0\r\n0\r\n\r\n",
            False,
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nanswer 0", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\nanswer 0", True),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\ncontent-length:  8\r\n\r\nanswer 0", False),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\n\r\nanswer 0", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nanswer 0", False),
    ],
    ids=["chunks", "chunks before a length", "until the end", "1.0", "1.0 kept", "says close", "interim"],
)
def test_each_framing_of_an_answer_is_parsed(reply: bytes, closes: bool, tmp_path: Path) -> None:
    (exchange,) = [Exchange(method="GET", path="/", body=None, expect=b"answer 0")]
    with server(lambda *_: reply, closes=closes) as url:
        outcome = run_job([exchange], 5, url, tmp_path)
    assert outcome.records["verdict"].tolist() == [RIGHT] * 5
    assert outcome.connected == (5 if closes else 1)


def test_an_answer_without_a_body_is_parsed(tmp_path: Path) -> None:
    head = Exchange(method="HEAD", path="/", body=None, expect=b"")
    none = Exchange(method="GET", path="/", body=None, status=304, expect=b"")
    with server(lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n") as url:
        assert run_job([head], 3, url, tmp_path).records["verdict"].tolist() == [RIGHT] * 3
    with server(lambda *_: b"HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\n\r\n") as url:
        assert run_job([none], 3, url, tmp_path).records["verdict"].tolist() == [RIGHT] * 3


@pytest.mark.parametrize("cut", range(1, 60, 4))
def test_an_answer_may_arrive_in_pieces(cut: int, tmp_path: Path) -> None:
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nansw\r\n4\r\ner 0\r\n0\r\n\r\n"
    exchange = Exchange(method="GET", path="/", body=None, expect=b"answer 0")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection = listening.accept()[0]
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.recv(4096)
                connection.sendall(reply[:cut])
                time.sleep(0.01)
                connection.sendall(reply[cut:])
                connection.recv(4096)

        Thread(target=serve, daemon=True).start()
        outcome = run_job([exchange], 1, f"http://127.0.0.1:{listening.getsockname()[1]}", tmp_path)
    assert outcome.records["verdict"].tolist() == [RIGHT]


def run_job(exchanges: list[Exchange], count: int, url: str, folder: Path) -> pacer_files.PacerOutcome:
    """Send `count` requests, one every 2 ms."""
    due = np.arange(count) * 2_000_000
    job = Job(
        exchanges=tuple(exchanges), turns=pacer_files.turns(due, [0] * count), connections=1, patience=5_000_000_000
    )
    return pacer.run_job(job, url, folder / "run.pacer", cores().generator)


# ---------------------------------------------------------------- open loads


def test_latency_is_counted_from_the_intended_start(tmp_path: Path) -> None:
    """The server stalls for half a second. All requests that are due meanwhile wait, sent or not."""
    began: list[float] = []

    def stalls(number: int, body: bytes) -> bytes:
        began.append(time.monotonic())
        since = time.monotonic() - began[0]
        time.sleep(max(0.0, 1.0 - since) if 0.5 < since < 1.0 else 0.0)
        return right(number, body)

    with server(stalls) as url:
        result = run(url, tmp_path, STEADY, rate=200)
    assert value(result, "requests") == pytest.approx(200, rel=0.3)
    assert result.reached == 250
    assert 0.4 < value(result, "latency.max") < 0.7
    assert value(result, "latency.p75") > 0.05, "half of the requests of a second wait for up to half a second"
    assert value(result, "under_way") > 10
    assert value(result, "latency.lag") < 0.1, "the wait of the queue is no lateness of the generator"
    assert "latency.p99.9" not in result.metrics, "fewer than ten values lie beyond it"
    assert (tmp_path / "run.hlog").read_text().startswith("#")
    (row,) = result.series
    assert row[0] == 0
    assert row[1] == value(result, "requests")


def test_unseen_documents_are_mixed_into_an_open_load_after_its_lead_in(tmp_path: Path) -> None:
    posted: list[bytes] = []

    def answer(number: int, body: bytes) -> bytes:
        posted.append(body)
        return right(number, body)

    with server(answer) as url:
        run(url, tmp_path, STEADY, rate=200, unseen=ONCE)
    assert sorted(body for body in posted if body in ONCE) == sorted(ONCE)
    assert not set(posted[:30]) & set(ONCE)


def test_no_request_is_lost_when_the_server_closes_idle_connections(tmp_path: Path) -> None:
    """Each connection is closed silently after three answers. The next request is sent again over a new one."""
    served: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            for _ in range(3):
                request = connection.recv(65536)
                if request:
                    connection.sendall(right(0, request.partition(b"\r\n\r\n")[2]))
                    served.append(request)

    def accept(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        Thread(target=accept, args=(listening,), daemon=True).start()
        result = run(f"http://127.0.0.1:{listening.getsockname()[1]}", tmp_path, STEADY, rate=400)
        listening.shutdown(socket.SHUT_RDWR)
    assert result.failures == {}
    assert result.reached == len(served)
    assert value(result, "connected") >= result.reached / 3


def test_failures_of_an_open_load_are_counted_by_kind(tmp_path: Path) -> None:
    with server(lambda n, body: b"" if n % 50 < 2 else ok(b"?") if n % 50 == 2 else right(n, body), closes=True) as url:
        result = run(url, tmp_path, STEADY, rate=400)
    assert set(result.failures) == {"connection broken", "wrong body"}
    assert value(result, "failed") == sum(result.failures.values())


def test_headers_of_a_workload_are_sent(tmp_path: Path) -> None:
    """With `Connection: close` there is one connection per request."""
    closing = msgspec.structs.replace(POST, headers={"Connection": "close"})

    def answer(_: int, body: bytes) -> bytes:
        return ok(ANSWERS[body], b"Connection: close")

    with server(answer, closes=True) as url:
        result = run(url, tmp_path, STEADY, rate=100, workload=closing)
    assert value(result, "connected") == result.reached


# ---------------------------------------------------------------- files


def test_a_truncated_outcome_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "run.outcome").write_bytes(b"short")
    with pytest.raises(LabError, match=r"run\.outcome: truncated outcome of the pacer: 5 bytes$"):
        pacer_files.read_outcome(tmp_path / "run.outcome")
    (tmp_path / "run.outcome").write_bytes((3).to_bytes(8, "little") + bytes(56))
    with pytest.raises(
        LabError, match=r"run\.outcome: truncated outcome of the pacer: 64 bytes for 3 records and 0 answers"
    ):
        pacer_files.read_outcome(tmp_path / "run.outcome")


def test_an_open_load_requires_a_rate_and_a_closed_one_users(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="open load 'open' requires a rate"):
        run("http://127.0.0.1:1", tmp_path, STEADY)
    with pytest.raises(LabError, match="closed load 'closed' requires users and seconds"):
        run("http://127.0.0.1:1", tmp_path, msgspec.structs.replace(SECOND, users=None))


# ---------------------------------------------------------------- answers that are judged afterwards


def judged_mix(*, headers: tuple[str, ...] = ()) -> Workload:
    """Two requests whose JSON answers count a number up, in any order of members."""
    rule = Same(by="json", ignore=("/number",), headers=headers)
    first = Exchange(
        method="GET",
        path="/one",
        body=None,
        expect=b'{"number": 0, "right": true}',
        same=rule,
        expect_headers={"x-kind": "usual"},
    )
    exchanges = (first, msgspec.structs.replace(first, path="/two"))
    return Workload(name="mix", title="Mix", method="GET", path="/one", exchanges=exchanges)


def counting(limit: int = 1_000_000, kind: bytes = b"usual") -> Answer:
    """Right until the request of that number."""

    def answer(number: int, _: bytes) -> bytes:
        right = b"true" if number < limit else b"false"
        return ok(b'{"right":%s,"number":%d}' % (right, number), b"X-Kind: %s" % kind)

    return answer


@pytest.mark.parametrize("headers", [(), ("x-kind",)])
def test_answers_that_differ_in_what_does_not_count_are_right(tmp_path: Path, headers: tuple[str, ...]) -> None:
    with server(counting()) as url:
        result = run(url, tmp_path, workload=judged_mix(headers=headers))
    assert value(result, "requests") > 100
    assert value(result, "failed") == 0
    assert result.failures == {}


def test_one_wrong_answer_among_many_is_found_with_its_request(tmp_path: Path) -> None:
    with server(counting(limit=100)) as url, pytest.raises(LabError, match=r"wrong body; GET /\w+: differs at /right"):
        run(url, tmp_path, workload=judged_mix())


def test_headers_count_where_the_rule_names_them(tmp_path: Path) -> None:
    with server(counting(kind=b"odd")) as url:
        run(url, tmp_path, workload=judged_mix())
        with pytest.raises(LabError, match="header x-kind: 'odd' instead of 'usual'"):
            run(url, tmp_path, workload=judged_mix(headers=("x-kind",)))


COOKIES = (b"X-Kind: caf\xe9 \xc3\xa9", b"Set-Cookie: a=1", b"X-Other: 1", b"set-cookie: b=2")


@pytest.mark.parametrize(
    ("at", "changed", "told"),
    [
        (0, b"X-Kind: caf\xe8 \xc3\xa9", "x-kind: 'caf\xe8 \xc3\xa9' instead of 'caf\xe9 \xc3\xa9'"),
        (1, b"Set-Cookie: a=2", "set-cookie: 'a=2, b=2' instead of 'a=1, b=2'"),
        (3, b"set-cookie: b=3", "set-cookie: 'a=1, b=3' instead of 'a=1, b=2'"),
    ],
)
def test_each_value_of_a_repeated_header_counts_under_load(tmp_path: Path, at: int, changed: bytes, told: str) -> None:
    sent = list(COOKIES)

    def answer(*_: object) -> bytes:
        return ok(b"{}", *sent)

    names = ("set-cookie", "x-kind")
    with server(answer) as url:
        exchange = Exchange(method="GET", path="/", body=None, expect=b"{}", same=Same(by="json", headers=names))
        known = answered(int(url.rpartition(":")[2]), exchange).headers
        assert (known["set-cookie"], known["x-kind"]) == ("a=1, b=2", "caf\xe9 \xc3\xa9")
        first = msgspec.structs.replace(exchange, expect_headers={name: known[name] for name in names})
        mix = Workload(name="mix", title="Mix", method="GET", path="/", exchanges=(first,))
        assert run(url, tmp_path, workload=mix).failures == {}
        sent[at] = changed
        with pytest.raises(LabError, match=f"header {told}"):
            run(url, tmp_path, workload=mix)

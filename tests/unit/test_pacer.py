"""The pacer: its plan of a load, the real program against servers of every HTTP/1.1 framing, and ones that lie."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import msgspec
import numpy as np
import pytest

from bench.errors import LabError
from bench.host.pinning import cores
from bench.measure.instruments import injection, pacer, pacer_files
from bench.measure.instruments.paced import PacerResult
from bench.measure.instruments.pacer_files import RIGHT, Job
from bench.model import Exchange, Load, Segment, Workload

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

Answer = Callable[[int, bytes], bytes]  # of a request's number and body, the bytes to send; nothing: hang up


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
    """A server on a port of its own that answers as it is told, over each connection until it `closes` it."""
    count = iter(range(1, 1_000_000))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as asked:
            connection.settimeout(idle_seconds)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while asked.readline():
                length = 0
                while (line := asked.readline()) not in {b"\r\n", b""}:
                    length = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else length
                said = answer(next(count), asked.read(length))
                connection.sendall(said)
                if closes or not said:
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
    """A set of documents below `folder`."""
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


def told(outcome: PacerResult, metric: str) -> float:
    return outcome.metrics[metric][1]


# ---------------------------------------------------------------- the plan


def test_arrivals_are_as_many_as_the_plan_says_and_follow_its_rate() -> None:
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
    """The gaps of a Poisson process are exponential: their standard deviation is their mean."""
    gaps = np.diff(injection.arrivals(STEADY, 20_000, seed=2))
    assert np.std(gaps) == pytest.approx(np.mean(gaps), rel=0.05)


def test_exchanges_come_as_often_as_they_weigh_and_in_order_where_all_weigh_alike() -> None:
    assert injection.rotation([1, 1, 1]).tolist() == [0, 1, 2]
    mixed = injection.rotation([5, 1, 2]).tolist()
    assert [mixed.count(number) for number in range(3)] == [5, 1, 2]
    assert injection.rotation([5, 1, 2]).tolist() == mixed


def test_a_request_carries_its_headers_in_place_of_the_usual_ones() -> None:
    exchange = Exchange(
        method="PUT", path="/x", headers={"Content-Type": "text/plain", "A": "b"}, body=b"hi", expect=b""
    )
    assert pacer_files.wire(exchange, "h:1") == (
        b"PUT /x HTTP/1.1\r\nHost: h:1\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nA: b\r\n\r\nhi"
    )


# ---------------------------------------------------------------- closed loads


def test_documents_are_posted_in_turn_and_right_answers_counted(tmp_path: Path) -> None:
    posted: list[bytes] = []

    def answer(number: int, body: bytes) -> bytes:
        posted.append(body)
        return right(number, body)

    with server(answer) as url:
        outcome = run(url, tmp_path)
    assert outcome.reached == len(posted), "every request was awaited, and none was sent that is not counted"
    assert outcome.reached > 3 * USERS
    within = told(outcome, "answers.early") + told(outcome, "answers.late")
    assert 0 <= outcome.reached - within <= USERS
    assert outcome.rate == pytest.approx(within / 0.4)
    assert told(outcome, "under_way") == told(outcome, "connected") == USERS
    assert 0 < told(outcome, "generator_cpu") <= 1
    counts = [posted.count(document) for document in ANSWERS]
    assert max(counts) - min(counts) <= USERS


def test_what_is_unseen_is_sent_once_each_among_the_others(tmp_path: Path) -> None:
    posted: list[bytes] = []

    def answer(number: int, body: bytes) -> bytes:
        posted.append(body)
        return right(number, body)

    with server(answer) as url:
        outcome = run(url, tmp_path, unseen=ONCE)
    assert [body for body in posted if body in ONCE] == list(ONCE)
    assert posted[0] in ANSWERS
    assert posted[-1] in ANSWERS
    assert told(outcome, "unseen") > 0


@pytest.mark.parametrize("closes", [False, True], ids=["kept connections", "a connection a request"])
def test_no_request_is_left_under_way_and_none_sent_after_the_window(tmp_path: Path, closes: bool) -> None:
    """60 ms each, so that every user waits for its answer when the time is over."""
    posted: list[float] = []

    def slow(number: int, body: bytes) -> bytes:
        posted.append(time.monotonic())
        time.sleep(0.06)
        return right(number, body)

    with server(slow, closes=closes) as url:
        outcome = run(url, tmp_path)
    assert outcome.reached == len(posted)
    within = told(outcome, "answers.early") + told(outcome, "answers.late")
    assert USERS - 2 <= outcome.reached - within <= USERS, "some may come as the window ends"
    assert max(posted) - min(posted) < 0.5


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda count, body: ok(ANSWERS[body] if count % 50 else b"answer?"), ": 1 × a wrong body"),
        (lambda count, body: ok(ANSWERS[body][:-1]), "a wrong body"),
        (lambda count, body: ok(b"answer 1"), "a wrong body"),
        (lambda count, body: b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "status 503"),
        (lambda count, body: b"" if count >= 50 else right(count, body), "the connection broke"),
        (lambda count, body: ok(ANSWERS[body]) + b"more", "no HTTP answer"),
        (lambda count, body: b"Hello there, and good day to you\r\n\r\n", "no HTTP answer"),
        (lambda count, body: ok(ANSWERS[body]).replace(b"Length: 8", b"Length: x"), "no HTTP answer"),
    ],
    ids=["once in fifty", "too short", "another's", "an error", "hangs up", "too long", "no HTTP", "no number"],
)
def test_a_server_that_lies_has_no_figure(answer: Answer, complaint: str, tmp_path: Path) -> None:
    with server(answer) as url, pytest.raises(LabError, match=rf"answers were wrong or lost.*{complaint}"):
        run(url, tmp_path)


def test_an_answer_that_never_comes_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacer, "ANSWER_SECONDS", 1)
    lost = rf"{USERS} of {USERS} answers were wrong or lost: {USERS} × no answer"
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(LabError, match=lost):
        run(f"http://127.0.0.1:{deaf.getsockname()[1]}", tmp_path)


def test_a_server_that_is_gone_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(LabError, match="× no connection"):
        run(f"http://127.0.0.1:{port}", tmp_path)


# ---------------------------------------------------------------- framings


@pytest.mark.parametrize(
    ("said", "closes"),
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
def test_each_framing_of_an_answer_is_read(said: bytes, closes: bool, tmp_path: Path) -> None:
    (exchange,) = [Exchange(method="GET", path="/", body=None, expect=b"answer 0")]
    with server(lambda *_: said, closes=closes) as url:
        outcome = drive([exchange], 5, url, tmp_path)
    assert outcome.records["verdict"].tolist() == [RIGHT] * 5
    assert outcome.connected == (5 if closes else 1)


def test_an_answer_without_a_body_is_read(tmp_path: Path) -> None:
    head = Exchange(method="HEAD", path="/", body=None, expect=b"")
    none = Exchange(method="GET", path="/", body=None, status=304, expect=b"")
    with server(lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n") as url:
        assert drive([head], 3, url, tmp_path).records["verdict"].tolist() == [RIGHT] * 3
    with server(lambda *_: b"HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\n\r\n") as url:
        assert drive([none], 3, url, tmp_path).records["verdict"].tolist() == [RIGHT] * 3


@pytest.mark.parametrize("cut", range(1, 60, 4))
def test_an_answer_may_come_in_pieces(cut: int, tmp_path: Path) -> None:
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nansw\r\n4\r\ner 0\r\n0\r\n\r\n"
    exchange = Exchange(method="GET", path="/", body=None, expect=b"answer 0")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection = listening.accept()[0]
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.recv(4096)
                connection.sendall(said[:cut])
                time.sleep(0.01)
                connection.sendall(said[cut:])
                connection.recv(4096)

        Thread(target=serve, daemon=True).start()
        outcome = drive([exchange], 1, f"http://127.0.0.1:{listening.getsockname()[1]}", tmp_path)
    assert outcome.records["verdict"].tolist() == [RIGHT]


def drive(exchanges: list[Exchange], count: int, url: str, folder: Path) -> pacer_files.Told:
    """So many requests, one every two milliseconds."""
    due = np.arange(count) * 2_000_000
    job = Job(
        exchanges=tuple(exchanges), turns=pacer_files.turns(due, [0] * count), connections=1, patience=5_000_000_000
    )
    return pacer.drive(job, url, folder / "run.pacer", cores().generator)


# ---------------------------------------------------------------- open loads


def test_an_open_load_is_counted_from_the_intended_start(tmp_path: Path) -> None:
    """The server stops for half a second: whoever was due meanwhile waited, sent or not."""
    began: list[float] = []

    def stalls(number: int, body: bytes) -> bytes:
        began.append(time.monotonic())
        since = time.monotonic() - began[0]
        time.sleep(max(0.0, 1.0 - since) if 0.5 < since < 1.0 else 0.0)
        return right(number, body)

    with server(stalls) as url:
        outcome = run(url, tmp_path, STEADY, rate=200)
    assert told(outcome, "requests") == pytest.approx(200, rel=0.3)
    assert outcome.reached == 250
    assert 0.4 < told(outcome, "latency.max") < 0.7
    assert told(outcome, "latency.p75") > 0.05, "of a second, half had to wait for up to half a second"
    assert told(outcome, "under_way") > 10
    assert told(outcome, "latency.lag") < 0.01
    assert "latency.p99.9" not in outcome.metrics, "fewer than ten values lie beyond it"
    assert (tmp_path / "run.hlog").read_text().startswith("#")
    (row,) = outcome.series
    assert row[0] == 0
    assert row[1] == told(outcome, "requests")


def test_what_is_unseen_is_mixed_into_an_open_load_after_its_lead_in(tmp_path: Path) -> None:
    posted: list[bytes] = []

    def answer(number: int, body: bytes) -> bytes:
        posted.append(body)
        return right(number, body)

    with server(answer) as url:
        run(url, tmp_path, STEADY, rate=200, unseen=ONCE)
    assert sorted(body for body in posted if body in ONCE) == sorted(ONCE)
    assert not set(posted[:30]) & set(ONCE)


def test_an_idle_connection_that_the_server_closes_loses_no_request(tmp_path: Path) -> None:
    """Each is closed after three answers without a word: who meets that is sent again, over a new one."""
    served: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            for _ in range(3):
                asked = connection.recv(65536)
                if asked:
                    connection.sendall(right(0, asked.partition(b"\r\n\r\n")[2]))
                    served.append(asked)

    def accept(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        Thread(target=accept, args=(listening,), daemon=True).start()
        outcome = run(f"http://127.0.0.1:{listening.getsockname()[1]}", tmp_path, STEADY, rate=400)
        listening.shutdown(socket.SHUT_RDWR)
    assert outcome.failures == {}
    assert outcome.reached == len(served)
    assert told(outcome, "connected") >= outcome.reached / 3


def test_failures_of_an_open_load_are_counted_by_what_they_were(tmp_path: Path) -> None:
    with server(lambda n, body: b"" if n % 50 < 2 else ok(b"?") if n % 50 == 2 else right(n, body), closes=True) as url:
        outcome = run(url, tmp_path, STEADY, rate=400)
    assert set(outcome.failures) == {"the connection broke", "a wrong body"}
    assert told(outcome, "failed") == sum(outcome.failures.values())


def test_headers_of_a_workload_are_sent(tmp_path: Path) -> None:
    """A client that says close gets a connection a request."""
    closing = msgspec.structs.replace(POST, headers={"Connection": "close"})

    def answer(_: int, body: bytes) -> bytes:
        return ok(ANSWERS[body], b"Connection: close")

    with server(answer, closes=True) as url:
        outcome = run(url, tmp_path, STEADY, rate=100, workload=closing)
    assert told(outcome, "connected") == outcome.reached


# ---------------------------------------------------------------- its files


def test_an_outcome_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.outcome").write_bytes(b"short")
    with pytest.raises(LabError, match=r"run\.outcome: no outcome of the pacer: 5 bytes"):
        pacer_files.read_outcome(tmp_path / "run.outcome")
    (tmp_path / "run.outcome").write_bytes((3).to_bytes(8, "little") + bytes(56))
    with pytest.raises(LabError, match=r"run\.outcome: cut short: 64 bytes are not 3 records and 0 answers"):
        pacer_files.read_outcome(tmp_path / "run.outcome")


def test_an_open_load_without_a_rate_and_a_closed_one_without_users_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="load 'open' is open: it needs a rate"):
        run("http://127.0.0.1:1", tmp_path, STEADY)
    with pytest.raises(LabError, match="load 'closed' is closed: it needs users and seconds"):
        run("http://127.0.0.1:1", tmp_path, msgspec.structs.replace(SECOND, users=None))

"""wrk: what it told, what makes a run no measurement, and the real one against servers that lie."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from bench.errors import LabError, MissingError
from bench.instruments import wrk
from bench.model import Workload
from bench.paths import ROOT
from bench.pinning import cores

CAPTURED = ROOT / "tests/data/wrk"
USERS = 8
POST = Workload(name="three", title="Three", method="POST", path="/statements")
ANSWERS = {f"document {number}".encode(): f"answer {number}".encode() for number in range(3)}

Answer = Callable[[int, bytes], tuple[int, bytes]]  # of a request's number and body


def test_a_run_with_documents_is_read() -> None:
    told = wrk.read(CAPTURED / "medium.txt")
    assert (len(told.asked), len(told.answered)) == (200, 200)
    assert sum(told.answered) == told.requests
    assert wrk.fault(told, USERS) is None


def test_equal_answers_are_counted_in_one_place() -> None:
    told = wrk.read(CAPTURED / "hello.txt")
    assert len(told.asked) == 1
    assert wrk.fault(told, USERS) is None


TOLD = wrk.Told(
    requests=30,
    within=25,
    users=USERS,
    ended=True,
    refused=0,
    late=0,
    wrong=0,
    asked=(10, 10, 10),
    answered=(10, 10, 10),
)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"wrong": 3}, "3 of 30 answers were wrong, 0 of them of status 400 or more"),
        ({"wrong": 30, "refused": 30}, "30 of 30 answers were wrong, 30 of them of status 400 or more"),
        ({"late": 1}, "1 of 30 requests were lost"),
        ({"answered": (30, 0, 0)}, "document 0 was asked 10 times and answered 30 times"),
        ({"asked": (11, 10, 10)}, "1 of 31 requests were lost: the connection broke, or no answer came within 60 s"),
        ({"users": 7}, "only 7 of 8 users had a request under way: the server refused connections"),
        ({"ended": False}, "at the end no user had a request under way: the server refused connections"),
        ({"within": 0}, "no answer arrived within the window: the load is too short"),
    ],
)
def test_what_makes_a_run_no_measurement(changed: dict[str, object], complaint: str) -> None:
    assert wrk.fault(TOLD, USERS) is None
    found = wrk.fault(msgspec.structs.replace(TOLD, **changed), USERS)
    assert found is not None
    assert complaint in found


def test_a_run_cut_short_is_refused(tmp_path: Path) -> None:
    text = (CAPTURED / "hello.txt").read_text()
    (tmp_path / "half.txt").write_text(text[: len(text) - 20])
    with pytest.raises(LabError, match=r"half\.txt: does not end with the script's line of JSON"):
        wrk.read(tmp_path / "half.txt")


def test_without_wrk_it_is_said_what_brings_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="wrk is not here") as missing:
        drive("http://127.0.0.1:1", tmp_path)
    assert missing.value.fill == "sudo apt-get install --no-install-recommends wrk"


# ---------------------------------------------------------------- the real one


@contextmanager
def server(answer: Answer, *, closes: bool = False, idle_seconds: float | None = None) -> Iterator[str]:
    """A server on a port of its own, whose answers `answer` decides.

    It may close each connection after one, or one that is idle for so long.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0" if closes else "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = idle_seconds
        count = 0

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            Handler.count += 1
            status, said = answer(Handler.count, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 64  # with fewer than there are users some would connect a second later

    with Server(("127.0.0.1", 0), Handler) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def drive(url: str, folder: Path) -> wrk.Outcome:
    """A second of load, the documents in `folder`."""
    for number, (document, answer) in enumerate(ANSWERS.items()):
        (folder / f"{number:04}.json").write_bytes(document)
        (folder / f"{number:04}.out.json").write_bytes(answer)
    return wrk.run(
        POST, url, users=USERS, seconds=1, output=folder / "run.wrk", cpus=cores().generator, documents=folder
    )


@pytest.mark.usefixtures("wrk_here")
def test_documents_are_posted_in_turn_and_right_answers_counted(tmp_path: Path) -> None:
    posted: list[bytes] = []

    def right(_: int, body: bytes) -> tuple[int, bytes]:
        posted.append(body)
        return 200, ANSWERS[body]

    with server(right) as url:
        outcome = drive(url, tmp_path)
    assert outcome.requests > 3 * USERS
    assert outcome.requests == len(posted), "every request was awaited, and none was sent that is not counted"
    assert 0 <= outcome.requests - outcome.within <= USERS
    assert outcome.rate == pytest.approx(outcome.within, rel=0.05)
    assert 0 < outcome.generator_busy <= 1
    counts = [posted.count(document) for document in ANSWERS]
    assert max(counts) - min(counts) <= USERS


@pytest.mark.usefixtures("wrk_here")
@pytest.mark.parametrize("closes", [False, True], ids=["kept connections", "a connection a request"])
def test_no_request_is_left_under_way_and_no_connection_opened_after_the_last(tmp_path: Path, closes: bool) -> None:
    """A tenth of a second each, so that every user waits for its answer when the time is over."""
    posted: list[float] = []

    def slow(_: int, body: bytes) -> tuple[int, bytes]:
        posted.append(time.monotonic())
        time.sleep(0.1)
        return 200, ANSWERS[body]

    with server(slow, closes=closes) as url:
        outcome = drive(url, tmp_path)
    assert outcome.requests == len(posted)
    assert USERS - 2 <= outcome.requests - outcome.within <= USERS, "some may come as the window ends"
    assert outcome.ended - outcome.started < 2


@pytest.mark.usefixtures("wrk_here")
def test_a_server_that_closes_idle_connections_while_the_last_answers_are_awaited_loses_nothing(tmp_path: Path) -> None:
    def one_is_slow(_: int, body: bytes) -> tuple[int, bytes]:
        time.sleep(1.2 if body == b"document 0" else 0.05)
        return 200, ANSWERS[body]

    with server(one_is_slow, idle_seconds=0.2) as url:
        outcome = drive(url, tmp_path)
    assert outcome.requests > outcome.within > 0


@pytest.mark.usefixtures("wrk_here")
def test_an_answer_that_never_comes_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrk, "ANSWER_SECONDS", 2)
    lost = rf"{USERS} of {USERS} requests were lost"
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(LabError, match=lost):
        drive(f"http://127.0.0.1:{deaf.getsockname()[1]}", tmp_path)


@pytest.mark.usefixtures("wrk_here")
@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda count, body: (200, ANSWERS[body] if count % 50 else b"answer?"), "answers were wrong, 0 of them"),
        (lambda count, body: (200 if count % 50 else 503, ANSWERS[body]), "answers were wrong, [1-9]"),
        (lambda count, body: (200, b"answer 1"), "answers do not match their requests"),
    ],
    ids=["wrong once in fifty", "an error once in fifty", "from a cache"],
)
def test_a_server_that_lies_has_no_figure(answer: Answer, complaint: str, tmp_path: Path) -> None:
    with server(answer) as url, pytest.raises(LabError, match=complaint):
        drive(url, tmp_path)

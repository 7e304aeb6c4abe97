"""Right answers before figures: whatever a server or a core gets wrong is told, each time by its name."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from bench import documents, verify
from bench.build import artifacts
from bench.errors import LabError
from bench.model import Exchange, Stack
from bench.serve import ports
from tests.declared import CATALOG

Answer = tuple[int, bytes]
Answerer = Callable[[str, bytes], Answer]
STACK = Stack(variant="cpython", framework="falcon", server="gunicorn-sync")
ABOUT = {"variant": "cpython", "implementation": "cpython", "type": "function", "suffix": ".py", "compiled": False}


@pytest.fixture
def answering() -> Iterator[Callable[[Answerer], int]]:
    """Starts a server that answers (path, body) by a function, and returns its port."""
    servers = []

    def start(answer: Answerer) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status, body = answer(self.path, self.rfile.read(int(self.headers.get("Content-Length", 0))))
                if status == 0:
                    return  # closes without a word
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *words: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return server.server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """One case of each kind, laid out like spec/golden."""
    for name, text in {
        "valid/one.json": "[1]",
        "valid/one.out.json": '{"one":1}',
        "invalid/two.json": "[2]",
        "invalid/two.pointer": "0/id",
        "malformed/three.json": "[3",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


RIGHT: dict[bytes, Answer] = {
    b"[1]": (200, b'{"one":1}'),
    b"[2]": (422, b'{"pointer": "0/id"}'),
    b"[3": (400, b"{}"),
}


def test_a_right_server_has_no_mismatch(answering: Callable[[Answerer], int], cases: Path) -> None:
    checked = verify.check_server(answering(lambda path, body: RIGHT[body]), cases)
    assert (checked.cases, checked.mismatches) == (3, ())


@pytest.mark.parametrize(
    ("document", "answer", "told"),
    [
        (b"[1]", (200, b'{"one": 1}'), "valid/one.json: the answer differs"),
        (b"[1]", (422, b'{"pointer": ""}'), "valid/one.json: status 422 instead of 200"),
        (b"[1]", (500, b"oh"), "valid/one.json: status 500 instead of 200"),
        (b"[1]", (0, b""), "valid/one.json: POST /statements: no answer: "),
        (b"[2]", (200, b"[]"), "invalid/two.json: status 200 instead of 422"),
        (b"[2]", (422, b'{"pointer": "0"}'), "invalid/two.json: pointer '0' instead of '0/id'"),
        (b"[2]", (422, b'{"title": "No"}'), "invalid/two.json: problem details without a pointer: "),
        (b"[2]", (422, b"<h1>No</h1>"), "invalid/two.json: problem details without a pointer: "),
        (b"[2]", (422, b"[]"), "invalid/two.json: problem details without a pointer: "),
        (b"[3", (200, b"[]"), "malformed/three.json: status 200 instead of 400"),
        (b"[3", (500, b""), "malformed/three.json: status 500 instead of 400"),
    ],
)
def test_each_way_to_be_wrong_is_told_with_the_case(
    answering: Callable[[Answerer], int], cases: Path, document: bytes, answer: Answer, told: str
) -> None:
    wrong = RIGHT | {document: answer}
    checked = verify.check_server(answering(lambda path, body: wrong[body]), cases)
    (mismatch,) = checked.mismatches
    assert checked.cases == 3
    assert mismatch.startswith(told)


def test_a_server_that_lies_is_told_every_lie(answering: Callable[[Answerer], int]) -> None:
    checked = verify.check_server(answering(lambda path, body: (200, b"[]")))
    inputs = [path for path in verify.GOLDEN.rglob("*.json") if not path.name.endswith(".out.json")]
    assert checked.cases == len(inputs)
    empty = [path for path in verify.GOLDEN.rglob("*.out.json") if path.read_bytes() == b"[]"]
    assert len(checked.mismatches) == len(inputs) - len(empty)


def test_a_folder_without_a_case_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=": no cases: a case is "):
        verify.check_server(ports.free_port(), tmp_path)


def test_a_document_that_is_no_case_is_refused(cases: Path) -> None:
    (cases / "valid" / "one.out.json").unlink()
    with pytest.raises(LabError, match=r"valid/one.json: add one.out.json or one.pointer"):
        verify.check_server(ports.free_port(), cases)


# ---------------------------------------------------------------- before, between and after loads


def test_answers_are_right_or_the_first_wrong_one_is_named(answering: Callable[[Answerer], int]) -> None:
    asked = [Exchange(method="POST", path="/statements", body=body, expect=body.upper()) for body in (b"a", b"b", b"c")]
    verify.answers_right(answering(lambda path, body: (200, body.upper())), asked)
    seen = []

    def second_wrong(path: str, body: bytes) -> Answer:
        seen.append(body)
        return 200, b"B!" if body == b"b" else body.upper()

    with pytest.raises(
        LabError, match=r"wrong answer to POST /statements, document 1 .*: the body differs from byte 1 on: 2 bytes"
    ):
        verify.answers_right(answering(second_wrong), asked)
    assert seen == [b"a", b"b"]


def test_a_right_body_with_another_status_is_wrong(answering: Callable[[Answerer], int]) -> None:
    asked = [Exchange(method="GET", path="/hello", body=None, expect=b"Hello")]
    with pytest.raises(LabError, match="status 203"):
        verify.answers_right(answering(lambda path, body: (203, b"Hello")), asked)


def test_a_workload_is_verified_by_documents_that_no_load_sends() -> None:
    asked = verify.exchanges(CATALOG.workloads["small"])
    spec = CATALOG.workloads["small"].documents
    assert spec is not None
    assert len(asked) == spec.check
    folder = documents.ensure(CATALOG.workloads["small"]).load
    sent = {path.read_bytes() for path in folder.glob("*.json")}
    assert not sent.intersection(exchange.body for exchange in asked)


def test_a_workload_without_documents_is_verified_by_its_path() -> None:
    (asked,) = verify.exchanges(CATALOG.workloads["wait"])
    assert asked == Exchange(method="GET", path="/wait?ms=25", body=None, expect=b"Waited 25 ms.\n")


# ---------------------------------------------------------------- provenance


def test_the_provenance_agrees_with_what_was_declared() -> None:
    more = ABOUT | {"python": "3.11.2"}
    assert verify.provenance(CATALOG, "cpython", more) == more


@pytest.mark.parametrize(
    ("fact", "value"),
    [("variant", "pypy"), ("implementation", "pypy"), ("suffix", ".so"), ("compiled", True), ("type", None)],
)
def test_a_fact_that_differs_is_named(fact: str, value: object) -> None:
    with pytest.raises(LabError) as caught:
        verify.provenance(CATALOG, "cpython", ABOUT | {fact: value})
    assert str(caught.value) == (f"provenance check: 'cpython' reports {fact} = {value!r} instead of {ABOUT[fact]!r}")


def test_a_fact_that_is_missing_is_no_agreement() -> None:
    silent = {fact: value for fact, value in ABOUT.items() if fact != "compiled"}
    with pytest.raises(LabError, match="compiled = None instead of False"):
        verify.provenance(CATALOG, "cpython", silent)


def test_a_jit_that_was_meant_to_be_on_has_to_be() -> None:
    about = ABOUT | {"variant": "cpython@cpython-3.15-jit", "jit": True, "gil": True}
    assert verify.provenance(CATALOG, "cpython@cpython-3.15-jit", about) == about
    with pytest.raises(LabError, match="jit = False instead of True"):
        verify.provenance(CATALOG, "cpython@cpython-3.15-jit", about | {"jit": False})
    with pytest.raises(LabError, match="gil = True instead of False"):
        verify.provenance(CATALOG, "cpython@cpython-3.15t", about | {"variant": "cpython@cpython-3.15t"})


def test_a_server_tells_its_provenance_itself(answering: Callable[[Answerer], int]) -> None:
    about = ABOUT | {"framework": "app.wsgi.falcon_app"}
    right = answering(lambda path, body: (200 if path == "/__version__" else 404, json.dumps(about).encode()))
    assert verify.ask_provenance(CATALOG, right, STACK) == about
    with pytest.raises(LabError, match="provenance check: 'pypy' reports"):
        verify.ask_provenance(CATALOG, right, msgspec.structs.replace(STACK, variant="pypy"))
    with pytest.raises(LabError, match=r"framework = 'app.wsgi.falcon_app' instead of 'app.wsgi.bare_app'"):
        verify.ask_provenance(CATALOG, right, msgspec.structs.replace(STACK, framework="bare"))
    with pytest.raises(LabError, match="GET /__version__ answered status 404"):
        verify.ask_provenance(CATALOG, answering(lambda path, body: (404, b"")), STACK)


# ---------------------------------------------------------------- a core by itself


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Puts a shell script in the place of a variant's interpreter."""

    def script(text: str) -> None:
        path = tmp_path / "cpython" / "bin" / "python"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    monkeypatch.setattr(artifacts, "require", lambda name: None)
    monkeypatch.setattr(artifacts, "PREFIXES", tmp_path)
    return script


def test_what_a_core_answers_wrong_is_told_with_the_case(says: Callable[[str], None], cases: Path) -> None:
    wrong = json.dumps({"case": "valid/one.json", "expected": "{}", "got": "[]"})
    says(f"""echo '{wrong}'; echo '{{"cases": 3, "mismatches": 1, "median_seconds": 0.001}}'; exit 1""")
    checked = verify.check_variant(CATALOG, "cpython", cases)
    assert checked == verify.Checked(3, ("valid/one.json: expected {}, got []",), 0.001)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'ImportError: no core' >&2; exit 1", "check of cpython ended with status 1: ImportError: no core"),
        ("kill -SEGV $$", "check of cpython ended with status -11"),
        (
            "echo '{\"case\": \"a\"}'; echo 'b.json: no case' >&2; exit 1",
            "check of cpython ended with status 1: b.json",
        ),
        ("sleep 600", "check of cpython did not end within 0.3 s"),
    ],
)
def test_a_check_that_does_not_end_well_is_told_in_one_line(
    says: Callable[[str], None], cases: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    monkeypatch.setattr(verify, "CHECK_SECONDS", 0.3)
    says(script)
    with pytest.raises(LabError) as caught:
        verify.check_variant(CATALOG, "cpython", cases)
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)

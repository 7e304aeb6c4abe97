"""The HTTP contract: right answers, and the specified error for each kind of wrong request.

Test clients cannot send malformed HTTP, such as truncated chunks. The contract tests of servers cover that.
"""

import json
from pathlib import Path
from typing import Any

from ddt import data, ddt, idata, unpack
from testtools import TestCase
from testtools.matchers import (
    AfterPreprocessing,
    Contains,
    ContainsDict,
    Equals,
    LessThan,
    MatchesStructure,
    StartsWith,
)

from .reply import Client, Reply

MAX_BYTES = 300_000
GOLDEN = Path(__file__).resolve().parents[3] / "spec" / "golden"
EMPTY = b'{"batch":"b","currency":"EUR","orders":[]}'
JSON = "application/json"


def golden(kind: str) -> list[str]:
    """Return the names of the golden cases of a kind."""
    return sorted(path.stem for path in (GOLDEN / kind).glob("*.json") if not path.name.endswith(".out.json"))


def document(kind: str, name: str) -> bytes:
    """Return the document of a golden case."""
    return (GOLDEN / kind / f"{name}.json").read_bytes()


def is_reply(status: int, content_type: str, body: Any) -> Any:
    """Return a matcher of replies, with the matcher `body` for the body."""
    return MatchesStructure(status=Equals(status), content_type=StartsWith(content_type), body=body)


def is_problem(status: int, **members: str) -> Any:
    """Return a matcher of problems (RFC 9457) with this status and further members."""
    matchers: dict[str, Any] = {name: Equals(value) for name, value in {"status": status, **members}.items()}
    return is_reply(status, "application/problem+json", AfterPreprocessing(json.loads, ContainsDict(matchers)))


@ddt
class Contract(TestCase):
    """One test per case. A subclass sets the `client`."""

    client: Client

    def post(self, body: bytes, media_type: str | None = JSON) -> Reply:
        """Request the statement of a document."""
        return self.client.ask("POST", "/statements", body, media_type)

    def test_hello(self) -> None:
        self.assertThat(self.client.ask("GET", "/hello"), is_reply(200, "text/plain", Equals(b"Hello, world!\n")))

    def test_version(self) -> None:
        says_variant = AfterPreprocessing(json.loads, Contains("variant"))
        self.assertThat(self.client.ask("GET", "/__version__"), is_reply(200, JSON, says_variant))

    @idata(golden("valid"))
    def test_valid(self, name: str) -> None:
        answer = (GOLDEN / "valid" / f"{name}.out.json").read_bytes()
        self.assertThat(self.post(document("valid", name)), is_reply(200, JSON, Equals(answer)))

    @idata(golden("invalid"))
    def test_invalid(self, name: str) -> None:
        pointer = (GOLDEN / "invalid" / f"{name}.pointer").read_text(encoding="utf-8")
        self.assertThat(self.post(document("invalid", name)), is_problem(422, pointer=pointer))

    @idata(golden("malformed"))
    def test_malformed(self, name: str) -> None:
        self.assertThat(self.post(document("malformed", name)), is_problem(400))

    @data("application/json; charset=utf-8", "Application/JSON", "application/json ;a=b")
    def test_media_type_taken(self, media_type: str) -> None:
        self.assertThat(self.post(EMPTY, media_type).status, Equals(200))

    @data("text/plain", "application/jsonx", "application/problem+json", "json", ";", None)
    def test_media_type_refused(self, media_type: str | None) -> None:
        self.assertThat(self.post(EMPTY, media_type), is_problem(415))

    def test_document_as_large_as_the_limit(self) -> None:
        self.assertThat(self.post(EMPTY.ljust(MAX_BYTES)).status, Equals(200))

    def test_larger_document(self) -> None:
        self.assertThat(self.post(EMPTY.ljust(MAX_BYTES + 1)), is_problem(413))

    def test_no_document(self) -> None:
        self.assertThat(self.post(b""), is_problem(400))

    @data("0", "1", "0001")
    def test_wait(self, ms: str) -> None:
        waited = Equals(f"Waited {int(ms)} ms.\n".encode())
        self.assertThat(self.client.ask("GET", f"/wait?ms={ms}"), is_reply(200, "text/plain", waited))

    @data("", "?ms", "?ms=", "?x=1", "?ms=-1", "?ms=10001", "?ms=1.5", "?ms=1e3", "?ms=%201", "?ms=%2B1", "?ms=%D9%A4")
    def test_wait_refused(self, query: str) -> None:
        self.assertThat(self.client.ask("GET", f"/wait{query}"), is_problem(400))

    @data("/", "/nope", "/statements/1", "/hello/", "/%2e%2e")
    def test_unknown_path(self, target: str) -> None:
        self.assertThat(self.client.ask("GET", target), is_problem(404))

    @data("/hello%00", "/%E2%82%AC", "/a%20b")
    def test_odd_target(self, target: str) -> None:
        self.assertThat(self.client.ask("GET", target).status, LessThan(500))

    @data(("GET", "/statements"), ("PUT", "/statements"), ("POST", "/hello"), ("DELETE", "/wait"))
    @unpack
    def test_method_not_allowed(self, method: str, target: str) -> None:
        self.assertThat(self.client.ask(method, target), is_problem(405))

    @data("HEAD", "OPTIONS", "TRACE", "BREW")
    def test_odd_method(self, method: str) -> None:
        self.assertThat(self.client.ask(method, "/hello").status, LessThan(500))

"""The HTTP contract, for every framework and server: right answers, and never a 500 for any input.

The `departures` of servers name these tests: rename them there, too.
"""

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from bench import verify
from bench.build import artifacts
from bench.paths import SPEC
from tests import corpus
from tests.contract import answerers
from tests.contract.conftest import DEPLOYMENT
from tests.contract.wire import Reply, Server, ask, post, send

EMPTY = b'{"batch":"b","currency":"EUR","orders":[]}'
CASES = sorted(path for path in (SPEC / "golden").glob("*/*.json") if not path.name.endswith(".out.json"))
POST = "POST /statements HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"


def short(text: str) -> str:
    """Return the id of a case: its text, or the length of a long text."""
    return text if len(text) < 40 else f"{len(text)} characters"


def is_problem(reply: Reply, status: int) -> bool:
    """Return True if a reply is a problem (RFC 9457) with this status."""
    return (
        reply.status == status
        and reply.content_type == "application/problem+json"
        and json.loads(reply.body)["status"] == status
    )


def is_refused(reply: Reply) -> bool:
    """Return True if a request is refused: by the service, by its server or proxy, or by a closed connection."""
    return reply.status == 0 or 400 <= reply.status < 500


def is_well(server: Server) -> bool:
    """Return True if the service still answers."""
    return post(server, EMPTY) == Reply(200, "application/json", answerers.reference(EMPTY)[1])


def test_hello(server: Server) -> None:
    reply = ask(server, "GET", "/hello")
    assert (reply.status, reply.body) == (200, b"Hello, world!\n")
    assert reply.content_type.startswith("text/plain")


def test_version_tells_what_runs(server: Server) -> None:
    reply = ask(server, "GET", "/__version__")
    assert (reply.status, reply.content_type) == (200, "application/json")
    said = json.loads(reply.body)
    if server.peer:
        assert "variant" in said
        return
    assert {name: said[name] for name in ("version", "commit")} == as_built(said["variant"])
    assert (said["deployment"], said["agrees"]) == ({"version": DEPLOYMENT}, None)


def as_built(variant: str) -> dict[str, str | None]:
    """What the wheel of a variant says that the code is."""
    return {name: artifacts.record(variant)[name] for name in ("version", "commit")}


def test_promises_what_each_implementation_has(server: Server) -> None:
    reply = ask(server, "GET", "/openapi.json")
    written = json.loads((SPEC / "openapi.json").read_text())
    core = {
        path: written["paths"][path] for path in ("/hello", "/statements", "/wait", "/__version__", "/openapi.json")
    }
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert json.loads(reply.body) == {**written, "paths": core}


def is_free(server: Server, document: bytes, reply: Reply) -> bool:
    """Return True if the answer is one that the spec allows only to peers. A refusal must still be a problem."""
    if not (server.peer and verify.is_free(document, reply.status, reply.body)):
        return False
    return reply.status == 200 or is_problem(reply, reply.status)


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_golden_cases(server: Server, path: Path) -> None:
    reply = post(server, path.read_bytes())
    if is_free(server, path.read_bytes(), reply):
        return
    if path.parent.name == "valid":
        assert reply == Reply(200, "application/json", path.with_suffix(".out.json").read_bytes())
    elif path.parent.name == "invalid":
        assert is_problem(reply, 422)
        assert json.loads(reply.body)["pointer"] == path.with_suffix(".pointer").read_bytes().decode()
    else:
        assert is_problem(reply, 400)


def test_outcomes_become_statuses(server: Server) -> None:
    for document in corpus.documents():
        kind, *news = answerers.reference(document)
        reply = post(server, document)
        if is_free(server, document, reply):
            continue
        if kind == "ok":
            assert reply == Reply(200, "application/json", news[0]), document
        elif kind == "invalid":
            assert is_problem(reply, 422), document
            assert json.loads(reply.body)["pointer"] == news[0], document
        else:
            assert is_problem(reply, 400), document


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;a=b"])
def test_media_types_taken(server: Server, media_type: str) -> None:
    assert post(server, EMPTY, media_type).status == 200


@pytest.mark.parametrize("media_type", ["text/plain", "application/jsonx", "application/problem+json", "", "json", ";"])
def test_media_types_refused(server: Server, media_type: str) -> None:
    assert is_problem(post(server, EMPTY, media_type), 415)


def test_no_media_type_is_refused(server: Server) -> None:
    assert is_problem(ask(server, "POST", "/statements", EMPTY), 415)


def test_a_document_may_be_as_large_as_the_limit(server: Server) -> None:
    assert post(server, EMPTY.ljust(server.max_bytes)).status == 200


def test_a_larger_document_is_refused(server: Server) -> None:
    assert is_problem(post(server, EMPTY.ljust(server.max_bytes + 1)), 413)


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def test_a_chunked_document_is_read_or_its_length_is_asked_for(server: Server) -> None:
    reply = send(server, f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode() + chunked(EMPTY[:9], EMPTY[9:]))
    assert is_problem(reply, 411) or reply == Reply(200, "application/json", answerers.reference(EMPTY)[1])


def test_the_limit_holds_for_chunks(server: Server) -> None:
    spaces = chunked(*[b" " * 10_000] * (server.max_bytes // 10_000 + 1))
    reply = send(server, f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode() + chunked(EMPTY)[:-5] + spaces)
    assert is_refused(reply)
    assert reply.status in {0, 411, 413}
    assert is_well(server)


HOSTS = {"with Host": "Host: x\r\n", "without": ""}
KEPT = {"kept": "Connection: keep-alive\r\n", "closed": "Connection: close\r\n", "as by default": ""}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT.keys())
def test_a_get_by_http_1_0_is_answered(server: Server, host: str, kept: str) -> None:
    """That is nginx's default towards a server."""
    reply = send(server, f"GET /hello HTTP/1.0\r\n{host}{kept}\r\n".encode())
    assert (reply.status, reply.body) == (200, b"Hello, world!\n")


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT.keys())
def test_a_post_by_http_1_0_is_answered(server: Server, host: str, kept: str) -> None:
    head = f"POST /statements HTTP/1.0\r\n{host}{kept}Content-Type: application/json\r\n"
    reply = send(server, f"{head}Content-Length: {len(EMPTY)}\r\n\r\n".encode() + EMPTY)
    assert reply == Reply(200, "application/json", answerers.reference(EMPTY)[1])


@pytest.mark.parametrize("version", ["HTTP/1.2", "HTTP/2.0", "HTTP/9.9"])
def test_other_versions_are_no_error_of_the_server(server: Server, version: str) -> None:
    reply = send(server, f"GET /hello {version}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert reply.status < 500 or reply.status == 505
    assert is_well(server)


BROKEN = {
    "length of letters": b"zz\r\n{}\r\n0\r\n\r\n",
    "breaks off": b"5\r\n{}",
    "longer than its length": b"2\r\n{}xx0\r\n\r\n",
    "length below zero": b"-1\r\n",
    "nothing": b"",
    "no end": b"0\r\n",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_broken_chunks_are_refused(server: Server, body: bytes) -> None:
    assert is_refused(send(server, f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode() + body, cut=True))
    assert is_well(server)


@pytest.mark.parametrize("length", [len(EMPTY) + 1, 10**6, 10**12, 10**18, 10**30], ids="{:.0e}".format)
def test_a_body_that_breaks_off_is_refused(server: Server, length: int) -> None:
    assert is_refused(send(server, f"{POST}Content-Length: {length}\r\n\r\n".encode() + EMPTY, cut=True))
    assert is_well(server)


@pytest.mark.parametrize("length", ["-1", "x", "1x", "0x10", "1_0", "4 2", "٤", "9" * 5000], ids=short)
def test_a_length_that_is_none_is_refused(server: Server, length: str) -> None:
    assert is_refused(send(server, f"{POST}Content-Length: {length}\r\n\r\n".encode() + EMPTY, cut=True))
    assert is_well(server)


def test_bytes_after_the_announced_ones_are_not_read(server: Server) -> None:
    reply = send(server, f"{POST}Content-Length: {len(EMPTY)}\r\n\r\n".encode() + EMPTY + b"}")
    assert reply.status == 200


@pytest.mark.parametrize("head", ["", "Content-Length: 0\r\n"])
def test_no_document_is_malformed(server: Server, head: str) -> None:
    assert is_problem(send(server, f"{POST}{head}\r\n".encode()), 400)


@pytest.mark.parametrize("ms", ["0", "1", "0001"])
def test_waits(server: Server, ms: str) -> None:
    reply = ask(server, "GET", f"/wait?ms={ms}")
    assert (reply.status, reply.body) == (200, f"Waited {int(ms)} ms.\n".encode())


@pytest.mark.parametrize("query", ["", "?", "?ms", "?ms=", "?x=1", *("?ms=" + quote(ms) for ms in (
    "-1", "10001", "1.5", "1e3", "x", " 1", "+1", "1_0", "٤", "²", "9" * 5000, "\0"
)), "?ms=%ff", "?ms=%", "?&&=&ms", "?ms=1&ms=1", "?ms=1&x=", "?m%73=1&ms=1"], ids=short)  # fmt: skip
def test_refuses_to_wait(server: Server, query: str) -> None:
    reply = ask(server, "GET", f"/wait{query}")
    assert is_problem(reply, 400) or (len(query) > 4000 and is_refused(reply))


@pytest.mark.parametrize(
    ("method", "target", "parameter"),
    [
        ("GET", "/hello?x=1", "x"),
        ("GET", "/__version__?%C3%A9", "é"),
        ("GET", "/openapi.json?=1", ""),
        ("POST", "/statements?a=1&b=2", "a"),
        ("GET", "/wait?ms=1&ms=2", "ms"),
        ("GET", "/wait?ms=x", "ms"),
    ],
)
def test_a_wrong_parameter_is_named(server: Server, method: str, target: str, parameter: str) -> None:
    reply = send(server, f"{POST.replace('POST /statements', f'{method} {target}')}Content-Length: 0\r\n\r\n".encode())
    assert is_problem(reply, 400)
    assert json.loads(reply.body)["parameter"] == parameter


@pytest.mark.parametrize("target", ["/hello?", "/hello?&&"])
def test_an_empty_query_is_none(server: Server, target: str) -> None:
    assert ask(server, "GET", target).status == 200


@pytest.mark.parametrize("target", ["/", "/nope", "/statements/1", "/hello/", "/%", "/%2e%2e"])
def test_unknown_paths(server: Server, target: str) -> None:
    assert is_problem(ask(server, "GET", target), 404)


@pytest.mark.parametrize(
    "target",
    ["//hello", "/hello%00", "/%ff", "/%E2%82%AC", "/hello?%ff=%E2%82%AC&%", "*", "/" + "x" * 9000, "/a b"],
    ids=short,
)
def test_odd_targets_are_no_error_of_the_server(server: Server, target: str) -> None:
    assert ask(server, "GET", target).status < 500
    assert is_well(server)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/statements"),
        ("PUT", "/statements"),
        ("POST", "/hello"),
        ("DELETE", "/wait"),
        ("PATCH", "/__version__"),
    ],
)
def test_other_methods_are_not_allowed(server: Server, method: str, target: str) -> None:
    reply = ask(server, method, target, b"")
    assert is_problem(reply, 405)
    assert ("POST" if target == "/statements" else "GET") in reply.allow.split(", ")


@pytest.mark.parametrize("target", ["/hello", "/statements"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW", "get"])
def test_odd_methods_are_no_error_of_the_server(server: Server, method: str, target: str) -> None:
    assert ask(server, method, target).status < 500
    assert is_well(server)

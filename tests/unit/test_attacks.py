"""The corpus of attacks: each sends what its name says, and valid requests are valid for another parser."""

import re

import h11
import pytest

from app.http import DEFAULT_MAX_BYTES
from bench.attacks import CORPUS, Drip, Hold, Hostile, Leave, Pause, Send, Shut, Stream, named, requests

BY_NAME = {each.attack.name: each for each in CORPUS}
SIZE = len(requests.DOCUMENT)
HIDDEN = requests.hidden()
SENT = {  # by attack: what its bytes must contain, as a regular expression
    "get": rb"\AGET /hello HTTP/1\.1\r\nHost: lab\r\n\r\n\Z",
    "post": rb"\r\nContent-Length: 42\r\n\r\n\{",
    "http-1.0": rb"\AGET /hello HTTP/1\.0\r\n\r\n\Z",
    "http-1.0-kept": rb"HTTP/1\.0\r\n.*Connection: keep-alive\r\n",
    "http-1.0-post": rb"\APOST \S+ HTTP/1\.0\r\n.*Content-Length: 42\r\n",
    "http-1.0-post-kept": rb"HTTP/1\.0\r\n.*Connection: keep-alive\r\n\r\n\{",
    "chunked": rb"chunked\r\n\r\n9\r\n.{9}\r\n21\r\n.{33}\r\n0\r\n\r\n\Z",
    "chunk-extension": rb'\r\n2a;a=b;c="d e"\r\n',
    "chunk-zeros": rb"\r\n\r\n000000002a\r\n",
    "trailer": rb"\r\n0\r\nX-Sum: 1\r\n\r\n\Z",
    "absolute-target": rb"\AGET http://lab/hello HTTP/1\.1\r\n",
    "high-bytes-in-value": rb"X-Name: \xe9\xff\r\nX-Empty:\r\nX-Tab: a\tb\r\n",
    "high-bytes-thrice": rb"X-Name: \xe9\xff\r\n\r\n\Z",
    "blank-line-first": rb"\A\r\nGET ",
    "expect-continue": rb"Expect: 100-continue\r\n\r\n\{",
    "minor-version-2": rb"HTTP/1\.2\r\n",
    "pipelined": rb"\AGET /hello .*\r\n\r\nGET /wait\?ms=1 .*\r\n\r\nGET /wait\?ms=2 ",
    "get-after-post": rb"\]\}GET /wait\?ms=1 ",
    "byte-by-byte": rb"\APOST ",
    "half-closed": rb"\APOST ",
    "length-twice": rb"(Content-Length: 42\r\n){2}",
    "length-listed": rb"Content-Length: 42, 42\r\n",
    "length-unequal": rb"Content-Length: 42\r\nContent-Length: 41\r\n",
    "length-list-unequal": rb"Content-Length: 42, 41\r\n",
    "length-plus": rb"Content-Length: \+42\r\n",
    "length-minus": rb"Content-Length: -1\r\n",
    "length-hex": rb"Content-Length: 0x2a\r\n",
    "length-letters": rb"Content-Length: 42a\r\n",
    "length-space": rb"Content-Length: 4 2\r\n",
    "length-empty": rb"Content-Length: \r\n",
    "length-colon": rb"Content-Length : 42\r\n\r\n\{",
    "length-overflow": rb"Content-Length: 18446744073709551658\r\n",
    "coding-unknown": rb"Transfer-Encoding: xchunked\r\n",
    "coding-not-last": rb"Transfer-Encoding: chunked, identity\r\n",
    "coding-control": rb"Transfer-Encoding: \x0bchunked\r\n",
    "coding-space": rb"Transfer-Encoding : chunked\r\n",
    "coding-and-length": rb"Transfer-Encoding: chunked\r\nContent-Length: 53\r\n",
    "coding-twice": rb"(Transfer-Encoding: chunked\r\n){2}",
    "coding-capitals": rb"Transfer-Encoding: CHUNKED\r\n",
    "coding-http-1.0": rb"HTTP/1\.0\r\n.*Transfer-Encoding: chunked\r\n",
    "fold": rb"X-Fold: a\r\n b\r\n",
    "space-before-fields": rb"\AGET /hello HTTP/1\.1\r\n X-First: a\r\nHost: lab\r\n\r\n\Z",
    "host-folded": rb"\AGET /hello HTTP/1\.1\r\nHost: lab\r\n X-First: a\r\n\r\n\Z",
    "no-colon": rb"\r\nno colon\r\n",
    "no-name": rb"\r\n: a\r\n",
    "bad-name": rb"X\(@\): a",
    "nul-in-name": rb"X\0Y: a",
    "nul-in-value": rb"X-Nul: a\0b\r\n",
    "cr-in-value": rb"X-Cr: a\rb\r\n",
    "lf-in-value": rb"X-Lf: a\nX-Next: b\r\n",
    "no-host": rb"\AGET /hello HTTP/1\.1\r\n\r\n\Z",
    "two-hosts": rb"Host: lab\r\nHost: other\r\n",
    "bad-host": rb"Host: a b/c\r\n",
    "line-spaces": rb"\AGET   /hello   HTTP/1\.1\r\n",
    "line-tabs": rb"\AGET\t/hello\tHTTP/1\.1\r\n",
    "version-2.0": rb" HTTP/2\.0\r\n",
    "version-9.9": rb" HTTP/9\.9\r\n",
    "version-letters": rb" HTTP/x\.y\r\n",
    "version-small": rb" http/1\.1\r\n",
    "target-fragment": rb" /hello#x ",
    "target-high": rb" /hello\xff ",
    "target-nul": rb" /hello%00 ",
    "target-authority": rb"\AGET lab:80 ",
    "target-star": rb"\AGET \* ",
    "options-star": rb"\AOPTIONS \* ",
    "method-unknown": rb"\ABREW /hello ",
    "connect": rb"\ACONNECT lab:443 HTTP/1\.1\r\n",
    "http-0.9": rb"\AGET /hello\r\n\r\n\Z",
    "lines-lf": rb"\A[^\r]+\n\n\Z",
    "tls": rb"\A\x16\x03\x01",
    "http-2-preface": rb"\APRI \* HTTP/2\.0\r\n\r\nSM\r\n\r\n\Z",
    "media-type-twice": rb"(Content-Type: application/json\r\n){2}",
    "size-letters": rb"\r\n\r\nzz\r\n",
    "size-minus": rb"\r\n\r\n-1\r\n",
    "size-plus": rb"\r\n\r\n\+2a\r\n",
    "size-0x": rb"\r\n\r\n0x2a\r\n",
    "size-overflow": rb"\r\n\r\n1[0]{14}2a\r\n",
    "size-empty": rb"\r\n\r\n\r\n\{",
    "data-longer": rb"\r\n\r\n28\r\n.{42}\r\n0\r\n",
    "data-unterminated": rb"\]\}0\r\n\r\n\Z",
    "cut-in-chunk": rb"\r\n2a\r\n.{9}\Z",
    "cut-before-end": rb"\]\}\r\n\Z",
    "cut-in-end": rb"\r\n0\r\n\Z",
    "size-spaces": rb"\r\n2a  \r\n",
    "size-lf": rb"\r\n2a\n\{",
    "extension-huge": rb"\r\n2a;x{65536}\r\n",
    "trailer-length": rb"\r\n0\r\nContent-Length: 1\r\n\r\n\Z",
    "lengths-first": rb"Content-Length: \d{2}\r\nContent-Length: 42\r\n",
    "lengths-second": rb"Content-Length: 42\r\nContent-Length: \d{2}\r\n",
    "lengths-list": rb"Content-Length: 42, \d{2}\r\n",
    "hidden-length-colon": rb"Content-Length : \d+\r\n\r\nGET ",
    "chunk-spill": rb"\r\n\r\n2a\r\n.{42}XX0\r\n\r\nGET ",
    "length-over-coding": rb"Content-Length: \d+\r\nTransfer-Encoding: chunked\r\n.*\r\n0\r\n\r\nGET ",
    "coding-over-length": rb"Content-Length: \d+\r\nTransfer-Encoding: chunked\r\n.*GET .*\r\n0\r\n\r\n\Z",
    "hidden-coding-unknown": rb"Transfer-Encoding: xchunked\r\n.*\r\n0\r\n\r\nGET ",
    "hidden-coding-space": rb"Transfer-Encoding : chunked\r\n.*\r\n0\r\n\r\nGET ",
    "hidden-coding-control": rb"Transfer-Encoding: \x0bchunked\r\n.*\r\n0\r\n\r\nGET ",
    "hidden-coding-not-last": rb"Transfer-Encoding: chunked, identity\r\n.*\r\n0\r\n\r\nGET ",
    "coding-folded": rb"Transfer-Encoding:\r\n chunked\r\n.*\r\n0\r\n\r\nGET ",
    "coding-behind-cr": rb"X-Lf: a\rTransfer-Encoding: chunked\r\n.*\r\n0\r\n\r\nGET ",
    "hidden-coding-http-1.0": rb"HTTP/1\.0\r\n.*keep-alive\r\n.*\r\n0\r\n\r\nGET ",
    "extension-lf": rb"\r\n\r\n2;\nxx\r\n\w\w\r\n0\r\n\r\nGET ",
    "body-of-get": rb"\AGET /hello .*Content-Length: \d+\r\n\r\nGET ",
    "body-of-get-chunked": rb"\AGET /hello .*chunked\r\n\r\n\w+\r\nGET ",
    "body-of-404": rb"\APOST /nope .*\r\n\r\nGET ",
    "body-of-415": rb"text/plain\r\n.*\r\n\r\nGET ",
    "body-of-expect": rb"Expect: 100-continue\r\n\r\nGET ",
    "fields-100": rb"X-99: a\r\n\r\n\Z",
    "fields-10000": rb"X-9999: a\r\n\r\n\Z",
    "field-64k": rb"X-Long: a{65536}\r\n",
    "line-8000": rb"\A[^\r]{8000}\r\n",
    "line-64k": rb"\A[^\r]{65536}\r\n",
    "line-1m": rb"\A[^\r]{1048576}\r\n",
    "head-endless": rb"X-More: a+\r\n\Z",
    "line-endless": rb"\AGET /x+\Z",
    "body-72m": rb"Content-Length: 75497472\r\n\r\n +\Z",
    "body-endless": rb"chunked\r\n\r\n10000\r\n +\r\n\Z",
    "chunks-50000": rb"(1\r\n \r\n){50000}0\r\n\r\n\Z",
    "length-cut": rb"Content-Length: 1000000000000\r\n\r\n.{42}\Z",
    "idle-300": rb"\A\Z",
    "leave-head": rb"\A[^\n]+\r\n?[^\n]*\Z",
    "leave-body": rb"Content-Length: 42\r\n\r\n.{33}\Z",
    "leave-answer": rb"Content-Length: 42\r\n\r\n.{42}\Z",
    "reset": rb"Content-Length: 42\r\n\r\n.{42}\Z",
    "shut-at-once": rb"\A\Z",
    "idle": rb"\A\Z",
    "head-stalls": rb"\APOST .{25}\Z",
    "head-drips": rb"\r\nX-Slow: a{600}\Z",
    "body-stalls": rb"Content-Length: 600\r\n\r\n.{42}\Z",
    "body-drips": rb"Content-Length: 600\r\n\r\n.{42} {600}\Z",
    "bodies-stall": rb"Content-Length: 600\r\n\r\n.{42}\Z",
    "chunk-stalls": rb"\r\n\r\nff\r\n\{\Z",
    "heads-stall": rb"\APOST .{25}\Z",
    "answers-unread": rb"(GET /hello HTTP/1\.1\r\nHost: lab\r\n\r\n){20000}\Z",
}


def test_every_attack_is_described_here_once() -> None:
    assert sorted(SENT) == sorted(each.attack.name for each in CORPUS)


@pytest.mark.parametrize("each", CORPUS, ids=lambda each: each.attack.name)
def test_its_bytes_are_what_its_name_says(each: Hostile) -> None:
    assert re.search(SENT[each.attack.name], each.sent, re.DOTALL)


@pytest.mark.parametrize("each", CORPUS, ids=lambda each: each.attack.name)
def test_it_says_what_is_allowed_and_where_that_is_written(each: Hostile) -> None:
    attack = each.attack
    assert "RFC 91" in attack.source
    assert attack.allowed
    if "answered" in attack.allowed and attack.kind not in {"connections", "slow"}:
        assert attack.expect or attack.kind == "smuggling" or attack.name == "http-2-preface", (
            "an answer needs the right body"
        )
    if attack.allowed == ("refused",):
        assert not attack.expect
    if attack.kind == "valid":
        assert "answered" in attack.allowed


@pytest.mark.parametrize(
    "each", [each for each in CORPUS if each.attack.kind == "smuggling"], ids=lambda each: each.attack.name
)
def test_a_hidden_request_is_whole_and_its_answer_is_never_expected(each: Hostile) -> None:
    assert each.sent.count(HIDDEN) == 1
    assert requests.HIDDEN not in each.attack.expect


@pytest.mark.parametrize("name", ["length-over-coding", "hidden-coding-unknown", "coding-folded"])
def test_the_length_covers_the_hidden_request_where_the_title_says_so(name: str) -> None:
    head, _, body = named(name).sent.partition(b"\r\n\r\n")
    assert int(re.search(rb"Content-Length: (\d+)", head)[1]) == len(body)


def test_the_length_ends_before_the_hidden_request_where_the_coding_covers_it() -> None:
    head, _, body = named("coding-over-length").sent.partition(b"\r\n\r\n")
    assert body[int(re.search(rb"Content-Length: (\d+)", head)[1]) :].startswith(HIDDEN)


STRICT = {"minor-version-2", "blank-line-first"}  # valid, but h11 may refuse them


@pytest.mark.parametrize(
    "each",
    [each for each in CORPUS if each.attack.kind == "valid" and each.attack.name not in STRICT],
    ids=lambda each: each.attack.name,
)
def test_a_valid_request_is_valid_for_another_parser(each: Hostile) -> None:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(each.sent)
    events: list[h11.Event] = []
    while not isinstance(events[-1:] and events[-1], h11.EndOfMessage):
        event = connection.next_event()
        assert not isinstance(event, type), "a sentinel: h11 waits for more"
        events.append(event)
    body = b"".join(bytes(event.data) for event in events if isinstance(event, h11.Data))
    first = events[0]
    assert isinstance(first, h11.Request)
    assert body == (requests.DOCUMENT if first.method == b"POST" else b"")


def test_the_right_answer_of_the_document_is_that_of_the_core() -> None:
    assert requests.STATEMENT.startswith("{")
    assert named("post").attack.expect == (requests.STATEMENT,)


def test_bodies_without_end_exceed_the_services_limit() -> None:
    for name in ("body-72m", "body-endless"):
        stream = named(name).steps[-1]
        assert isinstance(stream, Stream)
        assert stream.total > DEFAULT_MAX_BYTES


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("half-closed", Shut()),
        ("cut-in-chunk", Shut()),
        ("leave-answer", Leave()),
        ("reset", Leave(reset=True)),
        ("head-drips", Drip(b"a" * 600, 1.0)),
    ],
)
def test_a_connection_ends_as_its_name_says(name: str, last: object) -> None:
    assert named(name).steps[-1] == last


def test_slow_attacks_are_held_and_floods_have_many_clients() -> None:
    assert all(each.held for each in CORPUS if each.slow)
    assert named("idle-300").clients == 300
    assert named("idle-300").held
    assert [type(step) for step in named("idle-300").steps] == [Hold, Leave]
    assert named("bodies-stall").clients == 6
    assert (named("high-bytes-thrice").clients, named("high-bytes-thrice").before) == (3, 10)
    assert [type(step) for step in named("expect-continue").steps] == [Send, Pause, Send]
    assert not named("answers-unread").reads


MUST = {  # what RFC 9112 prescribes beside a refusal: the status 400, and the end of the connection
    "length-unequal": (400, True), "length-list-unequal": (400, True), "length-plus": (400, True),
    "length-minus": (400, True), "length-hex": (400, True), "length-letters": (400, True),
    "length-space": (400, True), "length-empty": (400, True), "lengths-first": (400, True),
    "lengths-second": (400, True), "lengths-list": (400, True),
    "length-colon": (400, False), "hidden-length-colon": (400, False), "coding-space": (400, False),
    "hidden-coding-space": (400, False),
    "coding-unknown": (400, True), "coding-not-last": (400, True), "coding-control": (400, True),
    "hidden-coding-unknown": (400, True), "hidden-coding-not-last": (400, True), "hidden-coding-control": (400, True),
    "no-host": (400, False), "two-hosts": (400, False), "bad-host": (400, False), "host-folded": (400, False),
    "coding-and-length": (None, True), "coding-http-1.0": (None, True), "length-over-coding": (None, True),
    "coding-over-length": (None, True), "coding-folded": (None, True), "hidden-coding-http-1.0": (None, True),
}  # fmt: skip


def test_what_must_be_refused_by_400_or_end_the_connection_says_so() -> None:
    found = {each.attack.name: (each.attack.status, each.attack.closes) for each in CORPUS}
    assert {name: told for name, told in found.items() if told != (None, False)} == MUST
    unknown = {each.attack.name for each in CORPUS if each.attack.or_status == 501}
    assert unknown == {
        f"{hidden}coding-{which}" for hidden in ("", "hidden-") for which in ("unknown", "not-last", "control")
    }, "an unknown coding (RFC 9112, 6.1)"

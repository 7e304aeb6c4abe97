"""When an answer is the right one: bytes or JSON values, members that do not count, headers that do."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.documents import answers
from bench.documents.answers import Answer, difference, unlike, without
from bench.model import Exchange, Same

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


NESTED = {"unordered": ["/a", "/a/*/b"]}


def asked(expect: bytes, **same: object) -> Exchange:
    rule = msgspec.convert({"by": "json"} | same, Same)
    return Exchange(
        method="GET", path="/", body=None, expect=expect, same=rule, expect_headers={"content-type": "text/html"}
    )


def told(exchange: Exchange, body: bytes, status: int = 200, kind: str = "text/html") -> str | None:
    return difference(exchange, Answer(status, {"content-type": kind}, body))


def test_without_a_rule_bytes_decide() -> None:
    exchange = Exchange(method="GET", path="/", body=None, expect=b'{"a": 1}')
    assert told(exchange, b'{"a": 1}') is None
    assert "the body differs" in (told(exchange, b'{"a":1}') or "")


@pytest.mark.parametrize(
    ("same", "expect", "body"),
    [
        ({}, b'{"a": 1, "b": [2]}', b'{"b":[2],"a":1}'),
        ({"ignore": ["/id"]}, b'{"id": 1, "a": 1}', b'{"id": 2, "a": 1}'),
        ({"ignore": ["/id"]}, b'{"a": 1}', b'{"id": 2, "a": 1}'),
        ({"ignore": ["/rows/*/at"]}, b'{"rows": [{"at": 1}, {"at": 2}]}', b'{"rows": [{"at": 3}, {}]}'),
        ({"ignore": ["/a~1b/~0"]}, b'{"a/b": {"~": 1}}', b'{"a/b": {"~": 2}}'),
        ({}, b"<p>no JSON</p>", b"<p>no JSON</p>"),
        (NESTED, b'{"a": [{"b": [1, 2]}, {"b": [3, 0]}]}', b'{"a": [{"b": [0, 3]}, {"b": [2, 1]}]}'),
        ({"mask": ["[0-9]{4}"]}, b"<p>1234\xff\r\n", b"<p>9876\xff\r\n"),
        ({"mask": ["é[0-9]"]}, "é1".encode(), "é2".encode()),
    ],
)
def test_these_are_the_same(same: dict[str, object], expect: bytes, body: bytes) -> None:
    assert told(asked(expect, **same), body) is None


@pytest.mark.parametrize(
    ("same", "expect", "body", "words"),
    [
        ({}, b'{"a": 1}', b'{"a": 2}', "differs at /a"),
        ({}, b'{"a": 1}', b'{"a": 1.0}', "differs at /a"),
        ({}, b'{"a": true}', b'{"a": 1}', "differs at /a"),
        ({}, b"[1, 2]", b"[1]", "differs at /"),
        ({}, b'{"a": null}', b"{}", "differs at /a"),
        ({"ignore": ["/id"]}, b'{"in": {"id": 1}}', b'{"in": {"id": 2}}', "differs at /in/id"),
        ({}, b'{"a": 1}', b"<p>an error</p>", "the body differs"),
        ({"by": "bytes"}, b'{"a": 1}', b'{"a":1}', "the body differs"),
        (NESTED, b'{"a": [{"b": [1, 2]}]}', b'{"a": [{"b": [1, 3]}]}', "differs at /a/0/b/1"),
        (
            {"mask": ["x{9}"]},
            b"a\r\nb",
            b"a\nb",
            "the body differs\n--- expected\n+++ got\n@@ -1,2 +1,2 @@\n-'a\\r\\n'",
        ),
        ({"mask": ["x{9}"]}, b"a\n", b"a", "the body differs\n--- expected\n+++ got\n@@ -1 +1 @@\n-'a\\n'"),
        ({"mask": ["x{9}"]}, b"\xff", b"\\xff", "the body differs\n--- expected\n+++ got\n@@ -1 +1 @@\n-'\\udcff'"),
        ({"mask": ["x{9}"]}, b"\xff", b"\xfe", "the body differs\n--- expected\n+++ got\n@@ -1 +1 @@\n-\\xff"),
        ({}, b"[" * 300 + b"1" + b"]" * 300, b"[" * 300 + b"2" + b"]" * 300, "the body differs"),
        ({}, b"[" * 90000 + b"]" * 90000, b"[" * 90000 + b" " + b"]" * 90000, "the body differs"),
    ],
)
def test_these_are_not(same: dict[str, object], expect: bytes, body: bytes, words: str) -> None:
    assert (told(asked(expect, **same), body) or "").startswith(words)


def test_an_index_of_what_is_ignored_counts_before_arrays_are_sorted() -> None:
    exchange = asked(b'["b", 1, "a"]', ignore=["/1"], unordered=[""])
    assert told(exchange, b'["a", 2, "b"]') is None
    assert told(exchange, b'[2, "a", "b"]')


def test_a_deep_value_is_compared_as_a_value_up_to_a_limit() -> None:
    depth = answers.DEEPEST - 1
    one, other = (b"[" * depth + value + b"]" * depth for value in (b"1", b"1 "))
    assert told(asked(one), other) is None
    assert "differs at /0/0" in (told(asked(one), other.replace(b"1", b"2")) or "")
    assert told(asked(b"[" + one + b"]"), b"[" + other + b"]")


def test_status_and_chosen_headers_count() -> None:
    exchange = asked(b"{}", headers=["content-type"])
    assert told(exchange, b"{}") is None
    assert told(exchange, b"{}", 500) == "status 500 instead of 200: b'{}'"
    changed = told(exchange, b"{}", kind="text/plain")
    assert changed == "header content-type: 'text/plain' instead of 'text/html'"
    assert told(asked(b"{}"), b"{}", kind="text/plain") is None


def test_a_difference_shows_expected_and_got_and_no_more_than_a_screen() -> None:
    expect, body = (msgspec.json.encode({"rows": [at] * 100}) for at in (0, 1))
    lines = (told(asked(expect), body) or "").splitlines()
    assert lines[1:3] == ["--- expected", "+++ got"]
    assert len(lines) == 14
    assert lines[-1].startswith("… and ")


@given(JSON)
def test_a_value_is_like_itself(value: object) -> None:
    assert not list(unlike(value, value))


@given(JSON, JSON)
def test_what_is_unlike_is_unlike_both_ways(one: object, other: object) -> None:
    assert set(unlike(one, other)) == set(unlike(other, one))


@given(JSON)
def test_what_is_unlike_can_be_ignored(value: object) -> None:
    one, other = {"a": value, "b": 1}, {"a": [value, "other"], "b": 1}
    found = tuple(unlike(one, other))
    assert not list(unlike(without(one, found), without(other, found))) or not found

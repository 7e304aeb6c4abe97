"""The answers of the baseline: recorded once, refused where they fail or differ, with what to ignore."""

from collections.abc import Sequence

import pytest

from bench.documents.answers import Answer
from bench.documents.http_files import Request
from bench.errors import LabError
from bench.model import Same
from bench.own import baseline

JSON = Same(by="json", headers=("content-type",))
PAGE = Request(name="page", method="GET", path="/", headers={}, body=None)


def answers(*bodies: str, status: int = 200) -> list[Answer]:
    return [Answer(status, {"content-type": "text/html"}, body.encode()) for body in bodies]


def complaint(given: Sequence[Answer], rule: Same = JSON) -> str:
    with pytest.raises(LabError) as caught:
        baseline.require_answers([PAGE], [given], rule)
    return str(caught.value)


def test_what_is_alike_each_time_is_taken() -> None:
    baseline.require_answers([PAGE], [answers('{"a": 1, "b": 2}', '{"b": 2, "a": 1}')], JSON)


def test_members_that_differ_are_shown_and_suggested() -> None:
    told = complaint(answers('{"id": 1, "rows": [{"at": 1}]}', '{"id": 2, "rows": [{"at": 2}]}'))
    assert "GET / (page): differs at /id, /rows/0/at" in told
    assert told.endswith("[answers]\nignore = ['/id', '/rows/*/at']")


def test_an_array_that_comes_in_another_order_is_suggested_as_unordered() -> None:
    given = answers('{"rows": [{"in": [1, 2]}, {"in": [3]}]}', '{"rows": [{"in": [2, 1]}, {"in": [3]}]}')
    assert complaint(given).endswith("[answers]\nunordered = ['/rows/*/in']")
    baseline.require_answers([PAGE], [given], Same(by="json", unordered=("/rows/*/in",)))
    given = answers('{"names": ["a", "b"]}', '{"names": ["b", "a"]}')
    assert complaint(given).endswith("unordered = ['/names']")


def test_tokens_that_differ_in_a_text_are_suggested_as_a_mask() -> None:
    one, other = "a" * 32, "b" * 32
    told = complaint(answers(f"<input value={one}>", f"<input value={other}>"))
    assert told.endswith("mask = ['[A-Za-z0-9]{32}']")
    masked = Same(by="json", mask=("[A-Za-z0-9]{32}",))
    baseline.require_answers([PAGE], [answers(f"<input value={one}>", f"<input value={other}>")], masked)


def test_what_nobody_can_ignore_is_told_so() -> None:
    told = complaint(answers("<p>one</p>", "<p>two or three</p>"))
    assert told.endswith("remove the request, or make its answer repeatable")


def test_headers_and_status_count() -> None:
    other = Answer(404, {"content-type": "text/html"}, b"{}")
    assert "status 404 instead of 200" in complaint([*answers("{}"), other])
    plain = Answer(200, {"content-type": "text/plain"}, b"{}")
    assert "header content-type: 'text/plain' instead of 'text/html'" in complaint([*answers("{}"), plain])


def test_a_request_that_fails_is_told_with_its_answer() -> None:
    with pytest.raises(LabError, match=r"GET / \(page\) fails on the baseline: status 500: out of order"):
        baseline.require_answers([PAGE], [answers("out of order", status=500)], JSON)


def test_a_request_has_one_host_however_it_is_written() -> None:
    assert baseline.exchange_of(PAGE).headers == {"Host": "localhost"}
    own = Request(name="page", method="GET", path="/", headers={"host": "shop.example"}, body=None)
    assert baseline.exchange_of(own).headers == {"host": "shop.example"}

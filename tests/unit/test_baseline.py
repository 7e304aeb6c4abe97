"""The answers of the baseline: recorded once, refused where they fail or differ, with what to ignore."""

from collections.abc import Sequence

import pytest

from bench.documents.answers import Answer
from bench.documents.http_files import Request
from bench.errors import LabError
from bench.model import Exchange, Same
from bench.own import baseline, shown

JSON = Same(by="json", headers=("content-type",))
PAGE = Request(name="page", method="GET", path="/", headers={}, body=None)
OTHER = Request(name="other", method="GET", path="/", headers={}, body=None)


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
    first, second, *_ = told.splitlines()
    assert first == (
        "the baseline's own answers to GET / (page) differ: ignore what may differ by the last lines, in lab.toml"
    )
    assert second == "GET / (page): differs at /id, /rows/0/at"
    assert told.endswith("\n\n[answers]\nignore = ['/id', '/rows/*/at']")


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
    first = "the baseline's own answers to GET / (page) differ: remove the request, or make its answer repeatable"
    assert told.splitlines()[:2] == [first, "GET / (page): the body differs"]


def test_headers_and_status_count() -> None:
    other = Answer(404, {"content-type": "text/html"}, b"{}")
    assert "status 404 instead of 200" in complaint([*answers("{}"), other])
    plain = Answer(200, {"content-type": "text/plain"}, b"{}")
    assert "header content-type: 'text/plain' instead of 'text/html'" in complaint([*answers("{}"), plain])


def test_several_requests_that_differ_are_counted() -> None:
    with pytest.raises(LabError, match=r"^the baseline's own answers to GET / \(page\) and 1 more differ: ignore"):
        baseline.require_answers([PAGE, OTHER], [answers('{"id": 1}', '{"id": 2}')] * 2, JSON)


def test_a_request_that_fails_is_told_with_its_answer_in_one_line() -> None:
    with pytest.raises(LabError) as caught:
        baseline.require_answers([PAGE], [answers("<html>\n<title>out of order</title>", status=500)], JSON)
    assert str(caught.value) == (
        "GET / (page) fails on the baseline: status 500: out of order; correct the request or the service"
    )


def test_a_request_has_one_host_however_it_is_written() -> None:
    assert baseline.exchange_of(PAGE).headers == {"Host": "localhost"}
    own = Request(name="page", method="GET", path="/", headers={"host": "shop.example"}, body=None)
    assert baseline.exchange_of(own).headers == {"host": "shop.example"}


def exchange(status: int = 200, body: bytes = b"{}", kind: str | None = "application/json") -> Exchange:
    headers = {"content-type": kind} if kind else {}
    return Exchange(name="page", method="GET", path="/", body=None, status=status, expect=body, expect_headers=headers)


def test_each_answer_is_shown_in_a_line() -> None:
    page = exchange(body=b"<head>\n<TITLE>\n Sorry &amp; bye </TITLE>" + b"x" * 2000, kind="text/html")
    assert list(shown.lines([page, exchange(404, b"not\nhere " * 9, None), exchange()])) == [
        "       page  GET /  200  text/html         2,040 B  Sorry & bye",
        "error  page  GET /  404  no content type      81 B  " + ("not here " * 9)[:60] + "…",
        "       page  GET /  200  application/json      2 B  {}",
    ]


def test_many_answers_are_shown_in_part_and_errors_counted() -> None:
    told = list(shown.lines([exchange()] * 20 + [exchange(404), exchange(), exchange(403)]))
    assert len(told) == 21
    assert told[-1] == "… and 3 more, 2 of them with status 400 or higher"
    assert list(shown.lines([exchange()] * 21))[-1] == "… and 1 more"


def test_errors_alone_are_no_baseline() -> None:
    missing, page = (baseline.exchange_of(PAGE, Answer(status, {}, b""), JSON) for status in (404, 200))
    baseline._require_some_success([missing, page])
    with pytest.raises(LabError, match=r"answers every request with an error, such as GET / \(page\) with 404"):
        baseline._require_some_success([missing, missing])

"""Files of requests as editors' HTTP clients write them."""

from pathlib import Path

import pytest

from bench.documents import http_files
from bench.documents.http_files import Request
from bench.errors import LabError

SHOP = """\
@host = http://localhost:8000
@word = lab rat

### Home
GET {{host}}/

### Search for a word
# @weight 3
POST /search
    ?page=2
    &size=10
Content-Type: application/json
Content-Length: 3

{"word": "{{word}}",

 "exact": true}


###
// nothing here

###
# @name gone
DELETE {{host}}/carts/7 HTTP/1.1
"""


def test_a_file_holds_requests_with_names_weights_headers_and_bodies(tmp_path: Path) -> None:
    (tmp_path / "shop.http").write_text(SHOP)
    home, search, gone = http_files.read(tmp_path)
    assert home == Request(name="Home", method="GET", path="/", headers={}, body=None)
    assert search == Request(
        name="Search for a word",
        method="POST",
        path="/search?page=2&size=10",
        headers={"Content-Type": "application/json"},
        body=b'{"word": "lab rat",\n\n "exact": true}',
        weight=3,
    )
    assert (gone.name, gone.method, gone.path) == ("gone", "DELETE", "/carts/7")


def test_a_folder_is_read_by_the_names_of_its_files_and_a_body_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "b.http").write_text("PUT /b\n\n< ./body.bin\n")
    (tmp_path / "body.bin").write_bytes(b"\x00\xff")
    (tmp_path / "a.rest").write_text("/a")
    (tmp_path / "notes.txt").write_text("not a request")
    assert [(each.name, each.method, each.path, each.body) for each in http_files.read(tmp_path)] == [
        ("a", "GET", "/a", None),
        ("b", "PUT", "/b", b"\x00\xff"),
    ]


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("//double/slash", "//double/slash"),
        ("http://localhost:8000//double?a=//b", "//double?a=//b"),
        ("https://localhost?a", "/?a"),
        ("http://localhost:8000", "/"),
        ("/a?", "/a?"),
        ("/a;b=http://c/?d#part", "/a;b=http://c/?d"),
        ("/a\n  ?b={{word}}", "/a?b=lab"),
    ],
)
def test_path_and_query_are_sent_as_they_are_written(tmp_path: Path, address: str, target: str) -> None:
    (tmp_path / "a.http").write_text(f"@word = lab\nPOST {address}\n")
    assert [each.path for each in http_files.read(tmp_path)] == [target]


def test_a_body_keeps_all_but_line_ends(tmp_path: Path) -> None:
    body = "one\u2028two\x0cthree\x85\rfour\r\r\n<b>\r\n> cited\r\n\x0c\r\n \r\n\r\n"
    text = f"POST /a\r\nA: b\r\n\r\n{body}### next\r\nGET /b\r\n"
    (tmp_path / "a.http").write_bytes(text.encode())
    first, second = http_files.read(tmp_path)
    assert first.body == "one\u2028two\x0cthree\x85\rfour\r\n<b>\n> cited\n\x0c".encode()
    assert (first.headers, second.name, second.path) == ({"A": "b"}, "next", "/b")


def test_a_file_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.http").write_bytes(b"GET /a\nA: \xe9\n")
    with pytest.raises(LabError, match=r"a\.http:2: not UTF-8: save the file as UTF-8"):
        http_files.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FETCH /a", "shop.http:1: invalid request 'FETCH /a': write one such as `GET /products`"),
        ("hello", "shop.http:1: invalid request 'hello': write one such as `GET /products`"),
        ("\nGET {{base}}/a", "shop.http:2: {{base}} is not defined: add a line `@base = VALUE` above it"),
        ("POST /a\n{}", "shop.http:2: invalid header '{}': a body begins after an empty line"),
        ("POST /a\n\n< gone.json", "shop.http:3: no such file: "),
        ("# @weight none\nGET /a", "shop.http:1: invalid weight 'none': use a whole number from 1 on"),
        ("GET /café", "shop.http:1: 'é' in the path: percent-encode it as %C3%A9"),
        ("GET /a\n  ?b=c d", "shop.http:2: ' ' in the path: percent-encode it as %20"),
        ("GET /a\nPrice: 1 €", "shop.http:2: '€' in the header: percent-encode it as %E2%82%AC"),
        ("GET /a\nPrice: 1\x0c2", "shop.http:2: '\\x0c' in the header: percent-encode it as %0C"),
        (
            "GET /a\nCookie: a=1\ncookie: b=2",
            "shop.http:3: header cookie is repeated: write all its values in one line",
        ),
        (
            "POST /a\n\n{}\n\n> {% client.test() %}",
            "shop.http:5: '> {% client.test() %}' is not supported: remove it, or",
        ),
        ("GET /a\n\n> {%\n client.test()\n%}", "shop.http:3: '> {%' is not supported: remove it, or write"),
        ("GET /a\n\n< {% script() %}", "shop.http:3: '< {% script() %}' is not supported"),
        ("GET /a\n\n> ./check.js", "shop.http:3: '> ./check.js' is not supported"),
        ("GET /a\n\n>>! ./out.json", "shop.http:3: '>>! ./out.json' is not supported"),
        ("POST /a\n\n<@ ./body.json", "shop.http:3: '<@ ./body.json' is not supported: remove it, or write the whole"),
        ("POST /a\n\n--x\n< ./body.json\n--x--", "shop.http:4: '< ./body.json' is not supported"),
        ("# nothing", "no requests: write one in a file NAME.http, such as `GET /products`"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "shop.http").write_text(text)
    with pytest.raises(LabError) as caught:
        http_files.read(tmp_path)
    assert words in str(caught.value)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no such file or folder of requests"):
        http_files.read(tmp_path / "requests")

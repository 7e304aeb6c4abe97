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
    ("text", "words"),
    [
        ("FETCH /a", "shop.http:1: invalid request 'FETCH /a': write one such as `GET /products`"),
        ("hello", "shop.http:1: invalid request 'hello': write one such as `GET /products`"),
        ("\nGET {{base}}/a", "shop.http:2: {{base}} is not defined: add a line `@base = VALUE` above it"),
        ("POST /a\n{}", "shop.http:2: invalid header '{}': a body begins after an empty line"),
        ("POST /a\n\n< gone.json", "shop.http:3: no such file: "),
        ("# @weight none\nGET /a", "shop.http:1: invalid weight 'none': use a whole number from 1 on"),
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

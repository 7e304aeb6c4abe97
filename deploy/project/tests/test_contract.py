"""The HTTP contract, as a team that uses Falcon tests it: with Falcon's own client, without a server."""

import time
from pathlib import Path

import pytest
from falcon.testing import Result, TestClient

from app.contract import load_core
from app.wsgi.falcon_app import make

GOLDEN = Path(__file__).parent.parent / "golden"
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(make(load_core("app.core", None, None), {}, time.sleep))


def post(client: TestClient, document: bytes, media_type: str = "application/json") -> Result:
    return client.simulate_post("/statements", body=document, content_type=media_type)


def test_greets(client: TestClient) -> None:
    answer = client.simulate_get("/hello")
    assert answer.status_code == 200
    assert answer.text == "Hello, world!\n"


def test_answers_a_batch_with_statements(client: TestClient) -> None:
    answer = post(client, (GOLDEN / "batch.json").read_bytes())
    assert answer.status_code == 200
    assert answer.content == (GOLDEN / "statement.json").read_bytes()


def test_refuses_what_is_not_json(client: TestClient) -> None:
    answer = post(client, b'{"batch":')
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)


def test_points_to_a_broken_rule(client: TestClient) -> None:
    answer = post(client, (GOLDEN / "invalid.json").read_bytes())
    assert answer.status_code == 422
    assert answer.json["pointer"] == (GOLDEN / "invalid.pointer").read_text().strip()


def test_refuses_another_media_type(client: TestClient) -> None:
    answer = post(client, b"{}", media_type="text/plain")
    assert (answer.status_code, answer.headers["content-type"]) == (415, PROBLEM)


def test_knows_no_other_path(client: TestClient) -> None:
    answer = client.simulate_get("/unknown")
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)


def test_names_the_allowed_method(client: TestClient) -> None:
    answer = client.simulate_get("/statements")
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


def test_names_an_unknown_parameter(client: TestClient) -> None:
    answer = client.simulate_get("/hello", params={"name": "Ann"})
    assert answer.status_code == 400
    assert answer.json["parameter"] == "name"

"""Falcon's own test client. It wraps the application in the standard library's WSGI validator."""

from typing import Any

from falcon.testing import TestClient

from .reply import Reply


class Client:
    def __init__(self, application: Any) -> None:
        self.client = TestClient(application)

    def ask(self, method: str, target: str, body: bytes | None = None, media_type: str | None = None) -> Reply:
        got = self.client.simulate_request(method, target, body=body, content_type=media_type)
        return Reply(got.status_code, got.headers.get("Content-Type", ""), got.content)

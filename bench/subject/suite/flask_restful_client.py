"""Flask's own test client, which is Werkzeug's."""

from typing import Any

from .reply import Reply


class Client:
    def __init__(self, application: Any) -> None:
        self.client = application.test_client()

    def ask(self, method: str, target: str, body: bytes | None = None, media_type: str | None = None) -> Reply:
        got = self.client.open(target, method=method, data=body, content_type=media_type)
        return Reply(got.status_code, got.headers.get("Content-Type", ""), got.data)

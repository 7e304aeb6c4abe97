"""The functional test client of wheezy.http. It is made for forms, so bodies are passed in the environ directly."""

from io import BytesIO
from typing import Any
from urllib.parse import unquote

from wheezy.http.functional import WSGIClient

from .reply import Reply


class Client:
    def __init__(self, application: Any) -> None:
        self.application = application

    def ask(self, method: str, target: str, body: bytes | None = None, media_type: str | None = None) -> Reply:
        client = WSGIClient(self.application)  # a new one per request, because a client keeps state between requests
        environ = client.build_environ(target, method, content_type=media_type or "", stream=BytesIO(body or b""))
        environ["PATH_INFO"] = unquote(environ["PATH_INFO"], "latin-1")
        environ["CONTENT_LENGTH"] = "" if body is None else str(len(body))
        client.run(environ)
        return Reply(client.status_code, "".join(client.headers["Content-Type"]), b"".join(client.response))

"""Without a framework there is no test client: this one calls the application with a hand-written WSGI environ."""

from io import BytesIO
from typing import Any
from urllib.parse import unquote
from wsgiref.util import setup_testing_defaults

from .reply import Reply


class Client:
    def __init__(self, application: Any) -> None:
        self.application = application

    def ask(self, method: str, target: str, body: bytes | None = None, media_type: str | None = None) -> Reply:
        path, _, query = target.partition("?")
        environ: dict[str, Any] = {"REQUEST_METHOD": method, "QUERY_STRING": query}
        environ |= {"PATH_INFO": unquote(path, "latin-1"), "wsgi.input": BytesIO(body or b"")}
        environ |= {"CONTENT_TYPE": media_type} if media_type else {}
        environ |= {} if body is None else {"CONTENT_LENGTH": str(len(body))}
        setup_testing_defaults(environ)
        started: list[tuple[str, list[tuple[str, str]]]] = []
        parts = self.application(environ, lambda status, headers: started.append((status, headers)))
        ((status, headers),) = started
        return Reply(int(status[:3]), dict(headers).get("Content-Type", ""), b"".join(parts))

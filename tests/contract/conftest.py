"""The services that the HTTP contract is put to."""

from collections.abc import Iterator
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from app.contract import load_core
from app.wsgi.falcon_app import make
from tests.contract.wire import Server

MAX_BYTES = 300_000


class Quiet(WSGIRequestHandler):
    """A handler that keeps no log."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def in_process() -> Iterator[Server]:
    """The Falcon service over the reference core, on the plainest of servers, in a thread."""
    application = make(load_core("app.core"), lambda: {"variant": "reference"}, MAX_BYTES)
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Server("127.0.0.1", server.server_port, MAX_BYTES)
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session", params=["in_process"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each service in turn."""
    running: Server = request.getfixturevalue(request.param)
    return running

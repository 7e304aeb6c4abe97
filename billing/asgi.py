"""Billing for servers of ASGI: `gunicorn --worker-class uvicorn_worker.UvicornWorker billing.asgi:application`.

The loop reads and answers requests. Each call of `statements` runs in a thread, with the client, the deadline and the
retries of WSGI: what is tested there holds here, too.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import falcon.asgi

from app.asgi.bodies import whole
from app.asgi.falcon_app import App
from app.context import AsyncApplication
from app.http import JSON, Problem, expect_json, queried
from app.layers import around
from billing.bills import Billing
from billing.caller import Caller
from billing.replies import healthy, refuse, refuse_http
from billing.settings import Settings, configured


class Bills:
    """A batch of orders in, one bill per customer out."""

    def __init__(self, billing: Billing, threads: ThreadPoolExecutor) -> None:
        self.billing = billing
        self.threads = threads  # as many as the bulkhead lets in: no call waits for one

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        queried(req.query_string)
        expect_json(req.content_type or "")
        caller = Caller.of(req.get_header)
        document = await req.stream.read(self.billing.max_bytes + 1)
        whole(req.scope, document, self.billing.max_bytes, req.content_length)
        with self.billing.bulkhead.entered():
            run = copy_context().run  # with the id and the trace of the request
            loop = asyncio.get_running_loop()
            resp.data = await loop.run_in_executor(self.threads, run, self.billing.answer, document, caller)
        resp.content_type = JSON


class Health:
    """Whether the loop answers."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        queried(req.query_string)
        healthy(resp)


def make(settings: Settings) -> AsyncApplication:
    """The application, with an id and a trace for each request."""
    app = App()
    app.add_route("/bills", Bills(Billing(settings), ThreadPoolExecutor(settings.calls)))
    app.add_route("/healthz", Health())
    app.add_error_handler(Problem, _refuse)
    app.set_error_serializer(refuse_http)
    made: AsyncApplication = around(app, "asgi", ["request_id", "trace"])
    return made


async def _refuse(_req: falcon.asgi.Request, resp: falcon.asgi.Response, problem: Problem, _params: object) -> None:
    refuse(resp, problem)


application = make(configured())

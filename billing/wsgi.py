"""Billing for servers of WSGI: `gunicorn billing.wsgi:application`."""

from typing import Any

import falcon

from app.context import WsgiApplication
from app.http import JSON, Problem, queried, read_document
from app.layers import around
from app.wsgi.falcon_app import App
from billing.bills import Billing
from billing.caller import Caller
from billing.replies import healthy, refuse, refuse_http
from billing.settings import Settings, configured


class Bills:
    """A batch of orders in, one bill per customer out."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        queried(req.query_string)
        caller = Caller.of(req.get_header)
        document = read_document(req.env, self.billing.max_bytes)
        with self.billing.bulkhead.entered():
            resp.data = self.billing.answer(document, caller)
        resp.content_type = JSON


class Health:
    """Whether the process answers."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        queried(req.query_string)
        healthy(resp)


def make(settings: Settings) -> WsgiApplication:
    """The application, with an id and a trace for each request."""
    app = App()
    app.add_route("/bills", Bills(Billing(settings)))
    app.add_route("/healthz", Health())
    app.add_error_handler(Problem, _refuse)
    app.set_error_serializer(refuse_http)
    made: WsgiApplication = around(app, "wsgi", ["request_id", "trace"])
    return made


def _refuse(_req: falcon.Request, resp: falcon.Response, problem: Problem, _params: dict[str, Any]) -> None:
    refuse(resp, problem)


application = make(configured())

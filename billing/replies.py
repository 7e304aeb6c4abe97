"""What the applications of both interfaces answer alike: the probe and problems."""

import falcon

from app.http import PROBLEM, TEXT, Problem
from app.replies import UNCACHED


def healthy(resp: falcon.Response) -> None:
    """Answer the probe. It does not ask `statements`: billing would be taken out of service for the other's failure."""
    resp.content_type = TEXT
    resp.set_headers([UNCACHED])
    resp.text = "ok\n"


def refuse(resp: falcon.Response, problem: Problem) -> None:
    """Answer with problem details."""
    resp.status = problem.status
    resp.content_type = PROBLEM
    resp.set_headers(problem.headers)
    resp.data = problem.body()


def refuse_http(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    """Answer Falcon's own errors, such as an unknown path, with problem details."""
    refuse(resp, Problem(falcon.code_to_http_status(error.status), error.description or req.path))

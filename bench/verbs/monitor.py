"""The verb that shows how a service is watched: the chain of `deploy/monitoring` behind one, under a little load."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from cyclopts import Parameter

from bench.durations import duration
from bench.errors import LabError
from bench.host import exclusive
from bench.host.pinning import cores
from bench.model import Exchange, pick
from bench.monitoring import chain
from bench.monitoring.chain import Chain
from bench.paths import SPEC
from bench.progress import Progress
from bench.serve import http_client, life_cycle
from bench.serve.ports import free_port
from bench.verbs.app import app, built_stack, declared, out

TUNING = "monitored"
LONGEST = "30m"
PAUSE_SECONDS = 0.02  # between two requests
SEED = 1


@app.command
def monitor(
    stack: str = "cpython/falcon/gunicorn-gthread",
    /,
    *,
    longest: Annotated[str, Parameter(name="--for")] = LONGEST,
) -> int:
    """Run Prometheus, rsyslog and OpenSearch behind a service under a little load, until Ctrl-C.

    The configuration is that of deploy/monitoring, except that Prometheus scrapes each second. Nothing is measured, and
    nothing is kept. docs/monitoring.md explains the chain.

    Example: `python -m bench monitor cython/falcon/uwsgi-processes --for 10m`

    Parameters
    ----------
    stack
        A built stack, such as cython/falcon/bjoern (see `python -m bench build`).
    longest
        End after this time, such as 90s, 30m or 1h.
    """
    seconds = duration(longest, "--for")
    served = built_stack(f"{built_stack(stack)}+{TUNING}")
    token = pick(declared().tunings, TUNING, "tuning").env["STATEMENTS_METRICS_TOKEN"]
    progress = Progress()
    with exclusive.building(progress.say), progress.step("Prometheus, rsyslog and OpenSearch"):
        chain.provision()
    with TemporaryDirectory(prefix="bench-") as name, suppress(KeyboardInterrupt):
        folder, port = Path(name), free_port()
        log, target = folder / "service.log", f"{life_cycle.HOST}:{port}"
        with (
            life_cycle.serving(declared(), served, http_client.HELLO, log, cores().server, port=port) as running,
            chain.running(folder, target, token, log) as parts,
        ):
            tell(parts, running.url, longest)
            load(port, seconds)
    return 0


def tell(parts: Chain, service: str, longest: str) -> None:
    """Print where everything is."""
    metrics, store = parts.prometheus.url, parts.opensearch.url
    places = {
        "service": service,
        "its metrics": f"{metrics}/consoles/statements.html",
        "a query": f"{metrics}/api/v1/query?query=http_requests_total",
        "its alerts": f"{metrics}/api/v1/alerts",
        "its log": f"{store}/statements-*/_search?pretty&sort=@timestamp:desc",
        "slow requests": f"{store}/statements-*/_search?pretty&sort=event.duration:desc",
        "Cloud Foundry's drain": f"syslog://{life_cycle.HOST}:{parts.rsyslog.drain}",
        "refused lines": str(parts.rsyslog.refused),
    }
    for what, place in places.items():
        out.print(f"{what:<22} {place}", markup=False, highlight=False, soft_wrap=True)
    out.print(f"It ends after {longest}; Ctrl-C stops it.", highlight=False)


def load(port: int, seconds: float) -> None:
    """Ask the service: greetings, and documents that it accepts and refuses."""
    paths = [path for path in sorted((SPEC / "golden").glob("*/*.json")) if not path.name.endswith(".out.json")]
    documents = [path.read_bytes() for path in paths]
    asked = [Exchange(method="POST", path="/statements", body=each, expect=b"") for each in documents]
    asked += [http_client.HELLO] * len(asked)
    random.Random(SEED).shuffle(asked)
    deadline = time.monotonic() + seconds
    for exchange in cycle(asked):
        if time.monotonic() > deadline:
            return
        with suppress(LabError):  # a service that dies is what one may want to watch
            http_client.ask(port, exchange)
        time.sleep(PAUSE_SECONDS)

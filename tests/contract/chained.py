"""The chain of `deploy/monitoring` behind a stack, and what the stores at its end have."""

import json
import shutil
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from bench.errors import MissingError
from bench.host import exclusive
from bench.model import Stack
from bench.monitoring import chain
from bench.monitoring.chain import Chain
from bench.monitoring.part import HOST
from bench.serve.ports import free_port
from tests.absent import absent
from tests.contract.conftest import require_built
from tests.contract.counting import PATIENCE_SECONDS, TOKEN, Line, Service
from tests.contract.deferring import Prepared
from tests.contract.loading import await_that
from tests.exposed import Series

LOGS = "*/log?"  # one folder for each service, one file for each start
APP = "3e0b1150-14b8-4a20-a1c5-d9e296f198ae"
SPACE = "shop.production.statements"


class Chained:
    """A running chain, and the services that stand before it in turn."""

    def __init__(self, folder: Path, port: int, parts: Chain) -> None:
        self.parts = parts
        self._folder = folder
        self._port = port
        self._turns = count()

    @contextmanager
    def service(self, stack: Stack, prepared: Prepared, **env: str) -> Iterator[Service]:
        """Serve a stack with two workers. The stores have nothing of an earlier one."""
        require_built(prepared, stack)
        service = Service(stack, self.folder(), 2, env)
        self.parts.opensearch.forget()
        service.port = self._port
        with service.life:
            service.start()
            yield service

    def folder(self) -> Path:
        """A new folder whose logs are shipped, in place of the last one: after a crash, all files are read again."""
        for before in self._folder.iterdir():
            shutil.rmtree(before)
        made = self._folder / str(next(self._turns))
        made.mkdir()
        return made

    def stored(self) -> list[Line]:
        """The lines of requests that OpenSearch has."""
        return [each for each in self.parts.opensearch.documents() if "http.route" in each]

    def scraped(self) -> Counter[Series]:
        """How many requests of each kind Prometheus has seen."""
        found = self.parts.prometheus.query("http_requests_total")
        return Counter({Series(of["route"], of["method"], of["status"]): int(value) for of, value in found})

    def await_stores(self, service: Service) -> None:
        """Return once OpenSearch has every line of the log, and Prometheus has scraped since now."""
        await_that(lambda: len(self.stored()) >= len(service.lines()), "lines are not shipped")
        now = datetime.now(UTC).timestamp()
        await_that(lambda: self._scraped_at() > now, "Prometheus does not scrape")

    def _scraped_at(self) -> float:
        found = self.parts.prometheus.query("timestamp(up{job='statements'})")
        return max((value for _, value in found), default=0)


@contextmanager
def chained(folder: Path) -> Iterator[Chained]:
    """A running chain. The test is skipped if a part is unavailable."""
    try:
        with exclusive.building(lambda _: None):
            chain.provision()
    except MissingError as error:
        absent(str(error), error.remedy)
    (folder / "chain").mkdir()
    (folder / "services").mkdir()
    port = free_port()
    with chain.running(folder / "chain", f"{HOST}:{port}", TOKEN, folder / "services" / LOGS) as parts:
        yield Chained(folder / "services", port, parts)


def line(event: str) -> str:
    """A line as the service writes it."""
    known = {
        "@timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "log.level": "info",
        "message": "GET /hello 200",
        "http.route": "/hello",
        "event.id": event,
        "event.duration": 250_000,
    }
    return json.dumps(known, separators=(",", ":"))


def drained(port: int, source: str, lines: list[str]) -> None:
    """Send lines as a syslog drain of Cloud Foundry does: RFC 5424, with octet counts, over TCP.

    Returns once the receiver has read them, and has closed the connection.
    """
    tags = f'[tags@47450 app_id="{APP}" app_name="statements" source_type="APP/PROC/WEB"]'
    with socket.create_connection((HOST, port), PATIENCE_SECONDS) as connection:
        for each in lines:
            time = datetime.now(UTC).isoformat()
            message = f"<14>1 {time} {SPACE} {APP} [{source}] - {tags} {each}\n".encode()
            connection.sendall(b"%d " % len(message) + message)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""

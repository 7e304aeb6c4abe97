"""Prometheus, OpenSearch and rsyslog behind one service, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from bench.errors import LabError
from bench.monitoring import opensearch, prometheus, rsyslog
from bench.monitoring.opensearch import OpenSearch
from bench.monitoring.prometheus import Prometheus
from bench.monitoring.rsyslog import Rsyslog


class Chain(NamedTuple):
    """The running parts."""

    prometheus: Prometheus
    opensearch: OpenSearch
    rsyslog: Rsyslog


def provision() -> None:
    """Bring all parts. Raises MissingError if one is unavailable."""
    for part in (prometheus, opensearch, rsyslog):
        part.provision()


@contextmanager
def running(folder: Path, target: str, token: str, log: Path) -> Iterator[Chain]:
    """Run the chain during the block: `target` is the service's HOST:PORT, `token` that of its metrics.

    `log` is the file that the service's stdout and stderr are appended to; it may have wildcards.
    Raises LabError if a part does not start.
    """
    store = OpenSearch(_made(folder / "opensearch"))
    shipper = Rsyslog(_made(folder / "rsyslog"), log, store.url)
    metrics = Prometheus(_made(folder / "prometheus"), target, token)
    parts = (store, shipper, metrics)  # the store has its template before the first line comes
    try:
        for part in parts:
            part.start()
        yield Chain(metrics, store, shipper)
    except BaseException:
        for part in reversed(parts):
            with suppress(LabError):  # of two errors the first counts
                part.stop()
        raise
    for part in reversed(parts):
        part.stop()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder

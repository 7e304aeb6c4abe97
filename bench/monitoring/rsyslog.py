"""rsyslog, from Debian: it ships a file and Cloud Foundry's drain to OpenSearch, as `rsyslog.conf` says."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from bench.model import FromDebian
from bench.monitoring.part import CONFIGURED, HOST, Part
from bench.provision import debian
from bench.provision.interpreters import debian_prefix
from bench.serve.ports import free_port

SOURCE = FromDebian(suites=("trixie",), packages=("rsyslog", "rsyslog-elasticsearch"), executable="usr/sbin/rsyslogd")
CONFIGURATION = CONFIGURED / "rsyslog.conf"


def provision() -> None:
    """Bring rsyslog. Raises MissingError if that is impossible."""
    debian.bring(SOURCE, debian_prefix(SOURCE))


def program(*options: str) -> list[str]:
    """Return the argv of rsyslogd with the configuration."""
    prefix = debian_prefix(SOURCE)
    (modules,) = prefix.glob("usr/lib/*/rsyslog")
    return [str(prefix / SOURCE.executable), "-f", str(CONFIGURATION), "-M", str(modules), *options]


def environment(log: Path, drain: int, spool: Path, opensearch: str) -> dict[str, str]:
    """Return the variables of the configuration."""
    return {
        "STATEMENTS_LOG": str(log),
        "STATEMENTS_DRAIN": str(drain),
        "STATEMENTS_SPOOL": str(spool),
        "OPENSEARCH": opensearch,
    }


class Rsyslog(Part):
    """A shipper whose queue stays in `folder` while it is killed and started."""

    def __init__(self, folder: Path, log: Path, opensearch: str) -> None:
        self.drain = free_port()
        self.spool = folder / "spool"
        argv = program("-n", "-i", str(folder / "rsyslogd.pid"))
        super().__init__(
            "rsyslog", folder, argv, environment(log, self.drain, self.spool, opensearch), self._is_listening
        )

    def start(self) -> None:
        """Return once the drain can connect."""
        self.spool.mkdir(exist_ok=True)
        super().start()

    @property
    def refused(self) -> Path:
        """The file with the documents that OpenSearch refused."""
        return self.spool / "refused.json"

    def _is_listening(self) -> bool:
        with suppress(OSError), socket.create_connection((HOST, self.drain)):
            return True
        return False

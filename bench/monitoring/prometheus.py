"""Prometheus, from Debian: it scrapes a service each second, and answers queries."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import urlencode

from bench.model import FromDebian
from bench.monitoring.asking import ask, is_ready
from bench.monitoring.part import CONFIGURED, HOST, Part
from bench.provision import debian
from bench.provision.interpreters import debian_prefix
from bench.serve.ports import free_port

SOURCE = FromDebian(suites=("sid",), packages=("prometheus",), executable="usr/bin/prometheus")
FILES = ("alerts.yaml",)
CONFIGURATION = "prometheus.yaml"
EVERY = "15s"  # what the configuration says; the lab does not wait so long
EVERY_HERE = "1s"

Labels = dict[str, str]


def provision() -> Path:
    """Bring Prometheus. Returns its folder of programs. Raises MissingError if that is impossible."""
    return debian.bring(SOURCE, debian_prefix(SOURCE)).parent


class Prometheus(Part):
    """A server whose data stays in `folder` while it is killed and started."""

    def __init__(self, folder: Path, target: str, token: str) -> None:
        self.port = free_port()
        self.target = target
        self.token = token
        argv = [
            str(debian_prefix(SOURCE) / SOURCE.executable),
            f"--config.file={folder / CONFIGURATION}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={HOST}:{self.port}",
            f"--web.console.templates={CONFIGURED / 'consoles'}",
            f"--web.console.libraries={CONFIGURED / 'consoles'}",
        ]
        super().__init__("prometheus", folder, argv, {}, lambda: is_ready(HOST, self.port, "/-/ready"))

    @property
    def url(self) -> str:
        """The address, without a trailing slash."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Return once it is ready, with the files of `deploy/monitoring`, a target and its token."""
        for name in FILES:
            shutil.copyfile(CONFIGURED / name, self.folder / name)
        configuration = (CONFIGURED / CONFIGURATION).read_text(encoding="utf-8")
        (self.folder / CONFIGURATION).write_text(configuration.replace(EVERY, EVERY_HERE), encoding="utf-8")
        (self.folder / "targets.json").write_text(json.dumps([{"targets": [self.target]}]), encoding="utf-8")
        (self.folder / "token").write_text(self.token, encoding="utf-8")
        super().start()

    def query(self, expression: str) -> list[tuple[Labels, float]]:
        """Return each series of an instant query: its labels, and its value now. Raises LabError for a wrong query."""
        answer = ask(HOST, self.port, "GET", f"/api/v1/query?{urlencode({'query': expression})}")
        return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]

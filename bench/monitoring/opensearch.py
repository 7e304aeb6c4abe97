"""OpenSearch, from jars of Maven on a JDK of Debian: one node on loopback, and what its store has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.errors import LabError
from bench.model import FromDebian
from bench.monitoring.asking import ask, is_ready
from bench.monitoring.part import CONFIGURED, HOST, Part
from bench.paths import INTERPRETERS, ROOT, TOOLS
from bench.provision import debian, maven, stamp
from bench.serve.ports import require_free

PROJECT = ROOT / "bench" / "opensearch"
JARS = TOOLS / "opensearch"
RUNNER = "org.codelibs.opensearch.runner.OpenSearchRunner"
PORTS = range(9201, 9300)  # the runner takes no others
JVM = (
    "-Xms512m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "--enable-native-access=ALL-UNNAMED",
)
JAVA = FromDebian(  # the same as that of the Spring peers, in the same prefix
    suites=("sid",),
    packages=("openjdk-25-jre-headless",),
    executable="usr/lib/jvm/java-25-openjdk-amd64/bin/java",
)
INDICES = "statements-*"
PAGE = 10_000  # the most documents that one search returns

Document = dict[str, Any]


def provision() -> None:
    """Bring OpenSearch and its Java. Raises MissingError if that is impossible, and LabError for an unexpected jar."""
    debian.bring(JAVA, INTERPRETERS / "jdk-25")
    made_of = stamp.of(*sorted(PROJECT.iterdir()))
    if not stamp.is_current(JARS, made_of):
        with stamp.rebuilding(JARS, made_of):
            maven.package(PROJECT, JARS)


class OpenSearch(Part):
    """A node whose data stays in `folder` while it is killed and started. It has the index template of the log."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        classes = ":".join(map(str, maven.jars(PROJECT, JARS)))
        java = str(INTERPRETERS / "jdk-25" / JAVA.executable)
        place = ["-basePath", str(folder / "opensearch"), "-clusterName", f"lab-{self.port}"]
        ports = ["-numOfNode", "1", "-baseHttpPort", str(self.port - 1)]  # it adds the node's number
        argv = [java, *JVM, "-cp", classes, RUNNER, *place, *ports]
        super().__init__("opensearch", folder, argv, {}, lambda: is_ready(HOST, self.port, "/_cluster/health"))

    @property
    def url(self) -> str:
        """The address, without a trailing slash."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Return once it is ready and has the index template, which a team gives it once."""
        super().start()
        template = json.loads((CONFIGURED / "index-template.json").read_text(encoding="utf-8"))
        ask(HOST, self.port, "PUT", "/_index_template/statements", template)

    def count(self) -> int:
        """How many documents are stored; 0 while it does not answer."""
        with suppress(LabError):
            ask(HOST, self.port, "POST", f"/{INDICES}/_refresh")
            return int(ask(HOST, self.port, "GET", f"/{INDICES}/_count")["count"])
        return 0

    def documents(self) -> Iterator[Document]:
        """Yield every stored document, in the order of their ids."""
        ask(HOST, self.port, "POST", f"/{INDICES}/_refresh")
        search: dict[str, Any] = {"size": PAGE, "sort": [{"event.id": "asc"}, {"_index": "asc"}]}
        while True:
            hits = ask(HOST, self.port, "POST", f"/{INDICES}/_search", search)["hits"]["hits"]
            yield from (hit["_source"] for hit in hits)
            if len(hits) < PAGE:
                return
            search["search_after"] = hits[-1]["sort"]

    def forget(self) -> None:
        """Delete all documents."""
        ask(HOST, self.port, "DELETE", f"/{INDICES}?expand_wildcards=all")


def _free_port() -> int:
    for port in PORTS:
        with suppress(LabError):
            require_free(port)
            return port
    raise LabError(f"no port of {PORTS.start} to {PORTS.stop - 1} is free for OpenSearch")

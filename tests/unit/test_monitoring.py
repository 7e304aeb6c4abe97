"""The files of `deploy/monitoring`: their own tools accept them, and they agree with the service and with the docs."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from app.metering import CELLS, FALLBACKS, LINES_LOST, SPANS_LOST, Meter, file_in
from app.slots import Slots
from bench.build import peers
from bench.errors import MissingError
from bench.model import FromNpm
from bench.monitoring import rsyslog
from bench.monitoring.part import CONFIGURED
from bench.paths import ROOT, TOOLS
from bench.provision import npm
from tests import tools
from tests.absent import absent
from tests.declared import CATALOG
from tests.unit.test_statistics_page import RULES, named, section

SECONDS = 60
ALERTS = (CONFIGURED / "alerts.yaml").read_text(encoding="utf-8")
ALERT_TESTS = (CONFIGURED / "alerts_test.yaml").read_text(encoding="utf-8")
DASHBOARD = (CONFIGURED / "dashboard.json").read_text(encoding="utf-8")
ALERT = re.compile(r"^ +- alert: (\w+)$", re.MULTILINE)
OPERATING = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
ADDED = {"host.name", "cloudfoundry.app.id", "cloudfoundry.app.instance.id"}  # by rsyslog
CHECKER = ROOT / "tests/unit/grafana"
SCHEMA = FromNpm(folder="tests/unit/grafana", executable="node_modules/typescript/lib/tsc.js")


def succeed(*argv: object, **env: str) -> None:
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=CONFIGURED, env=env, capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def promtool() -> Path:
    try:
        return tools.promtool()
    except MissingError as error:
        absent(str(error), error.remedy)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "check config --syntax-only prometheus.yaml",
        "check config --syntax-only kubernetes.yaml",
        "check config --syntax-only cloud-foundry.yaml",
        "check rules --lint-fatal alerts.yaml",
        "test rules alerts_test.yaml",
    ],
)
def test_prometheus_accepts_its_files(words: str) -> None:
    succeed(promtool(), *words.split())


@pytest.mark.slow
def test_rsyslog_accepts_its_configuration(tmp_path: Path) -> None:
    try:
        rsyslog.provision()
    except MissingError as error:
        absent(str(error), error.remedy)
    environment = rsyslog.environment(tmp_path / "log", 5514, tmp_path, "http://127.0.0.1:9200")
    succeed(*rsyslog.program("-N1"), **environment)
    assert set(re.findall(r"\$([A-Z][A-Z_]+)", rsyslog.CONFIGURATION.read_text(encoding="utf-8"))) == set(environment)


def test_each_alert_has_a_test_that_raises_it_and_one_that_does_not() -> None:
    quiet = set(re.findall(r"alertname: (\w+), eval_time: \w+, exp_alerts: \[\]", ALERT_TESTS))
    raised = set(re.findall(r"alertname: (\w+)\n +eval_time: \w+\n +exp_alerts:\n +- exp_labels", ALERT_TESTS))
    assert quiet == raised == set(ALERT.findall(ALERTS))


def test_the_page_has_every_alert_in_order() -> None:
    what = OPERATING.partition("\n## What to watch\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(Statements\w+)` \|", what, re.MULTILINE) == ALERT.findall(ALERTS)


def test_alerts_and_dashboard_ask_for_metrics_of_the_service(tmp_path: Path) -> None:
    meter = Meter(Slots(file_in(tmp_path), CELLS), dict.fromkeys((FALLBACKS, LINES_LOST, SPANS_LOST), lambda: 0))
    known = {name for name, *_ in meter.families()} | {"statements_server_queue_length"}
    for text in (ALERTS, DASHBOARD):
        asked = set(re.findall(r"\b((?:http|statements)_\w+)[{\[]", text))
        assert {name.removesuffix("_bucket") for name in asked} <= known
    assert {name for name in known if name not in DASHBOARD} == set()


def test_the_index_template_has_the_fields_of_a_line() -> None:
    template = json.loads((CONFIGURED / "index-template.json").read_text(encoding="utf-8"))
    mappings = template["template"]["mappings"]
    assert mappings["dynamic"] == "strict"
    page = section("What does a line have?")
    sample = re.search(r'^\{"@timestamp".*?\}$', page, re.MULTILINE | re.DOTALL)
    fields = (set(json.loads(sample[0])) | named(page)) - RULES
    assert set(mappings["properties"]) - ADDED == fields


def typed(tmp_path: Path, dashboard: str) -> str:
    """What TypeScript says of a dashboard, by the types of Grafana."""
    try:
        node = peers.provision(CATALOG.peers["node-ordinary"])
        tsc = npm.unpack(SCHEMA, TOOLS / "grafana")
    except MissingError as error:
        absent(str(error), error.remedy)
    (tmp_path / "node_modules").symlink_to(TOOLS / "grafana" / "node_modules")
    (tmp_path / "dashboard.ts").write_bytes((CHECKER / "dashboard.ts").read_bytes())
    (tmp_path / "given.ts").write_text(
        f'import type {{ Checked }} from "./dashboard";\nexport const given: Checked = {dashboard};\n'
    )
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--preserveSymlinks"]
    argv = [str(node), str(tsc), *options, str(tmp_path / "given.ts")]
    return subprocess.run(argv, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=False, timeout=SECONDS).stdout


@pytest.mark.slow
def test_grafana_knows_every_field_of_the_dashboard(tmp_path: Path) -> None:
    assert typed(tmp_path, DASHBOARD) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"drawStyle": "line"', '"drawStyle": "lines"'),
        ('"lineWidth"', '"lineWith"'),
        ('"schemaVersion"', '"schemaVersions"'),
        ('"unit": "s"', '"units": "s"'),
        ('"refId": "A",', ""),
    ],
)
def test_a_field_that_grafana_does_not_know_is_an_error(tmp_path: Path, right: str, wrong: str) -> None:
    assert right in DASHBOARD
    assert "error TS" in typed(tmp_path, DASHBOARD.replace(right, wrong))

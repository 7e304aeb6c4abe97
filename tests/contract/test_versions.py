"""While a server reloads, each answer is of the old code or of the new one, and none is of both.

The reload takes a wheel that was installed over the running service. The new code differs from the old one in what it
answers, so that an answer of the old code with the record of the new wheel is seen.
"""

import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from bench.model import Stack
from bench.paths import PREFIXES
from tests.contract.conftest import PLAIN, on_every_server
from tests.contract.counting import Service, counted
from tests.contract.deferring import Prepared
from tests.contract.loading import Load, await_that
from tests.exposed import labels_of

SOON = ("gunicorn-gthread", "gunicorn-uvicorn")
LONG = ("gunicorn-gevent", "granian-rsgi", "uwsgi-processes")
RELOADING = [
    pytest.param(stack, id=str(stack), marks=pytest.mark.long if stack.server in LONG else ())
    for stack in on_every_server(PLAIN["cpython"])
    if stack.server in SOON + LONG
]
OLD, NEW = "0.1.0+gold", "0.2.0+gnewer"  # of different lengths: Python tells changed files by their size, too
BUILT, DEPLOYED = "1" * 12, "2" * 40
UNCHANGED_SECONDS = 0.3
METRIC = "statements_build_info"
FACT = '"implementation": sys.implementation.name,'

# A status other than 200 (0: no answer), or the version in the record, that in the code, the deployment, `agrees`.
Told = int | tuple[str, str, str, bool]


class Watch(Load):
    """Clients that ask at once what runs, until the block ends. An answer counts, whoever gives it."""

    def __init__(self, service: Service) -> None:
        super().__init__(2)
        self.service = service
        self.seen: set[Told] = set()

    def take(self, user: int, turn: int) -> None:
        if told := asked(self.service):
            self.seen.add(told)


def asked(service: Service) -> Told:
    """What the service tells of itself."""
    status, body = service.ask("GET", "/__version__")
    if status != 200:
        return status
    said = json.loads(body)
    return said["version"], said["code"], said["deployment"]["version"], said["agrees"]


def install(package: Path, version: str) -> None:
    """Install another wheel over a package: its record, and code that answers with its version."""
    record = json.loads((package / "built.json").read_text(encoding="utf-8"))
    code = (package / "as_built.py").read_text(encoding="utf-8")
    assert FACT in code
    files = {
        "built.json": json.dumps(record | {"version": version, "commit": BUILT}),
        "about.py": code.replace(FACT, f'{FACT}\n        "code": "{version}",'),
    }
    for name, text in files.items():
        (package / "part").write_text(text, encoding="utf-8")
        (package / "part").rename(package / name)


@pytest.fixture
def package(stack: Stack, tmp_path: Path) -> Path:
    """A copy of the service, which a process imports in place of that in its prefix."""
    (installed,) = (PREFIXES / stack.variant / "lib").glob("*/site-packages/app")
    copy = tmp_path / "site" / "app"
    shutil.copytree(installed, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "about.py").rename(copy / "as_built.py")
    return copy


@pytest.mark.parametrize("stack", RELOADING)
def test_each_answer_of_a_reload_is_of_the_old_code_or_of_the_new(
    stack: Stack, package: Path, prepared: Prepared, tmp_path: Path
) -> None:
    install(package, OLD)
    env = {"PYTHONPATH": str(package.parent), "DEPLOYMENT_VERSION": "v1", "DEPLOYMENT_COMMIT": DEPLOYED}
    old, new = (OLD, OLD, "v1", False), (NEW, NEW, "v1", False)
    with counted(stack, prepared, tmp_path, workers=2, **env) as service, Watch(service) as watch:
        await_that(lambda: bool(watch.seen), "no answer")
        install(package, NEW)
        time.sleep(UNCHANGED_SECONDS)
        assert watch.seen == {old}, "an installation alone changes nothing"
        service.running.process.send_signal(signal.SIGHUP)
        await_that(lambda: {asked(service) for _ in range(8)} == {new}, "the old code still answers")
        labels = {"version": NEW, "commit": BUILT, "deployment": "v1", "agrees": "false"}
        await_that(lambda: labels_of(service.scrape(), METRIC) == labels, "the metrics tell of the old code")
        assert watch.seen == {old, new}
        lines = {(line["process.pid"], line["service.version"]) for line in service.lines()}
        assert len(dict(lines)) == len(lines), "a process has one version for life"
        assert {version for _, version in lines} == {OLD, NEW}
        log = service.logs[-1].read_text(encoding="utf-8", errors="replace")
        for version in (OLD, NEW):
            warnings = log.count(f"commit {DEPLOYED} was deployed, but commit {BUILT} runs, as version {version}\n")
            assert warnings >= 1

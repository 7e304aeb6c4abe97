"""The commands of docs/operating.md, run as the page shows them, on other ports and below another folder."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from bench.build import artifacts
from bench.errors import LabError
from bench.model import Exchange, Stack, Unavailable
from bench.paths import ROOT
from bench.provision import system
from bench.readiness import building
from bench.serve import http_client
from bench.serve.ports import free_port
from tests.absent import absent
from tests.contract.conftest import LABELS, missing
from tests.contract.test_draining import BY_DEFAULT
from tests.contract.test_operating import MADE, ask

PAGE = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SET_UP, *STEPS = [text for language, text in BLOCK.findall(PAGE) if language == "sh"]
SERVERS = [text for text in STEPS if "app.entry" in text]
(NGINX,) = [text for language, text in BLOCK.findall(PAGE) if language == "nginx"]
READY_SECONDS = 60.0
READY = Exchange(method="GET", path="/readyz", body=None, expect=b"ok\n")


def program(block: str) -> str:
    """The name of the server that a block starts."""
    return next(name for name in ("uwsgi", "gunicorn", "granian", "bjoern") if name in block)


def serving(block: str, folder: Path, port: int) -> str:
    """The script of the page that starts a server, below `folder` in place of /run/statements and on another port."""
    return f"{SET_UP}\n{block}".replace("/run/statements", str(folder)).replace("8000", str(port))


@contextmanager
def running(script: str, folder: Path) -> Iterator[psutil.Process]:
    """Run a script in the checkout during the block; yields its shell."""
    env = {"PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/bin", "HOME": str(folder)}
    with (folder / "log").open("ab") as log:
        shell = subprocess.Popen(["sh", "-c", f"{script}\n:"], cwd=ROOT, env=env, stdout=log, stderr=log)
    started = psutil.Process(shell.pid)
    try:
        yield started
    finally:
        for each in [*started.children(recursive=True), started]:
            each.kill()
        shell.wait()


def await_ready(port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            assert http_client.ask(port, READY) == (200, READY.expect)
        except LabError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("not ready")


def test_the_page_shows_each_recommended_server() -> None:
    assert [program(block) for block in SERVERS] == ["uwsgi", "gunicorn", "granian", "bjoern"]


def test_the_page_tells_what_each_server_does_by_default() -> None:
    assert sorted(BY_DEFAULT) == LABELS


@pytest.mark.parametrize("stack", [Stack(variant="cython", framework="falcon", server="bjoern")], ids=str)
@pytest.mark.parametrize("block", SERVERS, ids=program)
def test_each_command_starts_a_server_that_drains(
    block: str, stack: Stack, prepared: tuple[building.Built, list[Unavailable]], tmp_path: Path
) -> None:
    if stack.variant not in prepared[0]:
        missing(prepared[1], stack.variant)
    port = free_port()
    with running(serving(block, tmp_path, port), tmp_path) as shell:
        await_ready(port)
        reply = ask(port, "GET", "/nope")
        assert reply.status == 404
        assert MADE.fullmatch(reply.headers["x-request-id"])
        (tmp_path / "draining").touch()
        assert ask(port, "GET", "/readyz").status == 503
        (server,) = shell.children()
        server.terminate()
        assert not psutil.wait_procs([server], 20)[1]


@pytest.mark.parametrize("stack", [Stack(variant="cython", framework="falcon", server="bjoern")], ids=str)
def test_a_setting_that_is_missing_is_named(stack: Stack, prepared: tuple[building.Built, list[Unavailable]]) -> None:
    if stack.variant not in prepared[0]:
        missing(prepared[1], stack.variant)
    argv = [str(artifacts.python(stack.variant)), "-c", "import app.entry"]
    done = subprocess.run(argv, cwd="/", env={}, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "ValueError: STATEMENTS_FRAMEWORK is not set: see app/entry.py"


@pytest.mark.parametrize("stack", [Stack(variant="cython", framework="falcon", server="bjoern")], ids=str)
def test_nginx_names_requests(stack: Stack, prepared: tuple[building.Built, list[Unavailable]], tmp_path: Path) -> None:
    if stack.variant not in prepared[0]:
        missing(prepared[1], stack.variant)
    try:
        system.require(["nginx"])
    except LabError as error:
        absent(str(error), "sudo apt-get install --no-install-recommends nginx")
    port, behind = free_port(), free_port()
    config = NGINX.replace("8080", str(port)).replace("8000", str(behind)).replace("/var/log/nginx", str(tmp_path))
    (tmp_path / "statements.conf").write_text(config)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    below = "".join(f"{kind}_temp_path {tmp_path}/{kind}; " for kind in kinds)
    main = f"daemon off; pid {tmp_path}/pid; events {{}} http {{ {below} include {tmp_path}/statements.conf; }}"
    (tmp_path / "nginx.conf").write_text(main)
    bjoern = next(block for block in SERVERS if program(block) == "bjoern")
    with ExitStack() as stop:
        stop.enter_context(running(serving(bjoern, tmp_path, behind), tmp_path))
        await_ready(behind)
        stop.enter_context(running(f"/usr/sbin/nginx -p {tmp_path} -c {tmp_path}/nginx.conf -e stderr", tmp_path))
        await_ready(port)
        given = ask(port, "GET", "/hello", X_Request_ID="of-a-client").headers["x-request-id"]
        assert MADE.fullmatch(given), "nginx names requests itself"
        deadline = time.monotonic() + 10
        while not (logged := given in (tmp_path / "statements.log").read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert logged

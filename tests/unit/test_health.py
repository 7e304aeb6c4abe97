"""The layer `health`: whether the process answers, and whether it should get requests."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest

from app import health, layers
from app.http import Problem
from bench.paths import ROOT
from tests.unit.interfaces import INTERFACES, Answer, answering, ask

AWAY = Problem("503 Service Unavailable", "the database does not answer")


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEMENTS_WAIT", "time.sleep")
    monkeypatch.delenv("STATEMENTS_DRAINING", raising=False)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A back end that counts its checks and raises `refusal`; the layer finds it by its wait function."""
    backend = SimpleNamespace(checks=0, refusal=None)

    def check() -> None:
        backend.checks += 1
        if backend.refusal:
            raise backend.refusal

    async def check_on_loop() -> None:
        check()

    def wait() -> None: ...
    def wait_on_loop() -> None: ...

    module = SimpleNamespace(wait=wait, wait_on_loop=wait_on_loop, READINESS={wait: check, wait_on_loop: check_on_loop})
    for each in (wait, wait_on_loop):
        each.__module__ = "a_backend"
    monkeypatch.setitem(sys.modules, "a_backend", module)
    return backend


def probe(interface: str, path: str, method: str = "GET") -> Callable[[], Answer]:
    """The function that probes one application again and again."""
    application = layers.around(answering(interface, lambda: b"the service"), interface, ["health"])
    return lambda: ask(interface, application, method, path)


def is_problem(answer: Answer, status: int, detail: str) -> bool:
    problem = json.loads(answer.body)
    return (
        answer.status == problem["status"] == status
        and answer.headers["content-type"] == "application/problem+json"
        and problem["detail"] == detail
    )


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("path", health.PATHS)
def test_a_service_without_backend_is_healthy_and_ready(interface: str, path: str) -> None:
    answer = probe(interface, path)()
    assert (answer.status, answer.body) == (200, b"ok\n")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("path", health.PATHS)
def test_head_is_taken_and_other_methods_are_not(interface: str, path: str) -> None:
    answer = probe(interface, path, "HEAD")()
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "3")
    refused = probe(interface, path, "POST")()
    assert is_problem(refused, 405, f"{path} takes GET and HEAD")
    assert refused.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("path", ["/", "/hello", "/healthz/", "/readyzz"])
def test_other_paths_are_the_services(interface: str, path: str) -> None:
    assert probe(interface, path)().body == b"the service"


@pytest.mark.parametrize("interface", INTERFACES)
def test_while_the_file_exists_the_service_drains(
    interface: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "draining"
    monkeypatch.setenv("STATEMENTS_DRAINING", str(file))
    ready, healthy = probe(interface, "/readyz"), probe(interface, "/healthz")
    assert ready().status == 200
    file.touch()
    assert is_problem(ready(), 503, "the service is draining")
    assert healthy().status == 200, "a process that drains must not be restarted"
    file.unlink()
    assert ready().status == 200


def wait_of(interface: str) -> str:
    return "a_backend:wait" if interface == "wsgi" else "a_backend:wait_on_loop"


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_backend_that_is_away_makes_the_service_unready(
    interface: str, checked: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATEMENTS_WAIT", wait_of(interface))
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
    ready = probe(interface, "/readyz")
    assert ready().status == 200
    checked.refusal = AWAY
    assert is_problem(ready(), 503, "the database does not answer")
    checked.refusal = None
    assert ready().status == 200
    assert probe(interface, "/healthz")().status == 200
    assert checked.checks == 3, "liveness asks no back end"


@pytest.mark.parametrize("interface", INTERFACES)
def test_many_probes_share_one_check(interface: str, checked: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEMENTS_WAIT", wait_of(interface))
    ready = probe(interface, "/readyz")
    checked.refusal = AWAY
    assert {ready().status for _ in range(5)} == {503}
    assert checked.checks == 1


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_check_that_breaks_is_tried_again(
    interface: str, checked: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATEMENTS_WAIT", wait_of(interface))
    ready = probe(interface, "/readyz")
    checked.refusal = KeyError("no such variable")
    for _ in range(2):
        with pytest.raises(KeyError):
            ready()
    assert checked.checks == 2


def test_probes_during_a_check_do_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """In threads: the second one gets the last outcome, here that there is none yet."""
    begun, end = threading.Event(), threading.Event()

    def check() -> None:
        begun.set()
        end.wait(10)

    monkeypatch.setattr(health, "check_of", lambda _: check)
    ready = probe("wsgi", "/readyz")
    first: list[Answer] = []
    thread = threading.Thread(target=lambda: first.append(ready()))
    thread.start()
    begun.wait(10)
    assert is_problem(ready(), 503, "the first check is under way")
    end.set()
    thread.join(10)
    assert [answer.status for answer in first] == [200]


def test_probes_during_a_check_on_a_loop_do_not_wait_for_it() -> None:
    async def probes() -> list[str]:
        end = asyncio.Event()
        answered = health.on_loop(end.wait)
        first = asyncio.create_task(_status(answered("GET", "/readyz")))
        await asyncio.sleep(0)
        second = await _status(answered("GET", "/readyz"))
        end.set()
        return [second, await first]

    assert asyncio.run(probes()) == ["503 Service Unavailable", "200 OK"]


def test_a_cancelled_check_leaves_no_lock() -> None:
    async def probes() -> str:
        checks = [asyncio.Event(), asyncio.Event()]
        checks[1].set()
        waiting = iter(checks)
        answered = health.on_loop(lambda: next(waiting).wait())
        first = asyncio.create_task(_status(answered("GET", "/readyz")))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        return await _status(answered("GET", "/readyz"))

    assert asyncio.run(probes()) == "200 OK"


async def _status(reply: Awaitable[Any]) -> str:
    return str((await reply).status)


def test_an_outcome_is_old_after_a_while(checked: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setenv("STATEMENTS_WAIT", "a_backend:wait")
    ready = probe("wsgi", "/readyz")
    for now[0] in (1.0, 1.0 + health.FRESH_SECONDS - 0.1, 1.0 + health.FRESH_SECONDS):
        ready()
    assert checked.checks == 2


@pytest.mark.parametrize("wait", ["time.sleep", "asyncio.sleep"])
def test_a_wait_function_without_backend_has_no_check(wait: str) -> None:
    assert health.check_of(wait) is None


def test_sigterm_is_noticed_before_the_servers_own_handler_is_called() -> None:
    done = subprocess.run([sys.executable, "-c", dedent("""
        import os, signal
        from app import health
        signal.signal(signal.SIGTERM, lambda *_: print("ends", health.is_draining()))
        health.notice_sigterm()
        print(health.is_draining())
        os.kill(os.getpid(), signal.SIGTERM)
    """)], cwd=ROOT, capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.splitlines() == ["False", "ends True"]


def test_without_a_handler_sigterm_ends_the_process() -> None:
    script = "import os, signal\nfrom app import health\nhealth.notice_sigterm()\nos.kill(os.getpid(), signal.SIGTERM)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == -signal.SIGTERM

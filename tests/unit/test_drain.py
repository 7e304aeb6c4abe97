"""The layer `drain`: SIGTERM ends a process once it is quiet, at the latest at the bound; each test in a process."""

import os
import subprocess
import sys
from textwrap import dedent

import pytest

from app import drain
from bench.paths import ROOT

SERVER = """
import os, signal, time
from app import drain, health

drain.QUIET_SECONDS = 0.2
terminate = lambda: os.kill(os.getpid(), signal.SIGTERM)

def served(make):
    "Serve one request as a server in one thread does, and wait for its end."
    body = drain.wsgi(make)({}, print)
    for part in body:
        print(part, flush=True)
    getattr(body, "close", lambda: None)()
    while True:
        time.sleep(0.01)
"""


def run(script: str, seconds: str = "8") -> tuple[int, list[str], str]:
    """Run a script in a process of its own. Returns the exit status, the lines and the errors."""
    env = os.environ | {"PYTHONPATH": str(ROOT), "STATEMENTS_DRAIN_SECONDS": seconds}
    argv = [sys.executable, "-c", SERVER + dedent(script)]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_a_quiet_process_ends() -> None:
    assert run("""
        drain.wsgi(print)
        assert not health.is_draining()
        terminate()
        print(health.is_draining(), flush=True)
        while True: time.sleep(0.01)
    """) == (0, ["True"], "")


def test_a_process_ends_whichever_layer_notices_sigterm_first() -> None:
    assert run("""
        os.environ["STATEMENTS_WAIT"] = "time.sleep"
        health.wsgi(drain.wsgi(print))
        terminate()
        print(health.is_draining(), flush=True)
        while True: time.sleep(0.01)
    """) == (0, ["True"], "")


def test_a_second_sigterm_within_the_handler_of_the_first_one_starts_nothing() -> None:
    assert run("""
        def thread(**given):
            print("one thread", flush=True)
            terminate()
            return start(**given)
        start, drain.Thread = drain.Thread, thread
        drain.wsgi(print)
        terminate()
        while True: time.sleep(0.01)
    """) == (0, ["one thread"], "")


def test_a_request_under_way_is_answered() -> None:
    assert run("""
        def application(environ, start_response):
            terminate()
            time.sleep(0.6)
            return ["answered"]
        served(application)
    """) == (0, ["answered"], "")


def test_a_body_that_is_made_while_it_is_sent_is_part_of_its_request() -> None:
    assert run("""
        class Parts:
            def __iter__(self):
                terminate()
                for part in ("one", "two", "three"):
                    time.sleep(0.4)
                    yield part
            def close(self):
                print("closed", flush=True)
        served(lambda environ, start_response: Parts())
    """) == (0, ["one", "two", "three", "closed"], "")


def test_a_request_longer_than_the_bound_is_cut_off() -> None:
    assert run("""
        def application(environ, start_response):
            terminate()
            time.sleep(20)
            return ["answered"]
        served(application)
    """, seconds="0.5") == (drain.CUT_OFF, [], "")  # fmt: skip


def test_a_server_that_keeps_open_connections_ends_at_the_bound_with_nothing_cut_off() -> None:
    """bjoern waits for its clients after SIGINT, on a loop that runs no Python."""
    assert run("""
        drain.wsgi(print)
        signal.signal(signal.SIGINT, lambda *_: print("waits for clients", flush=True))
        terminate()
        while True: time.sleep(0.01)
    """, seconds="1") == (0, ["waits for clients"], "")  # fmt: skip


def test_an_error_of_the_application_ends_its_request() -> None:
    assert run("""
        application = drain.wsgi(lambda environ, start_response: 1 / 0)
        try:
            application({}, print)
        except ZeroDivisionError:
            print("raised", flush=True)
        terminate()
        while True: time.sleep(0.01)
    """) == (0, ["raised"], "")


@pytest.mark.parametrize(
    "own", ["signal.signal(signal.SIGTERM, lambda *_: None)", "__import__('sys').modules['uwsgi'] = None"]
)
def test_a_server_with_means_of_its_own_refuses_the_layer(own: str) -> None:
    status, _, error = run(f"""
        {own}
        drain.wsgi(print)
    """)
    assert status == 1
    assert "STATEMENTS_LAYERS: drain is for bjoern and Waitress" in error


@pytest.mark.parametrize("text", ["x", "", "nan", "inf", "1e999", "-inf", "-1", "0"])
def test_a_wrong_bound_names_its_variable(text: str) -> None:
    with pytest.raises(ValueError, match=f"^STATEMENTS_DRAIN_SECONDS: '{text}' is no number of seconds above 0$"):
        drain.bound_seconds(text)

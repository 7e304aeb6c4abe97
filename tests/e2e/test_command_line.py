"""The lab as a person uses it: verbs, what they print, and their exit status."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from bench import pipeline
from bench.errors import RefusedError
from bench.model import Unavailable
from bench.paths import ROOT, SPEC
from bench.readiness import building
from bench.serve import http_client, ports
from tests.conftest import Main
from tests.declared import CATALOG

STACK = "cpython/falcon/gunicorn-sync"
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")  # `main` is meant to


def bench(*words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`python -m bench WORDS` in the checkout, as a script would run it."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *words],
        check=False,
        cwd=ROOT,
        env=os.environ | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="module")
def built() -> str:
    """The baseline, built; what is built already stays as it is."""
    done = bench("build", "cpython")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ---------------------------------------------------------------- what there is


def test_list_shows_every_name_of_the_catalogue() -> None:
    done = bench("list")
    assert done.returncode == 0
    words = done.stdout.split()
    for known in (CATALOG.variants, CATALOG.workloads, CATALOG.loads, CATALOG.studies, CATALOG.interpreters):
        assert set(known) <= set(words)
    assert {server.label for server in CATALOG.servers.values()} <= set(words)


def test_plan_shows_phases_and_minutes() -> None:
    done = bench("plan", "quick")
    assert done.returncode == 0
    assert CATALOG.studies["quick"].question in done.stdout
    for phase in ("size", "micro", "startup", "macro", "open"):
        assert f"\n{phase} " in done.stdout
    assert " min, after set-up and builds" in done.stdout


def test_plan_as_json_holds_each_case_and_lack() -> None:
    done = bench("plan", "quick", "--variant", "pypy", "--json")
    planned = json.loads(done.stdout)
    names = {phase["name"] for phase in planned["phases"]}
    assert {"size", "instructions", "micro", "startup", "macro"} <= names
    cases = [case for phase in planned["phases"] for case in phase["cases"]]
    assert {case.get("stack", case)["variant"] for case in cases} == {"cpython", "pypy"}
    assert all(lack["kind"] == "unsupported" for lack in planned["unavailable"])


def test_doctor_tells_of_each_part_what_is_here_or_how_to_get_it() -> None:
    told = json.loads(bench("doctor", "--json").stdout)
    assert {variant.interpreter for variant in CATALOG.variants.values()} <= set(told)
    for state in told.values():
        assert isinstance(state, str) or {"what", "reason"} <= set(state)
    plain = bench("doctor")
    assert len(plain.stdout.splitlines()) == len(told)
    assert plain.returncode == int(any(not isinstance(state, str) for state in told.values()))


# ---------------------------------------------------------------- what is not


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plan", "slow"), "unknown study 'slow'; known: "),
        (("run", "quick", "--variant", "jython"), "unknown variant 'jython'; did you mean 'cython'?"),
        (("build", "cpython", "jython"), "unknown variant 'jython'"),
        (("size", "jython"), "unknown variant 'jython'"),
        (("serve", "cpython/falcon"), "invalid stack 'cpython/falcon': use variant/framework/server"),
        (("serve", "cpython/falcon/apache"), "unknown server 'apache'; known: bjoern, "),
        (("check",), "check requires either --variant VARIANT, or --stack"),
        (("check", "--variant", "cpython", "--cases", "nowhere"), "--cases nowhere: no such folder"),
        (("compare", "one", "other"), "'one' is neither a file nor"),
    ],
)
def test_what_is_unknown_is_told_in_one_line(main: Main, words: tuple[str, ...], told: str) -> None:
    status, output, errors = main(*words)
    assert (status, output) == (2, "")
    (line,) = errors.splitlines()
    assert line.startswith(f"bench: {told}")


@pytest.mark.parametrize("words", [("dance",), ("plan",), ("plan", "quick", "--fast"), ("serve", STACK, "--port", "x")])
def test_wrong_usage_is_told_with_status_2(main: Main, words: tuple[str, ...]) -> None:
    status, output, errors = main(*words)
    assert (status, output) == (2, "")
    assert errors


def test_an_error_is_a_line_and_a_status_for_a_script_too() -> None:
    done = bench("plan", "slow")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"bench: unknown study 'slow'; known: {', '.join(sorted(CATALOG.studies))}\n"


def test_interrupted_it_says_that_nothing_is_lost(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run", interrupted)
    status, output, errors = main("run", "quick")
    assert (status, output) == (130, "")
    assert errors.strip() == "interrupted: results so far are saved; run the same command to continue"


def test_what_strict_refuses_is_one_line_and_status_3(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(study: object, progress: object, force: bool, strict: bool, budget: object) -> None:
        assert strict
        raise RefusedError("--strict requires a quiet machine: other processes use 0.50 of 2 cores")

    monkeypatch.setattr(pipeline, "run", refused)
    status, output, errors = main("run", "quick", "--strict")
    assert (status, output) == (3, "")
    assert errors.strip() == "bench: --strict requires a quiet machine: other processes use 0.50 of 2 cores"
    assert main("run", "quick", "--strict", "--scheduler", "tcp://127.0.0.1:1")[0] == 2


def test_a_hole_is_told_in_one_line_with_the_command_that_fills_it(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    reason = "`uv pip` failed: [Errno 101] Network is unreachable, " * 5 + "and so on"
    missing = Unavailable(what="pypy", reason=reason, remedy=".venv/bin/uv python install pypy@3.11")
    monkeypatch.setattr(building, "build_all", lambda catalog, names, progress, force: ({}, [missing]))
    status, output, _ = main("build", "pypy")
    assert status == 0
    assert output == f"unavailable: pypy: {reason}; to get it: .venv/bin/uv python install pypy@3.11\n"
    monkeypatch.setenv("CI", "true")
    assert main("build", "pypy")[0] == 1


# ---------------------------------------------------------------- build and check


@pytest.mark.slow
def test_what_is_built_is_told_and_not_built_again(built: str) -> None:
    assert built.startswith("cpython: statements_cpython-")
    record = ROOT / ".lab" / "artifacts" / "cpython" / "artifact.json"
    before = record.stat().st_mtime_ns
    assert bench("build", "cpython").stdout == built
    assert record.stat().st_mtime_ns == before


@pytest.mark.slow
@pytest.mark.parametrize("whom", [("--variant", "cpython"), ("--stack", STACK)])
@pytest.mark.usefixtures("built")
def test_check_counts_what_is_right(whom: tuple[str, str]) -> None:
    done = bench("check", *whom, "--cases", SPEC / "golden")
    count = sum(not path.name.endswith(".out.json") for path in (SPEC / "golden").rglob("*.json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{count} of {count} right\n"


@pytest.mark.slow
@pytest.mark.parametrize("whom", [("--variant", "cpython"), ("--stack", STACK)])
@pytest.mark.usefixtures("built")
def test_check_prints_each_mismatch_and_exits_with_1(tmp_path: Path, whom: tuple[str, str]) -> None:
    cases = tmp_path / "cases"
    shutil.copytree(SPEC / "golden", cases)
    answer, pointer = min(cases.rglob("*.out.json")), min(cases.rglob("*.pointer"))
    answer.write_bytes(answer.read_bytes() + b"\n")
    pointer.write_text("somewhere/else")
    done = bench("check", *whom, "--cases", cases)
    assert done.returncode == 1
    *mismatches, counts = done.stdout.splitlines()
    named = {line.split(": ")[0] for line in mismatches}
    assert named == {
        str(answer.relative_to(cases)).replace(".out.json", ".json"),
        str(pointer.relative_to(cases).with_suffix(".json")),
    }
    right, all_of_them = (int(word) for word in counts.split() if word.isdigit())
    assert right == all_of_them - 2


# ---------------------------------------------------------------- serve


@contextmanager
def served(port: int) -> Iterator[subprocess.Popen[str]]:
    """`serve` in the background, once it says that it answers."""
    argv = [sys.executable, "-m", "bench", "serve", STACK, "--port", str(port)]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert process.stdout.readline().startswith(f"{STACK} answers at http://127.0.0.1:{port} ")
        yield process
    finally:
        process.kill()
        process.communicate()


def is_refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("built")
def test_serve_answers_until_it_is_told_to_end(ending: signal.Signals) -> None:
    port = ports.free_port()
    with served(port) as process:
        assert http_client.ask(port, http_client.HELLO) == (200, http_client.HELLO.expect)
        (server,) = psutil.Process(process.pid).children()
        tree = [server, *server.children(recursive=True)]
        process.send_signal(ending)
        assert process.wait(30) == 0
        assert psutil.wait_procs(tree, 10)[1] == []
    assert is_refused(port)


@pytest.mark.slow
@pytest.mark.usefixtures("built")
def test_serve_names_the_port_that_is_taken() -> None:
    with socket.socket() as taken:  # bound, and not listened at
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        done = bench("serve", "cpython/falcon/uwsgi-processes", "--port", str(port))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"bench: port {port} of 127.0.0.1 is in use")


# ---------------------------------------------------------------- set-up


@pytest.mark.slow
def test_set_up_without_a_network_is_one_line(tmp_path: Path) -> None:
    alone = ["unshare", "--net"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("a network of its own is not permitted here")
    shutil.copytree(ROOT / "bench", tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    argv = [*alone, "/usr/bin/python3", "-m", "bench.bootstrap"]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_RETRIES": "0", "UV_NO_CACHE": "1"}
    done = subprocess.run(argv, check=False, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("bench: python cannot reach a package index: connect to the network, or configure a mirror")


# ---------------------------------------------------------------- setup.py


@pytest.mark.slow
def test_the_extensions_of_optimised_cython_compile_in_place(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.c", "build")
    shutil.copytree(ROOT / "optimised", tmp_path / "optimised", ignore=ignored)
    shutil.copy(ROOT / "setup.py", tmp_path)
    argv = [sys.executable, "setup.py", "build_ext", "--inplace"]
    done = subprocess.run(argv, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = sorted((tmp_path / "optimised" / "cython").rglob("*.so"))
    sources = sorted((tmp_path / "optimised" / "cython").rglob("_*.pyx"))
    assert [path.name.split(".")[0] for path in made] == [path.stem for path in sources]

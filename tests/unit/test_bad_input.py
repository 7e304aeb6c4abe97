"""Bad input: each verb exits with 2 and one line that names the file, key or argument, and what to do."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bench import pipeline, store
from bench.build import artifacts
from bench.errors import LabError, MissingError, of_system
from bench.measure import blocks
from bench.model import Catalog, MicroCase, Observed, Phase, Session
from bench.paths import LAB, RESULTS, ROOT
from bench.progress import Progress
from bench.provision import system
from bench.serve import life_cycle, ports
from bench.verbs import app
from tests.conftest import Main
from tests.declared import planned, study_called

GOLDEN = ROOT / "spec/golden/valid"
STACK = "cython/falcon/bjoern"
HELP = "see `python -m bench {} --help`"
COMMANDS = (
    "build, bundle, check, compare, doctor, findings, image, init, interpreters, keep, list, measure, monitor, plan, "
    "publish, release, repeat, report, requirements, run, sbom, selftest, serve, sessions, size, try, worker"
)
SERVERS = (
    "bjoern, fastwsgi, granian-asgi, granian-rsgi, granian-wsgi, gunicorn-asgi, gunicorn-gevent, gunicorn-gthread, "
    "gunicorn-meinheld, gunicorn-sync, gunicorn-tornado, gunicorn-uvicorn, hypercorn, uvicorn-h11, uvicorn-httptools, "
    "uwsgi-asyncio, uwsgi-gevent, uwsgi-processes, uwsgi-threads, waitress"
)
URL = "--url http://127.0.0.1:1"
NOT_BOTH = "use either {} or --url, not both: the lab does not start a service that runs already"
HTTP = ROOT / "tests/data/home.http"
BAD = {
    "": [
        ("dance", f"unknown command 'dance'; known: {COMMANDS}"),
        ("bild", "unknown command 'bild'; did you mean 'build'?"),
        ("--verbose", f"unknown command '--verbose'; known: {COMMANDS}"),
    ],
    "list": [
        ("studies", "list: unexpected argument 'studies'; {help}"),
        ("--json", "list: unknown option '--json'; known: none; {help}"),
        ("--all", "list: unknown option '--all'; known: none; {help}"),
    ],
    "doctor": [
        ("cython", "doctor: unexpected argument 'cython'; {help}"),
        ("--jsn", "doctor: unknown option '--jsn'; did you mean '--json'?"),
        ("--json=maybe", "doctor: invalid --json 'maybe': use true or false; {help}"),
    ],
    "interpreters": [
        ("pypy-3.11", "interpreters: unexpected argument 'pypy-3.11'; {help}"),
        ("--jason", "interpreters: unknown option '--jason'; did you mean '--json'?"),
        ("--json=2", "interpreters: invalid --json '2': use true or false; {help}"),
    ],
    "plan": [
        ("", "plan: STUDY is required; {help}"),
        ("quik", "unknown study 'quik'; did you mean 'quick'?"),
        ("quick --variants x", "plan: unknown option '--variants'; did you mean '--variant'?"),
        ("quick --variant jython", "unknown variant 'jython'; did you mean 'cython'?"),
        ("quick --budget 5x", "invalid --budget '5x': use a duration such as 90s, 30m or 1h30m"),
        ("quick --fast", "plan: unknown option '--fast'; known: --budget, --json, --variant; {help}"),
    ],
    "measure": [
        ("servrs", "unknown study 'servrs'; did you mean 'servers'?"),
        ("servers --plans", "measure: unknown option '--plans'; did you mean '--plan'?"),
        ("servers --plan=2", "measure: invalid --plan '2': use true or false; {help}"),
    ],
    "build": [
        ("cythn", "unknown variant 'cythn'; did you mean 'cython'?"),
        ("node-exprt@cpython-3.13", "unknown variant 'node-exprt'; {variants}"),
        ("cython@cpython-2.7", "cython@cpython-2.7: unknown interpreter 'cpython-2.7'; {interpreters}"),
        (
            "cython@pypy-3.11",
            "cython@pypy-3.11: variant 'cython' needs cpython, and pypy-3.11 is pypy: use a cpython interpreter, such "
            "as cpython-3.11",
        ),
        ("--forse", "build: unknown option '--forse'; did you mean '--force'?"),
    ],
    "check": [
        ("", "check requires either --variant VARIANT, or --stack VARIANT/FRAMEWORK/SERVER or --stack PEER"),
        (
            "--variant cython --stack node-expert",
            "check requires either --variant VARIANT, or --stack VARIANT/FRAMEWORK/SERVER or --stack PEER",
        ),
        ("--variant cython --cases nowhere", "--cases nowhere: no such folder"),
        ("--stack node-exprt", "invalid stack 'node-exprt': did you mean 'node-expert'?"),
        ("--variant", "check: --variant requires a value; {help}"),
    ],
    "image": [
        ("", "image requires at least one stack, such as cython/falcon/bjoern"),
        (f"{STACK}@podman", f"{STACK}@podman: an image has no place: use {STACK}"),
        ("--forse", "image: unknown option '--forse'; did you mean '--force'?"),
    ],
    "publish": [
        ("", "publish: INDEX is required; {help}"),
        ("http://127.0.0.1:1/ cythn", "unknown variant 'cythn'; did you mean 'cython'?"),
        (
            "https://team:secret@devpi.example/team/internal/",
            "the address of the index has credentials: set UV_PUBLISH_USERNAME and UV_PUBLISH_PASSWORD, or "
            "UV_PUBLISH_TOKEN instead",
        ),
    ],
    "release": [
        ("", "release requires at least one variant, such as cython"),
        ("cythn", "unknown variant 'cythn'; did you mean 'cython'?"),
        ("--all", "release: unknown option '--all'; known: none; {help}"),
    ],
    "sbom": [
        ("", "sbom requires at least one variant, such as cython"),
        ("cythn", "unknown variant 'cythn'; did you mean 'cython'?"),
        ("--all", "sbom: unknown option '--all'; known: none; {help}"),
    ],
    "requirements": [
        ("", "requirements: STACK is required; {help}"),
        ("cython/falcn/bjoern", "unknown framework 'falcn'; did you mean 'falcon'?"),
        ("node-expert", "node-expert: requirements are those of VARIANT/FRAMEWORK/SERVER, without tuning and place"),
    ],
    "bundle": [
        ("", "bundle: PLATFORM is required; {help}"),
        ("herok", "unknown platform 'herok'; did you mean 'heroku'?"),
        (
            "fly",
            "unknown platform 'fly'; known: app-engine, azure, cloud-foundry, heroku, pythonanywhere",
        ),
        ("heroku --variant jython", "unknown variant 'jython'; did you mean 'cython'?"),
        ("heroku --force", "bundle: unknown option '--force'; known: --variant; {help}"),
    ],
    "monitor": [
        (
            "cython/falcon",
            "invalid stack 'cython/falcon': use variant/framework/server, such as cython/falcon/bjoern, or a peer, "
            "such as node-expert",
        ),
        ("--for soon", "invalid --for 'soon': use a duration such as 90s, 30m or 1h30m"),
        ("--times 3", "monitor: unknown option '--times'; known: --for; {help}"),
    ],
    "serve": [
        (f"{STACK}@podmn", "unknown place 'podmn'; did you mean 'podman'?"),
        ("", "serve: STACK is required; {help}"),
        (f"{STACK} --port 99999", "invalid --port 99999: use 1 to 65535"),
        (f"{STACK} --port 0", "invalid --port 0: use 1 to 65535"),
        (f"{STACK} --port http", "serve: invalid --port 'http': use a whole number; {help}"),
        (
            "cython/falcon",
            "invalid stack 'cython/falcon': use variant/framework/server, such as cython/falcon/bjoern, or a peer, "
            "such as node-expert",
        ),
        ("cython/falcn/bjoern", "unknown framework 'falcn'; did you mean 'falcon'?"),
        ("cython/falcon/apache", f"unknown server 'apache'; known: {SERVERS}"),
        ("cython/falcon/bjoern+fast", "unknown tuning 'fast'; {tunings}"),
        ("cython/falcon/bjoern+http", "tuning 'http' is for uwsgi, not for bjoern: use it with {uwsgi}"),
    ],
    "size": [
        ("jython", "unknown variant 'jython'; did you mean 'cython'?"),
        ("cython/falcon/bjorn", "unknown server 'bjorn'; did you mean 'bjoern'?"),
        ("--every", "size: unknown option '--every'; known: --all, --json; {help}"),
    ],
    "run": [
        ("", "run: STUDY is required; {help}"),
        ("servrs", "unknown study 'servrs'; did you mean 'servers'?"),
        ("quick --variant jython", "unknown variant 'jython'; did you mean 'cython'?"),
        ("quick --budget 90", "invalid --budget '90': use a duration such as 90s, 30m or 1h30m"),
        ("quick --allow-remote-load", "--allow-remote-load requires --scheduler ADDRESS"),
        (
            "quick --scheduler tcp://127.0.0.1:1 --strict",
            "--strict and --scheduler exclude each other: workers do not check whether they are quiet",
        ),
        (
            "quick --scheduler tcp://127.0.0.1:1 --budget 30m",
            "--budget and --scheduler exclude each other: a race runs on one machine only",
        ),
    ],
    "try": [
        (
            "",
            "try requires something to measure: use a folder with a lab.toml, --app MODULE:NAME, or a core with "
            "--documents",
        ),
        (
            "mycore:f",
            "'mycore:f' is not a folder: use a folder with a lab.toml, --app MODULE:NAME, or a core with --documents",
        ),
        (
            f"--documents {GOLDEN}",
            "--documents requires a core, such as `try mycore:transform --documents ~/invoices`",
        ),
        (
            "shop --budget 5x",
            "invalid --budget '5x': use a duration such as 90s, 30m or 1h30m",
        ),
        ("shop --rate -5", "invalid --rate -5: use requests per second, more than 0"),
        ("shop --rate nan", "invalid --rate nan: use requests per second, more than 0"),
        ("shop --ignore id", "invalid --ignore 'id': use JSON Pointers such as /id,/rows/*/at"),
        ("shop --rate fast", "try: invalid --rate 'fast': use a number; {help}"),
        ("shop --allow-remote-load", "--allow-remote-load requires --url"),
        (f"shop {URL}", NOT_BOTH.format("the folder 'shop'")),
        (f"--app shop:app {URL}", NOT_BOTH.format("--app")),
        (f"{URL} --servers bjoern", NOT_BOTH.format("--servers")),
        (f"{URL} --interpreters 3.14", NOT_BOTH.format("--interpreters")),
        (URL, "--url requires --requests FOLDER, with requests in files NAME.http"),
        (f"{URL} --rate 0", "invalid --rate 0: use requests per second, more than 0"),
        (f"{URL} --requests /nowhere", "/nowhere: no such file or folder of requests"),
        (
            f"{URL} --requests {HTTP}",
            f"{URL}: nothing listens at 127.0.0.1:1 (Connection refused): start the service, or correct the URL",
        ),
        (
            f"--url https://127.0.0.1:1 --requests {HTTP}",
            "--url https://127.0.0.1:1: the load generator speaks plain HTTP: use an http:// address of the service",
        ),
        (
            f"--url http://192.0.2.1 --requests {HTTP}",
            "--url http://192.0.2.1: 192.0.2.1 is another machine: use --allow-remote-load if you may load it",
        ),
        (
            f"--url http://shop..example --requests {HTTP}",
            "--url http://shop..example: shop..example has no IPv4 address: correct the URL",
        ),
        *(
            (
                f"--url {url} --requests {HTTP}",
                f"invalid --url '{url}': use http://HOST:PORT, such as http://127.0.0.1:8000",
            )
            for url in ("localhost:8000", "ftp://h", "http://h:x", "http://h/path", "http://a@h", "http://", "8000")
        ),
        (f"mycore --documents {GOLDEN}", "invalid core 'mycore': use MODULE:FUNCTION, such as mycore:transform"),
        (f"mycore:f --documents {GOLDEN} --servers bjorn", "--servers: unknown server 'bjorn'; did you mean 'bjoern'?"),
        (f"mycore:f --documents {GOLDEN} --framework flask", "--framework: unknown framework 'flask'; {frameworks}"),
        (f"mycore:f@pypy --documents {GOLDEN}", "mycore:f@pypy: unknown interpreter 'pypy'; {interpreters}"),
        (f"mycore:f --documents {GOLDEN} --against jython", "unknown variant 'jython'; did you mean 'cython'?"),
        (
            f"mycore:f --documents {GOLDEN} --source {GOLDEN} --servers= --requires=",
            f"mycore: no mycore.py and no package mycore in {GOLDEN}: use --source FOLDER",
        ),
    ],
    "init": [
        ("", "init: PROJECT is required; {help}"),
        ("a b", "init: unexpected argument 'b'; {help}"),
        ("shop --forse", "init: unknown option '--forse'; known: none; {help}"),
    ],
    "repeat": [
        ("quik", "unknown study 'quik'; did you mean 'quick'?"),
        ("quick --times 1", "invalid --times 1: use 2 or more"),
        ("quick --times two", "repeat: invalid --times 'two': use a whole number; {help}"),
        ("quick --budget 30m", "--budget requires --times N"),
        ("quick a b --times 3", "--times and names of sessions exclude each other: --times measures new sessions"),
    ],
    "selftest": [
        ("quick", "selftest: unexpected argument 'quick'; {help}"),
        ("--strict", "selftest: unknown option '--strict'; known: --force, --json, --keep; {help}"),
        ("--keep=x", "selftest: invalid --keep 'x': use true or false; {help}"),
    ],
    "sessions": [
        ("quick", "sessions: unexpected argument 'quick'; {help}"),
        ("--times 3", "sessions: unknown option '--times'; known: --force, --json, --keep; {help}"),
        ("--forced", "sessions: unknown option '--forced'; did you mean '--force'?"),
    ],
    "worker": [
        ("", "worker: SCHEDULER is required; {help}"),
        ("10.0.0.1", "invalid scheduler '10.0.0.1': use an address such as tcp://10.0.0.1:8786"),
        ("tcp://10.0.0.1:8786 --generators", "worker: unknown option '--generators'; did you mean '--generator'?"),
    ],
    "report": [
        ("quik", "unknown study 'quik'; did you mean 'quick'?"),
        ("quick --variant jython", "unknown variant 'jython'; did you mean 'cython'?"),
        (
            "spring --variant cython",
            "study 'spring-cython' has no results: run `python -m bench run spring --variant cython`",
        ),
        ("quick --budget 3m", "report: unknown option '--budget'; known: --json, --price, --variant; {help}"),
    ],
    "compare": [
        ("", "compare: A is required; {help}"),
        ("quick/cpython", "compare: B is required; {help}"),
        ("a b c", "compare: unexpected argument 'c'; {help}"),
        ("a b --fail-below 2", "invalid --fail-below 2: use a ratio above 0 and at most 1, such as 0.95"),
    ],
    "keep": [
        ("", "keep: STUDY is required; {help}"),
        ("quik", "unknown study 'quik'; did you mean 'quick'?"),
        ("quick --variant jython", "unknown variant 'jython'; did you mean 'cython'?"),
    ],
    "findings": [
        ("servers", "findings: unexpected argument 'servers'; {help}"),
        ("--force", "findings: unknown option '--force'; known: none; {help}"),
        ("--json", "findings: unknown option '--json'; known: none; {help}"),
    ],
}


def test_every_verb_has_bad_inputs() -> None:
    assert {name for name in app.app if not name.startswith("-")} == BAD.keys() - {""}
    assert min(map(len, BAD.values())) >= 3


@pytest.mark.parametrize(("verb", "words", "told"), [(verb, *each) for verb, all_ in BAD.items() for each in all_])
def test_bad_input_is_one_line_that_says_what_to_do(main: Main, verb: str, words: str, told: str) -> None:
    catalog = app.declared()
    line = told.format(
        help=HELP.format(verb),
        **{
            noun: f"known: {', '.join(sorted(getattr(catalog, noun)))}"
            for noun in ("interpreters", "tunings", "frameworks")
        },
        variants=f"known: {', '.join(sorted(catalog.variants | catalog.yardsticks))}",
        uwsgi=", ".join(sorted(label for label, each in catalog.labels().items() if each.server == "uwsgi")),
    )
    assert main(*filter(None, [verb]), *words.split()) == (2, "", f"bench: {line}\n")


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('name = "mine\n', ":1:13: invalid TOML: Illegal character '\\n'"),
        ('name = "mine"\ntitle = [\n', ":2: invalid TOML: Invalid value"),
        ('name = "mine"\nmodel = "closed"\nuser = 8\n', ":3: unknown key 'user'; did you mean 'users'?"),
        ('name = "mine"\nmodel = "closd"\n', ":2: model: unknown value 'closd'; did you mean 'closed'?"),
        ('name = "mine"\ntitle = "Mine"\nmodel = "closed"\nusers = "8"\n', ":4: users: expected int | null, got str"),
        ('name = "mine"\nmodel = "closed"\nusers = 8\n', ": missing key 'title'"),
        (
            'name = "mine"\ntitle = "Mine"\nmodel = "open"\n\n[[segments]]\nseconds = 1\nstart = 0\n',
            ":5: missing key 'end' in segments[0]",
        ),
        ('name = "my"\ntitle = "Mine"\nmodel = "closed"\n', ": name: 'my' must equal the file's name, 'mine'"),
        (
            'name = "mine"\ntitle = "Mine"\nmodel = "closed"\nusers = 8\n',
            ": seconds: a closed load requires users and seconds, both more than 0",
        ),
        ('like = "mine"\nname = "mine"\n', ": like: mine.toml copies this file in turn: name another file"),
        ('like = "yours"\nname = "mine"\n', ": like: there is no yours.toml beside this file"),
        (
            'name = "mine"\ntitle = "Mine"\nmodel = "closed"\nusers = 8\nseconds = 1\nbrief = "glanse"\n',
            ": brief: unknown load 'glanse'; did you mean 'glance'?",
        ),
    ],
)
def test_a_broken_declaration_is_told_with_file_line_and_key(
    main: Main, checkout: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    monkeypatch.setattr(app, "declared", app.declared.__wrapped__)
    monkeypatch.setattr("bench.verbs.look.declared", app.declared)
    (checkout / "bench/loads/mine.toml").write_text(text)
    assert main("list") == (2, "", f"bench: bench/loads/mine.toml{told}\n")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "No space left on device: free some space"),
        (errno.EDQUOT, "Disk quota exceeded: free some space"),
        (errno.EROFS, "Read-only file system: make it writable"),
        (errno.EACCES, "Permission denied: make it writable"),
    ],
)
@pytest.mark.parametrize(
    ("file", "place"), [("/data/results/quick", "/data/results/quick"), (None, f"{RESULTS} or {LAB}")]
)
def test_a_disk_that_takes_nothing_is_named(
    main: Main, monkeypatch: pytest.MonkeyPatch, number: int, told: str, file: str | None, place: str
) -> None:
    def measured(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), file)

    monkeypatch.setattr(pipeline, "run", measured)
    assert main("run", "quick") == (2, "", f"bench: {place}: {told}, then run the same command to continue\n")


def test_a_full_disk_ends_the_study_and_is_no_failure_of_the_case(tmp_path: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    case = MicroCase(variant="cython", workload="medium")
    with pytest.raises(LabError, match=f"^{tmp_path}: No space left on device: free some space, then run the same"):
        blocks.execute(Catalog(), case, 0, tmp_path, {"micro": full})


# ---------------------------------------------------------------- ports and programs


def test_a_port_in_use_is_told_with_the_program_that_holds_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LabError) as caught:
            ports.require_free(port)
    told = str(caught.value)
    assert told.startswith(f"port {port} of 127.0.0.1 is in use by ")
    assert told.endswith(f" (process {os.getpid()}): stop it, or use another port")
    ports.require_free(port)


def test_a_port_that_takes_rights_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", denied)
    with pytest.raises(LabError, match=r"^port 80 of 127\.0\.0\.1 requires root: use a port from 1024 on$"):
        ports.require_free(80)


def test_a_program_that_is_not_on_path_is_named(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(artifacts, "require_server", lambda *_: None)
    monkeypatch.setattr(life_cycle, "serving", lambda *_, **__: system.run(["sh"]))
    told = "bench: sh: command not found: install it, or add its folder to PATH\n"
    assert main("serve", STACK, "--port", str(ports.free_port())) == (2, "", told)
    assert main("run", "quick", "--keep")[2] == (
        "bench: --keep requires git and a clone of the repository: a finding names the commit of its code\n"
    )


@pytest.mark.parametrize(("remedy", "told"), [("sudo apt-get install moon", "; to get it: {}"), (None, "")])
def test_what_is_missing_is_told_with_the_command_that_brings_it(
    main: Main, monkeypatch: pytest.MonkeyPatch, remedy: str | None, told: str
) -> None:
    def measured(*_: object, **__: object) -> None:
        raise MissingError("a moon is not installed: moon not found", remedy)

    monkeypatch.setattr(pipeline, "run", measured)
    line = f"bench: a moon is not installed: moon not found{told.format(remedy)}\n"
    assert main("run", "quick") == (2, "", line)


@pytest.mark.parametrize("part", [part.name for part in system.parts() if part.commands])
def test_a_missing_part_is_told_with_its_packages(main: Main, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    known = {each.name: each for each in system.parts()}[part]
    status, output, errors = main("doctor")
    (line,) = [line for line in output.splitlines() if line.startswith(f"missing {part}: ")]
    assert (status, errors) == (1, "")
    assert line.endswith(f"to get it: sudo apt-get install --no-install-recommends {' '.join(known.packages)}")


# ---------------------------------------------------------------- a disk that is really full


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("mounting is not permitted here")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_on_a_full_disk_what_was_saved_stays_and_the_next_block_is_the_first_that_is_missing(small: Path) -> None:
    def tool(_: Catalog, case: MicroCase, output: Path) -> Observed:
        output.with_suffix(".txt").write_bytes(b"." * 50_000)
        return Observed()

    folder = store.create(Session(plan=planned(study_called("quick")), started=store.now(), seed=1, machine={}), small)
    phase = Phase("micro", 1000, (MicroCase(variant="cython", workload="medium"),))
    execute = partial(blocks.execute, Catalog(), instruments={"micro": tool})
    with pytest.raises(LabError, match=f"^{small}/quick/.*: No space left on device: free some space"):
        blocks.measure(phase, folder, 1, Progress(), execute)
    saved = [run.block for run in store.runs(folder)]
    assert len(saved) > 10
    assert saved == list(range(len(saved)))
    assert {run.verdict for run in store.runs(folder)} == {"pass"}
    assert next(blocks.unmeasured(phase, folder, Progress())) == len(saved)
    assert not list(small.rglob("*.part"))


def test_a_read_only_results_folder_is_named(small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    session = Session(plan=planned(study_called("quick")), started=store.now(), seed=1, machine={})
    with pytest.raises(OSError, match="Read-only file system") as caught:
        store.create(session, small)
    assert str(of_system(caught.value, "")).startswith(f"{small}/quick: Read-only file system: make it writable")


def test_without_the_labs_environment_the_error_says_how_to_get_it() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", "bench", "list"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "bench: cyclopts is not installed: run `make setup`, then .venv/bin/python -m bench\n"

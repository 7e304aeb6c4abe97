"""Adversarial servers: ones that cache answers, answer before they work, slow down, are wrong or close connections.

Each is a real stack with a few added lines of Python, measured like any stack under one of the lab's loads. Two loads
have blind spots: `glance` ends before a server that is fast for one second slows down. Under the open load `steady`,
answers come at the rate of requests and connections are idle in between, so that the gates `steady rate`, `unseen
documents` and `connections` do not apply.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from bench import documents
from bench.analysis import cheats
from bench.build import artifacts
from bench.errors import DisturbedError, LabError
from bench.measure.instruments import macro, pacer
from bench.model import MacroCase, Observed, Stack
from bench.progress import Progress
from bench.readiness import building
from tests import commands
from tests.absent import absent
from tests.declared import CATALOG

# Other tests may disturb a run. The lab repeats a disturbed run, and so do these tests: no other failure is repeated.
pytestmark = [pytest.mark.slow, pytest.mark.flaky(reruns=4, reruns_delay=5, only_rerun="^DisturbedError: ")]

ON_BJOERN = Stack(variant="cpython", framework="bare", server="bjoern")
ON_THREADS = Stack(variant="cpython", framework="bare", server="gunicorn-gthread")
RATE = 200.0  # requests per second of an open load: a tenth to a third of the reference core's capacity

# Replaces `app.entry`: the reference core and the application, each with added lines.
ENTRY = """
import socket, threading, time
from pathlib import Path
from queue import SimpleQueue
from app import core

right = core.transform
transform = right
calls = 0
{core}
core.transform = transform

from app.entry import application
{application}
"""

CACHES = """
cache = {}
def transform(document):
    if document in cache: time.sleep({sleeps})
    else: cache[document] = right(document)
    return cache[document]
"""
CACHES_MOST = """
cache = {}
def transform(document):
    if hash(document) % 8 == 0: return right(document)
    if document not in cache: cache[document] = right(document)
    return cache[document]
"""
CACHES_ALL_BUT_THE_NAME = """
cache = {}
def transform(document):
    head, name, rest = document[:10], *document[10:].split(b'"', 1)
    if rest not in cache: cache[rest] = right(document)[10 + len(name):]
    return head + name + cache[rest]
"""
# Answers from a table of all documents on disk, and works later: immediately, or once there are no requests.
ANSWERS_FIRST = """
answers = [path for part in ("load", "unseen") for path in Path("{documents}", part).glob("*.out.json")]
table = {path.with_name(path.name.replace(".out", "")).read_bytes(): path.read_bytes() for path in answers}
todo, last = SimpleQueue(), 0.0
def transform(document):
    global last
    if document not in table: return right(document)
    last = time.monotonic()
    if todo.qsize() < {remembers}: todo.put(document)
    return table[document]
def work():
    while document := todo.get():
        while time.monotonic() < last + {waits}: time.sleep({waits} / 4)
        right(document)
threading.Thread(target=work, daemon=True).start()
"""
WRONG_ONCE = """
def transform(document):
    global calls
    calls += 1
    return right(document)[:-1] + b" " if calls == 300 else right(document)
"""
SLOWS_DOWN = """
def transform(document):
    global calls, began
    calls += 1
    if calls == 50: began = time.monotonic()
    for _ in range(9 if calls > 50 and time.monotonic() > began + 1 else 0): right(document)
    return right(document)
"""
CLOSES = """
class Closing:
    def __init__(self, body, connection): self.body, self.connection = body, connection
    def __iter__(self): return iter(self.body)
    def close(self): self.connection.shutdown(socket.SHUT_RDWR)
honest = application
def application(environ, start_response):
    global calls
    calls += 1
    body = honest(environ, start_response)
    return body if calls % 100 else Closing(body, environ["gunicorn.socket"])
"""

CACHED = "answers are cached"  # found with unseen or with fresh documents

NAMES_A_CHEAT = {"unseen documents", "work before answer", "fresh documents"}

Measured = Callable[..., Observed]


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    """The variant of the stacks with all servers, as other tests need it, too."""
    building.build_all(CATALOG, [ON_BJOERN.variant], Progress(Console(quiet=True)))


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Measures a stack whose core or application has added lines, with fifty orders per request."""
    pacer.provision()

    def adversarial(argv: list[str], env: dict[str, str]) -> commands.Command:
        return [part.replace("app.entry", "entry") for part in argv], env | {"PYTHONPATH": str(tmp_path)}

    commands.alter(monkeypatch, adversarial)

    def measure(core: str = "", application: str = "", stack: Stack = ON_BJOERN, load: str = "brief") -> Observed:
        built = artifacts.artifact(stack.variant)
        if built is None or stack.server in built.lacks or stack.server not in built.servers:
            absent(f"{stack} is not built", f"python -m bench build {stack.variant}")
        (tmp_path / "entry.py").write_text(ENTRY.format(core=core, application=application))
        rate = RATE if CATALOG.loads[load].model == "open" else None
        case = MacroCase(stack=stack, workload="medium", load=load, rate=rate)
        return macro.observe(CATALOG, case, tmp_path / "run")

    return measure


def caches(sleeps: float = 0) -> str:
    """A core that caches its answers, and sleeps for `sleeps` seconds before each cached one."""
    return CACHES.replace("{sleeps}", str(sleeps))


def answers_first(waits: float, remembers: int = 2000) -> str:
    """A core that answers from a table, and does the work after `waits` seconds without a request.

    It remembers at most `remembers` documents. With all of them it would not be idle within 5 s, another error.
    """
    folder = documents.ensure(CATALOG.workloads["medium"]).folder
    lines = ANSWERS_FIRST.replace("{documents}", str(folder))
    return lines.replace("{waits}", str(waits)).replace("{remembers}", str(remembers))


@pytest.mark.parametrize("load", ["brief", "steady"])
@pytest.mark.parametrize("stack", [ON_BJOERN, ON_THREADS], ids=str)
def test_an_honest_server_passes(measured: Measured, stack: Stack, load: str) -> None:
    seen = measured(stack=stack, load=load)
    assert seen.values("cpu")
    assert 0 < seen.values("fresh.cpu")[0] < cheats.FRESH


@pytest.mark.parametrize(
    ("core", "load", "gate", "reason"),
    [
        (caches(), "brief", "unseen documents", CACHED),
        (caches(), "steady", "fresh documents", CACHED),
        (caches(sleeps=0.0008), "brief", "fresh documents", CACHED),
        (SLOWS_DOWN, "brief", "steady rate", "the server slows down"),
    ],
    ids=["caches", "caches, with few requests", "caches and sleeps", "slows down"],
)
def test_gates_on_times_name_the_reason_and_allow_a_repetition(
    measured: Measured, core: str, load: str, gate: str, reason: str
) -> None:
    with pytest.raises(DisturbedError, match=reason) as caught:
        measured(core, load=load)
    assert caught.value.gate == gate


def test_a_server_that_caches_most_of_its_answers(measured: Measured) -> None:
    with pytest.raises(DisturbedError, match=CACHED):
        measured(CACHES_MOST)


def test_a_server_that_caches_all_but_the_name_of_a_batch_knows_no_fresh_document(measured: Measured) -> None:
    """With threads, the server's own work hides most of the saved time."""
    with pytest.raises(DisturbedError, match=CACHED):
        measured(CACHES_ALL_BUT_THE_NAME, stack=ON_THREADS)


def test_a_server_that_is_wrong_once(measured: Measured) -> None:
    with pytest.raises(LabError, match=r"^1 of \d+ answers were wrong or missing: 1 × wrong body$"):
        measured(WRONG_ONCE)


@pytest.mark.parametrize(
    ("waits", "load"),
    [(0.02, "brief"), (0.02, "steady"), (0.0, "steady")],
    ids=["after the load", "while its queue grows", "directly after the answer"],
)
def test_a_server_that_answers_before_it_works(measured: Measured, waits: float, load: str) -> None:
    """It knows all documents on disk, including the unseen ones, but not those with a secret seed.

    Which gate names it first depends on how busy the machine is.
    """
    with pytest.raises(LabError) as caught:
        measured(answers_first(waits), load=load)
    assert caught.value.gate in NAMES_A_CHEAT


def test_a_server_that_closes_kept_connections(measured: Measured) -> None:
    with pytest.raises(LabError, match=r"^\d+ of \d+ requests hit a kept connection") as caught:
        measured(application=CLOSES, stack=ON_THREADS)
    assert caught.value.gate == "connections"


def test_the_load_glance_ends_before_a_server_slows_down(measured: Measured) -> None:
    assert measured(SLOWS_DOWN, load="glance").values("cpu")

"""The harness against servers that keep answers, answer before they work, tire, are wrong or hang up: each is named.

Each is a real stack with a few lines of Python in it, measured as any stack is, under a load that the lab uses. What a
load cannot see: `glance` ends before one that is fast for a second has tired. Under an open load answers come as they
are asked for and connections lie idle in between: `steady rate`, `unseen documents` and `connections` say nothing of
`steady`.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench import documents
from bench.analysis import cheats
from bench.build import artifacts
from bench.errors import DisturbedError, LabError
from bench.measure.instruments import macro, pacer
from bench.model import MacroCase, Observed, Stack
from tests import commands
from tests.absent import absent
from tests.declared import CATALOG

pytestmark = pytest.mark.slow

ON_BJOERN = Stack(variant="cpython", framework="bare", server="bjoern")
ON_THREADS = Stack(variant="cpython", framework="bare", server="gunicorn-gthread")
RATE = 200.0  # requests a second of an open load: a tenth to a third of what the reference core answers

# What servers point at instead of `app.entry`: the reference core, and the application over it, each behind some lines.
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

KEEPS = """
kept = {}
def transform(document):
    if document in kept: time.sleep({sleeps})
    else: kept[document] = right(document)
    return kept[document]
"""
KEEPS_MOST = """
kept = {}
def transform(document):
    if hash(document) % 8 == 0: return right(document)
    if document not in kept: kept[document] = right(document)
    return kept[document]
"""
KEEPS_ALL_BUT_THE_NAME = """
kept = {}
def transform(document):
    head, name, rest = document[:10], *document[10:].split(b'"', 1)
    if rest not in kept: kept[rest] = right(document)[10 + len(name):]
    return head + name + kept[rest]
"""
# Answers from a table of all that the lab keeps on disk, and works later: at once, or when nobody asks any more.
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
    return right(document)[:-1] + b" " if calls == 1000 else right(document)
"""
TIRES = """
def transform(document):
    global calls, began
    calls += 1
    if calls == 50: began = time.monotonic()
    for _ in range(9 if calls > 50 and time.monotonic() > began + 1 else 0): right(document)
    return right(document)
"""
HANGS_UP = """
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

KEPT = "answers are kept, not worked out"  # by documents unseen or fresh, whichever tells first

Measured = Callable[..., Observed]


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Measures fifty orders a request on a stack whose core or application stands behind some lines."""
    pacer.provision()

    def lying(argv: list[str], env: dict[str, str]) -> commands.Command:
        return [part.replace("app.entry", "entry") for part in argv], env | {"PYTHONPATH": str(tmp_path)}

    commands.alter(monkeypatch, lying)

    def measure(core: str = "", application: str = "", stack: Stack = ON_BJOERN, load: str = "brief") -> Observed:
        built = artifacts.artifact(stack.variant)
        if built is None or stack.server in built.lacks or stack.server not in built.servers:
            absent(f"{stack} is not built", f"python -m bench build {stack.variant}")
        (tmp_path / "entry.py").write_text(ENTRY.format(core=core, application=application))
        rate = RATE if CATALOG.loads[load].model == "open" else None
        case = MacroCase(stack=stack, workload="medium", load=load, rate=rate)
        return macro.observe(CATALOG, case, tmp_path / "run")

    return measure


def keeps(sleeps: float = 0) -> str:
    """A core that keeps its answers, and sleeps so many seconds beside each."""
    return KEEPS.replace("{sleeps}", str(sleeps))


def answers_first(waits: float, remembers: int = 2000) -> str:
    """A core that answers from a table and works once nothing was asked for so many seconds.

    It `remembers` so many documents at most: with all of them it would not be idle within 5 s, which is told, too.
    """
    folder = documents.ensure(CATALOG.workloads["medium"]).folder
    lines = ANSWERS_FIRST.replace("{documents}", str(folder))
    return lines.replace("{waits}", str(waits)).replace("{remembers}", str(remembers))


@pytest.mark.parametrize("load", ["brief", "steady"])
@pytest.mark.parametrize("stack", [ON_BJOERN, ON_THREADS], ids=str)
def test_an_honest_server_gets_its_figures(measured: Measured, stack: Stack, load: str) -> None:
    seen = measured(stack=stack, load=load)
    assert seen.values("cpu")
    assert 0 < seen.values("fresh.cpu")[0] < cheats.FRESH


@pytest.mark.parametrize(
    ("core", "load", "gate", "told"),
    [
        (keeps(), "brief", "unseen documents", KEPT),
        (keeps(), "steady", "fresh documents", KEPT),
        (keeps(sleeps=0.0008), "brief", "fresh documents", KEPT),
        (TIRES, "brief", "steady rate", "it is fast only at first"),
    ],
    ids=["keeps", "keeps, asked seldom", "keeps and sleeps", "tires"],
)
def test_what_takes_its_time_is_named_and_measured_once_more(
    measured: Measured, core: str, load: str, gate: str, told: str
) -> None:
    with pytest.raises(DisturbedError, match=told) as caught:
        measured(core, load=load)
    assert caught.value.gate == gate


def test_one_that_keeps_most_of_its_answers(measured: Measured) -> None:
    with pytest.raises(DisturbedError, match=KEPT):
        measured(KEEPS_MOST)


def test_one_that_keeps_all_but_the_name_of_a_batch_knows_no_fresh_document(measured: Measured) -> None:
    """Behind threads the server's own work hides most of what is saved."""
    with pytest.raises(DisturbedError, match=KEPT):
        measured(KEEPS_ALL_BUT_THE_NAME, stack=ON_THREADS)


def test_one_that_is_wrong_once(measured: Measured) -> None:
    with pytest.raises(LabError, match=r"^1 of \d+ answers were wrong or lost: 1 × other bytes$"):
        measured(WRONG_ONCE)


@pytest.mark.parametrize(
    ("waits", "load", "gate"),
    [
        (0.02, "brief", "work before answer"),
        (0.02, "steady", "work before answer"),
        (0.0, "steady", "fresh documents"),
    ],
    ids=["once the load is over", "while its queue grows", "right behind the answer"],
)
def test_answers_before_the_work(measured: Measured, waits: float, load: str, gate: str) -> None:
    """It knows all documents on disk, the unseen ones, too; not those of a secret seed."""
    with pytest.raises(LabError) as caught:
        measured(answers_first(waits), load=load)
    assert caught.value.gate == gate


def test_one_that_hangs_up_on_connections_that_it_keeps(measured: Measured) -> None:
    with pytest.raises(LabError, match=r"^\d+ of \d+ requests met a kept connection") as caught:
        measured(application=HANGS_UP, stack=ON_THREADS)
    assert caught.value.gate == "connections"


def test_a_glance_is_over_before_one_tires(measured: Measured) -> None:
    assert measured(TIRES, load="glance").values("cpu")

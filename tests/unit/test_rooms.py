"""The rooms of `bench`: few modules lie flat in it, and a room imports only rooms of lower levels."""

import ast
from pathlib import Path

import pytest

from bench.paths import ROOT

MOST_FLAT = 14
ROOMS = (  # the lowest level first; a name is a room, or a module that lies flat
    {"errors", "paths"},
    {"durations"},
    {"model"},
    {"store", "documents", "attacks", "catalog", "host"},
    {"analysis"},  # what decides from figures lies below whatever tells or races
    {"provision"},
    {"build"},
    {"plan"},
    {"progress"},
    {"serve"},
    {"verify", "monitoring"},
    {"measure"},
    {"readiness"},
    {"race"},
    {"pipeline"},
    {"fleet", "keep", "trying", "own"},
    {"campaign"},
    {"report", "bootstrap"},
    {"inventory"},
    {"verbs"},
    {"__main__"},
)
APART = {"subject", "yardsticks"}  # they run in measured processes, and know nothing of the lab
LEVELS = {name: level for level, names in enumerate(ROOMS) for name in names}


def room(path: Path) -> str:
    """The room that a file of `bench` lies in, or its own name where it lies flat."""
    return path.relative_to(ROOT / "bench").parts[0].removesuffix(".py")


FILES = sorted(path for path in (ROOT / "bench").rglob("*.py") if room(path) not in APART)


def imported(path: Path) -> set[str]:
    """The rooms and flat modules of `bench` that a file imports, inside functions, too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{each.name}" for each in node.names}
    return {name.split(".")[1] for name in found if name.startswith("bench.")}


def test_few_modules_lie_flat() -> None:
    assert len(list((ROOT / "bench").glob("*.py"))) <= MOST_FLAT


def test_every_room_has_its_level() -> None:
    assert {room(path) for path in FILES} - {"__init__"} == LEVELS.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_what_lies_below_it(path: Path) -> None:
    own = room(path)
    above = {name for name in imported(path) - {own} if LEVELS[name] >= LEVELS.get(own, -1)}
    assert not above


def test_a_plan_is_made_in_one_place() -> None:
    """Everything else takes it from there, or from the session that stores it."""
    places = {str(path.relative_to(ROOT)) for path in FILES if imports_planned(path.read_text(), path)}
    assert places == {"bench/verbs/app.py"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from bench.plan import planned", True),
        ("from bench.plan import matrix, planned as made", True),
        ("from bench.plan.planned import plan as make", True),
        ("import bench.plan.planned as made", True),
        ("from bench import plan", True),
        ("from bench.plan import *", True),
        ("from . import planned", True),
        ("from .planned import plan", True),
        ("def late():\n    from bench.plan.planned import plan", True),
        ("from bench.plan import matrix", False),
        ("from bench.model import Plan", False),
    ],
)
def test_an_import_of_the_planner_is_found_under_any_name(line: str, found: bool) -> None:
    assert imports_planned(line, ROOT / "bench" / "plan" / "estimate.py") is found


def imports_planned(code: str, path: Path) -> bool:
    """Whether code at `path` imports `bench.plan.planned`, something of it, or all of `bench.plan`."""
    package = path.relative_to(ROOT).parent.parts
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            lead = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{lead}.{each.name}" for each in node.names}
    whole = {"bench.plan", "bench.plan.*", "bench.plan.planned"}
    return any(name in whole or name.startswith("bench.plan.planned.") for name in names)


def test_what_tells_or_decides_reads_no_declaration_of_today() -> None:
    """Of the catalogue it knows how stacks are paired and what the factors are; declarations are the session's."""
    for path in (path for path in FILES if room(path) in {"report", "analysis"}):
        nodes = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom))
        names = {each.name for node in nodes if node.module in {"bench", "bench.catalog"} for each in node.names}
        assert not names & {"catalog", "declarations", "checks", "read"}, path


def test_what_runs_in_a_measured_process_knows_nothing_of_the_lab() -> None:
    for path in (path for name in APART for path in (ROOT / "bench" / name).rglob("*.py")):
        assert imported(path) <= {"subject"}, path

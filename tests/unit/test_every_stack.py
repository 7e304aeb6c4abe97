"""The page of every stack: one row each, of the page that was measured last."""

import re

import msgspec

from bench.report import every_stack
from bench.report.finding import find
from bench.report.rows import Finding
from tests.unit import sessions

LONGER = msgspec.structs.replace(sessions.quick(), first_look=False, name="longer")
RUNS = sessions.runs(LONGER)


def finding(day: str, runs=RUNS, name: str = "longer", cpu: str = "Intel", *, first_look: bool = False) -> Finding:
    session = sessions.session(msgspec.structs.replace(LONGER, name=name, first_look=first_look), runs)
    started, machine = f"{day}T10:00:00+00:00", session.machine | {"cpu": cpu}
    return find(msgspec.structs.replace(session, started=started, machine=machine), runs)


def measured(own: Finding) -> int:
    return sum(row.cpu.value is not None for row in own.rows)


def rows(text: str) -> list[list[str]]:
    """The cells of each stack, with its heading first and its page last."""
    found, heading, page = [], "", ""
    for line in text.splitlines():
        heading = line.removeprefix("## ") if line.startswith("## ") else heading
        page = line.removeprefix("Of ").removesuffix(":") if line.startswith("Of ") else page
        if re.match(r"\| (?!server|---)", line):
            found.append([heading, *(cell.strip() for cell in line.strip("|").split("|")), page])
    return found


def test_each_stack_has_one_row_below_its_core() -> None:
    own = finding("2026-11-24")
    text = every_stack.text({"longer": own})
    told = rows(text)
    assert len(told) == len({(heading, server) for heading, server, *_ in told}) == measured(own)
    assert told[0][0] == own.baseline.title
    assert {row[-1] for row in told} == {"[longer](longer.md), 2026-11-24"}
    assert "differ by" not in text


def test_a_stack_has_the_figures_of_the_last_of_equal_pages() -> None:
    pages = {"b": finding("2026-11-25", name="b"), "a": finding("2026-11-24", name="a")}
    text = every_stack.text(pages)
    assert {row[-1] for row in rows(text)} == {"[b](b.md), 2026-11-25"}
    assert f"the {measured(pages['a'])} stacks on several pages differ by 1.00× in the median" in text


def test_a_stack_has_the_figures_of_the_page_with_most_stacks_of_its_core() -> None:
    fewer = [run for run in RUNS if not (run.case.stack and run.case.stack.server != "uwsgi-processes")]
    pages = {"b": finding("2026-11-25", fewer, name="b"), "a": finding("2026-11-24", name="a")}
    own = [row for row in rows(every_stack.text(pages)) if row[0] == pages["a"].baseline.title]
    assert {row[-1] for row in own} == {"[a](a.md), 2026-11-24"}


def test_a_first_look_and_another_machine_are_left_out() -> None:
    pages = {
        "a": finding("2026-11-24", name="a"),
        "b": finding("2026-11-24", name="b"),
        "look": finding("2026-11-26", name="look", first_look=True),
        "other": finding("2026-11-26", name="other", cpu="AMD"),
    }
    text = every_stack.text(pages)
    assert {row[-1].partition("]")[0] for row in rows(text)} <= {"[a", "[b"}
    assert "Intel" in text
    assert "AMD" not in text


def test_without_figures_there_is_no_page() -> None:
    assert every_stack.text({}) == ""
    assert every_stack.text({"look": finding("2026-11-24", first_look=True)}) == ""

"""What all verbs share: the application that they belong to, the console, and options of more than one."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from rich.console import Console

from bench import catalog, pipeline
from bench.build import artifacts
from bench.catalog import pairing
from bench.durations import duration
from bench.model import Catalog, Plan, Stack, Study, Unavailable, pick
from bench.plan import planned

app = App(
    name="python -m bench",
    help="""Which interpreter, compiler and server make a JSON service in Python fast, small and cheap?

A stack is written variant/framework/server, such as cython/falcon/gunicorn-sync, a peer in another language by its
name, such as node-expert; `list` shows the names.
Exit status: 0 passed, unavailable or unsupported; 1 failed or wrong; 2 usage or set-up; 3 refused by --strict.
""",
    version_flags=[],
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
out = Console(width=None if sys.stdout.isatty() else 160)
Price = Annotated[str | None, Parameter(help="What a CPU-hour and a GB-hour cost, such as 0.04,0.005: adds money.")]
Budget = Annotated[str | None, Parameter(help="Cut the study to so much measuring, such as 30m, by racing its stacks.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON for machines instead.")]
Flag = Annotated[bool, Parameter(negative="")]


@cache
def declared() -> Catalog:
    """All that this checkout declares, read once."""
    return catalog.read()


def study_of(name: str, variant: str | None) -> Study:
    """The study of that name, or narrowed to one variant. Raises LabError if there is none."""
    study = pick(declared().studies, name, "study")
    return planned.narrowed(study, variant, declared()) if variant else study


def plan_of(study: Study, among: Catalog | None = None) -> Plan:
    """The plan of a study, made here and nowhere else, of the checkout's catalogue or another one."""
    return planned.plan(study, among or declared())


def built_stack(text: str) -> Stack:
    """A stack as it is written. Raises LabError for an unknown name, and where its server is not built."""
    stack = pairing.parse_stack(declared(), text)
    if not stack.is_peer:
        artifacts.require_server(declared(), stack)
    return stack


def say(found: object, lines: Iterable[str], json: bool) -> None:
    """Print `found` as JSON where that is asked for, else the lines that tell it."""
    if json:
        out.print_json(msgspec.json.encode(found).decode())
        return
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def duration_of(budget: str | None) -> float | None:
    """The seconds of a budget, if one was given. Raises LabError for what is no duration."""
    return duration(budget, "--budget") if budget else None


def words(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def known(variants: tuple[str, ...]) -> tuple[str, ...]:
    """Names of variants and peers. Raises LabError for another one."""
    return tuple(declared().subject(name).name for name in variants)


def all_subjects() -> tuple[str, ...]:
    """All variants and peers."""
    return (*declared().variants, *declared().peers)


def tell_unavailable(unavailable: list[Unavailable]) -> int:
    """Print what is not measured, with the reasons. Returns the exit status."""
    for lack in unavailable:
        remedy = f"; to get it: {lack.remedy}" if lack.remedy else ""
        told = f"{lack.kind}: {lack.what}: {lack.reason}{remedy}"
        out.print(told, markup=False, highlight=False, soft_wrap=True)
    return pipeline.status((), unavailable)

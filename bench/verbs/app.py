"""What the verbs share: the application, the console, and options that several verbs have."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from rich.console import Console

from bench import catalog, pipeline
from bench.build import artifacts, beside
from bench.catalog import pairing
from bench.durations import duration
from bench.model import Catalog, Plan, Stack, Study, Unavailable, pick
from bench.plan import planned

app = App(
    name="python -m bench",
    help="""Which interpreter, compiler and server make a JSON service in Python fast, small and cheap?

A stack is variant/framework/server, such as cython/falcon/gunicorn-sync. A peer in another language is one name, such
as node-expert. See `python -m bench list` for all names.

Begin with `python -m bench doctor`, then `python -m bench run quick`. For a service of your own:
`python -m bench init FOLDER`, then `python -m bench try FOLDER`. `python -m bench COMMAND --help` explains a command.

Exit status:

- 0: passed, or unavailable or unsupported with a reason
- 1: failed, or a wrong answer
- 2: wrong usage or set-up
- 3: refused by --strict
- 130: interrupted
""",
    version_flags=[],
    suppress_keyboard_interrupt=False,
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
)
out = Console(width=None if sys.stdout.isatty() else 160)
Price = Annotated[
    str | None,
    Parameter(help="Prices of a CPU-hour and a GB-hour, such as 0.04,0.005: adds the cost of a million requests."),
]
Budget = Annotated[
    str | None,
    Parameter(help="Limit the measuring time, for example to 30m: a race eliminates significantly worse stacks early."),
]
Flag = Annotated[bool, Parameter(negative="", show_default=False)]
Json = Annotated[bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON instead of text.")]


@cache
def declared() -> Catalog:
    """The catalogue of this checkout, read once."""
    return catalog.read()


def study_of(name: str, variant: str | None) -> Study:
    """The study of that name, narrowed to one variant if given. Raises LabError for an unknown name."""
    study = pick(declared().studies, name, "study")
    return planned.narrowed(study, variant, declared()) if variant else study


def plan_of(study: Study, among: Catalog | None = None) -> Plan:
    """The plan of a study from the checkout's catalogue, or from another one."""
    return planned.plan(study, among or declared())


def built_stack(text: str) -> Stack:
    """Parse a stack's name, and install the packages of its tuning.

    Raises LabError for an unknown name, if its variant or server is not built, and if a package is unavailable.
    """
    stack = pairing.parse_stack(declared(), text)
    if not stack.is_peer:
        artifacts.require_server(declared(), stack)
        tuning = pairing.tuning_of(declared(), stack)
        if tuning and tuning.requirements:
            beside.provide(stack.variant, tuning.requirements)
    return stack


def say(found: object, lines: Iterable[str], json: bool) -> None:
    """Print `found` as JSON, or else `lines`."""
    if json:
        out.print_json(msgspec.json.encode(found).decode())
        return
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def duration_of(budget: str | None) -> float | None:
    """The seconds of a budget, if one is given. Raises LabError for an invalid duration."""
    return duration(budget, "--budget") if budget else None


def words(text: str) -> tuple[str, ...]:
    """The words of a comma-separated list."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def known(variants: tuple[str, ...]) -> tuple[str, ...]:
    """Names of variants and peers, checked. Raises LabError for an unknown name."""
    return tuple(declared().subject(name).name for name in variants)


def all_subjects() -> tuple[str, ...]:
    """The names of all variants and peers."""
    return (*declared().variants, *declared().peers)


def tell_unavailable(unavailable: list[Unavailable]) -> int:
    """Print what is unavailable, with reasons and remedies. Returns the exit status."""
    for each in unavailable:
        out.print(line_of(each), markup=False, highlight=False, soft_wrap=True)
    return pipeline.status((), unavailable)


def line_of(unavailable: Unavailable) -> str:
    """One line: the kind, what it is, the reason, and the command that may bring it."""
    remedy = f"; to get it: {unavailable.remedy}" if unavailable.remedy else ""
    return f"{unavailable.kind}: {unavailable.what}: {unavailable.reason}{remedy}"

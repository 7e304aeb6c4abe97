"""What each of the processes of `make test` runs: the tests of a file, of a served stack, or all that measure.

A variant on another interpreter than its own is built anew for each server, so its stacks stay together.
"""

import re
from collections.abc import Iterable

from xdist.scheduler import LoadScopeScheduling

from tests.declared import CATALOG


def any_of(names: Iterable[str]) -> str:
    """A pattern of any of the names, the longest first."""
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))


PARTS: tuple[Iterable[str], ...] = (CATALOG.variants, CATALOG.frameworks, CATALOG.labels(), CATALOG.tunings)
STACK = re.compile(r"\[((?:{})(?:@[\w.-]+(?=/)|/(?:{})/(?:{})(?:\+(?:{}))?))".format(*map(any_of, PARTS)))
ORDER = ("unit", "e2e")  # the long share of those that measure begins early
BESIDE = re.compile("tests/e2e/test_(own_index|own_pages.py::test_an_application|report|site)")  # they measure nothing
TOGETHER = (
    "tests/contract/test_draining.py",  # it serves several stacks at a time
    "tests/contract/test_monitoring.py",  # its stacks share one chain
)
CONTAINERS = (  # one builds and removes images, the other looks what containers leave
    "tests/contract/test_images.py",
    "tests/contract/test_places.py",
)


class Sharing(LoadScopeScheduling):
    """Gives each share to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return share(nodeid)


def share(nodeid: str) -> str:
    """The name of the tests that run in the same process as this one."""
    if room(nodeid) == "e2e" and not BESIDE.match(nodeid):
        return "e2e"  # a second measurement on the machine would be refused
    file = nodeid.partition("::")[0]
    if file in CONTAINERS:
        return "containers"
    stack = STACK.search(nodeid) if room(nodeid) == "contract" and file not in TOGETHER else None
    return stack[1] if stack else file


def turn(nodeid: str) -> int:
    """When a test runs, from 0."""
    return ORDER.index(room(nodeid)) if room(nodeid) in ORDER else len(ORDER)


def room(nodeid: str) -> str:
    """The folder of a test, such as `contract`."""
    return nodeid.split("/")[1]

"""What runs in this process: the code, by the record in its wheel, and its deployment, by the platform's variables.

Both are read once, when the process starts: a wheel that is installed later belongs to the next process. Neither
overrules the other. If the platform deployed another commit, both are told, and that they disagree.
"""

import re
from functools import cache
from os import environ
from typing import Any, NamedTuple

from app.about import built
from app.deployment import Deployment, deployed

COMMIT = re.compile("[0-9a-f]{7,40}")  # as git abbreviates; `-dirty` after it is of a tree with changes


class Running(NamedTuple):
    """The version and the commit of the code, and its deployment. The commit is None if the build knew none."""

    version: str
    commit: str | None
    deployment: Deployment

    @property
    def agrees(self) -> bool | None:
        """Whether the code is that of the deployed commit; None if either is unknown."""
        if self.commit is None or self.deployment.commit is None:
            return None
        commits = (self.commit.lower(), self.deployment.commit.lower())
        short, long = sorted(commits, key=len)
        return all(map(COMMIT.fullmatch, commits)) and long.startswith(short)

    def told(self) -> dict[str, Any]:
        """What `/__version__` tells beside the record."""
        return {"deployment": self.deployment.known(), "agrees": self.agrees}


@cache
def running() -> Running:
    """What runs in this process; a disagreement is logged. Raises ValueError for a wrong variable, which it names."""
    record = built()
    found = Running(record["version"], record["commit"], deployed(environ))
    if found.agrees is False:
        from logging import getLogger  # noqa: PLC0415 - so that no start without a disagreement waits for it

        told = "commit %s was deployed, but commit %s runs, as version %s"
        getLogger(__name__).warning(told, found.deployment.commit, found.commit, found.version)
    return found

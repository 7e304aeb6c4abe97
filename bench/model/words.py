"""What a TOML file says to readers beside its declaration. It changes no figure, so no case and no artifact has it."""

from __future__ import annotations

from typing import Literal

from bench.model.base import Declared, Implementation

Leak = Literal["", "pipelined", "connection", "always"]
SHORT, LEAD = 5, 3  # most words of a short name, and of a caveat before its colon


class Words(Declared, frozen=True, kw_only=True):
    """The keys of a server, tuning, variant, interpreter, peer, workload or layering that only answers and tables show.

    `short` is its name in an answer, where the title is too long. `caveat` is what decides against it, as `WHAT TO DO:
    WHY`: `needs nginx: it has no timeouts`. An answer has the words before the colon, a table all of them. `leaks` is
    of servers: which requests find a ContextVar that another has left set, if the service has no context for each. They
    are those of the same connection, only pipelined ones, or always the next one. A table has it by implementation. The
    tests verify it.
    """

    short: str = ""
    caveat: str = ""
    leaks: Leak | dict[Implementation, Leak] = ""

    def __post_init__(self) -> None:
        """Raises ValueError for words that no answer has room for; the decoder adds the file."""
        if len(self.short.split()) > SHORT:
            raise ValueError(f"short must have at most {SHORT} words")
        lead, _, reason = self.caveat.partition(": ")
        if self.caveat and (not reason or len(lead.split()) > LEAD):
            raise ValueError(f"caveat must be like 'needs nginx: no timeouts', at most {LEAD} words before the colon")

    def leaks_on(self, implementation: Implementation) -> Leak:
        """What the server leaks on an implementation."""
        return self.leaks.get(implementation, "") if isinstance(self.leaks, dict) else self.leaks

    @property
    def lead(self) -> str:
        """The words of the caveat that an answer has."""
        return self.caveat.partition(": ")[0]

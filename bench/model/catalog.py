"""All that is declared, by kind and name; and what is found by a name that no file bears as it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from bench.errors import LabError
from bench.model.base import Recorded
from bench.model.serving import Backend, Framework, Peer, Server, Tuning
from bench.model.study import Study
from bench.model.variant import Interpreter, Variant, WarmupPolicy, Yardstick
from bench.model.work import Load, Workload

T = TypeVar("T")


def pick(known: Mapping[str, T], name: str, noun: str) -> T:
    """`known[name]`, or a LabError that lists what there is."""
    if name not in known:
        raise LabError(f"{noun} {name!r} is unknown; there are: {', '.join(sorted(known)) or 'none'}")
    return known[name]


class Catalog(Recorded, frozen=True, kw_only=True):
    """The declarations by kind and name: all that a checkout has, or those that a plan is made of.

    `servers` go by their file: the two files of one server for two implementations share their `label`.
    """

    interpreters: dict[str, Interpreter] = {}
    variants: dict[str, Variant] = {}
    yardsticks: dict[str, Yardstick] = {}
    peers: dict[str, Peer] = {}
    frameworks: dict[str, Framework] = {}
    servers: dict[str, Server] = {}
    tunings: dict[str, Tuning] = {}
    backends: dict[str, Backend] = {}
    workloads: dict[str, Workload] = {}
    loads: dict[str, Load] = {}
    studies: dict[str, Study] = {}

    def variant(self, name: str) -> Variant:
        """The variant or yardstick of that name, which may be a file's or, as `NAME@INTERPRETER`, one moved elsewhere.

        Raises LabError if there is none, or if the interpreter is of another implementation.
        """
        known = self.variants.get(name) or self.yardsticks.get(name)
        if known:
            return known
        own, _, elsewhere = name.partition("@")
        declared: Variant = pick(self.variants | self.yardsticks, own, "variant")
        home = self.interpreters[declared.interpreter]
        new = pick(self.interpreters, elsewhere, f"{name}: interpreter")
        if home.implementation != new.implementation and declared.application is None:
            raise LabError(f"{name}: {own} is made for {home.implementation}, and {new.name} is {new.implementation}")
        # where a title tells the interpreter, it tells the new one
        title = declared.title.replace(home.title, new.title) if home.title in declared.title else declared.title
        title = title if new.title in title else f"{title}, {new.title}"
        return msgspec.structs.replace(declared, name=name, title=title, interpreter=new.name)

    def subject(self, name: str) -> Variant | Peer:
        """What is built under that name: a peer, or a variant as `variant` finds it. Raises LabError if none is."""
        return self.peers.get(name) or self.variant(name)

    def interpreter_of(self, name: str) -> Interpreter:
        """The interpreter that the variant of that name runs on. Raises LabError if there is no such variant."""
        return self.interpreters[self.variant(name).interpreter]

    def labels(self) -> dict[str, Server]:
        """A server of each label."""
        return {server.label: server for server in self.servers.values()}

    def at(self, name: str, interpreter: str) -> str:
        """The name of a variant on that interpreter, or on the one that the name tells: its own where it is at home."""
        own, _, elsewhere = name.partition("@")
        interpreter = elsewhere or interpreter
        return own if self.variant(own).interpreter == interpreter else f"{own}@{interpreter}"

    def warmup_of(self, name: str) -> WarmupPolicy:
        """The warm-up policy of a peer or variant, its interpreter's where a variant declares none."""
        declared = self.subject(name)
        if isinstance(declared, Peer):
            return declared.warmup
        return declared.warmup or self.interpreters[declared.interpreter].warmup

    def seconds_to_warm(self, name: str, load: Load) -> int:
        """How many seconds a fresh server of a peer or variant is warmed before a load: what its lead-in lacks."""
        return max(0, math.ceil(self.warmup_of(name).seconds - load.lead_in_seconds))

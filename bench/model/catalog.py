"""The catalogue: every declaration, by kind and name, and variants on other interpreters than their own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from bench.errors import LabError, unknown
from bench.model.base import Recorded
from bench.model.delivery import Delivery
from bench.model.place import Place
from bench.model.replacement import Replacement
from bench.model.serving import Backend, Framework, Layer, Layering, Limit, Peer, Server, Tuning
from bench.model.study import Study
from bench.model.variant import Interpreter, Variant, WarmupPolicy, Yardstick
from bench.model.words import Words
from bench.model.work import Load, Workload

T = TypeVar("T")


def pick(known: Mapping[str, T], name: str, noun: str, where: str = "") -> T:
    """`known[name]`. Raises LabError, beginning with `where`, that suggests the nearest name or lists all."""
    if name not in known:
        raise LabError(f"{where}: {unknown(noun, name, known)}" if where else unknown(noun, name, known))
    return known[name]


class Catalog(Recorded, frozen=True, kw_only=True):
    """Declarations by kind and name: all of a checkout, or those that a plan needs.

    `servers` are keyed by file name: two files of one server, for two implementations, share a `label`. `words` are
    keyed by the name of what they are of.
    """

    interpreters: dict[str, Interpreter] = {}
    variants: dict[str, Variant] = {}
    yardsticks: dict[str, Yardstick] = {}
    peers: dict[str, Peer] = {}
    frameworks: dict[str, Framework] = {}
    layers: dict[str, Layer] = {}
    servers: dict[str, Server] = {}
    tunings: dict[str, Tuning] = {}
    replacements: dict[str, Replacement] = {}
    backends: dict[str, Backend] = {}
    places: dict[str, Place] = {}
    layerings: dict[str, Layering] = {}
    limits: dict[str, Limit] = {}
    deliveries: dict[str, Delivery] = {}
    workloads: dict[str, Workload] = {}
    loads: dict[str, Load] = {}
    studies: dict[str, Study] = {}
    words: dict[str, Words] = {}

    def variant(self, name: str) -> Variant:
        """The variant or yardstick of that name; `NAME@INTERPRETER` puts a file's variant on another interpreter.

        Raises LabError for an unknown name, and for an interpreter of another implementation.
        """
        known = self.variants.get(name) or self.yardsticks.get(name)
        if known:
            return known
        own, _, elsewhere = name.partition("@")
        declared: Variant = pick(self.variants | self.yardsticks, own, "variant")
        home = self.interpreters[declared.interpreter]
        new = pick(self.interpreters, elsewhere, "interpreter", name)
        if home.implementation != new.implementation and declared.application is None:
            raise LabError(
                f"{name}: variant {own!r} needs {home.implementation}, and {new.name} is {new.implementation}: "
                f"use a {home.implementation} interpreter, such as {home.name}"
            )
        # a title that names the interpreter names the new one
        title = declared.title.replace(home.title, new.title) if home.title in declared.title else declared.title
        title = title if new.title in title else f"{title}, {new.title}"
        return msgspec.structs.replace(declared, name=name, title=title, interpreter=new.name)

    def subject(self, name: str) -> Variant | Peer:
        """The peer of that name, or else the variant (see `variant`). Raises LabError for an unknown name."""
        return self.peers.get(name) or self.variant(name)

    def interpreter_of(self, name: str) -> Interpreter:
        """The interpreter of a variant. Raises LabError for an unknown variant."""
        return self.interpreters[self.variant(name).interpreter]

    def labels(self) -> dict[str, Server]:
        """One server for each label."""
        return {server.label: server for server in self.servers.values()}

    def at(self, name: str, interpreter: str) -> str:
        """The name of a variant on `interpreter`, unless the name specifies another; without `@` on its own one."""
        own, _, elsewhere = name.partition("@")
        interpreter = elsewhere or interpreter
        return own if self.variant(own).interpreter == interpreter else f"{own}@{interpreter}"

    def warmup_of(self, name: str) -> WarmupPolicy:
        """The warm-up policy of a peer or variant; a variant without one has its interpreter's."""
        declared = self.subject(name)
        if isinstance(declared, Peer):
            return declared.warmup
        return declared.warmup or self.interpreters[declared.interpreter].warmup

    def seconds_to_warm(self, name: str, load: Load, workload: str) -> int:
        """The seconds of warm-up that a fresh server needs before a load, beyond the load's own lead-in."""
        policy = self.warmup_of(name)
        return max(0, math.ceil(policy.seconds_of.get(workload, policy.seconds) - load.lead_in_seconds))

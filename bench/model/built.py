"""Interpreters, artifacts and peers on this machine, and what is unavailable."""

from __future__ import annotations

from typing import Literal

from bench.model.base import Implementation, Recorded

Kind = Literal["unavailable", "unsupported", "failed"]


class Unavailable(Recorded, frozen=True):
    """A part of the lab that is not measured here: `what`, the reason, and the command that may bring it.

    `kind`: `unavailable` on this machine, `unsupported` by declaration of the catalogue, or `failed` although it should
    work. `variant` (or a peer), `framework`, `server`, `workload` and `instrument` select the cases that it covers; an
    absent one selects all. Without any of them it concerns the system and covers no case.
    """

    what: str
    reason: str
    remedy: str | None = None
    kind: Kind = "unavailable"
    variant: str | None = None
    framework: str | None = None
    server: str | None = None
    workload: str | None = None
    instrument: str | None = None

    def covers(
        self,
        variant: str,
        framework: str = "",
        server: str = "",
        workload: str | None = None,
        instrument: str | None = None,
    ) -> bool:
        """Whether it covers that variant or stack, on that workload and by that instrument."""
        servers = (server, server.partition("+")[0])  # a missing server is missing with each of its tunings, too
        asked: tuple[tuple[str | None, tuple[str | None, ...]], ...] = (
            (self.variant, (variant,)),
            (self.framework, (framework,)),
            (self.server, servers),
            (self.workload, (workload,)),
            (self.instrument, (instrument,)),
        )
        told = [(own, values) for own, values in asked if own is not None]
        return bool(told) and all(own in values for own, values in told)


class Provisioned(Recorded, frozen=True):
    """An interpreter that is here. `build` holds what its builder chose, as far as that is known.

    `pgo` and `lto`: optimised by a profile, and when it is linked; `shared`: its code lies in a library; `jit`, `gil`:
    on, as it is started here.
    """

    name: str
    executable: str
    implementation: Implementation
    version: str
    provider: str
    build: dict[str, bool]
    fingerprint: str


class Artifact(Recorded, frozen=True):
    """A built variant: the wheel under `.lab/artifacts`, installed into the prefix of the same name.

    Frameworks and the `servers` that were asked for, by label, stand beside it; `lacks` holds those of them that could
    not be installed, each with its lack, and `waits_for` the parts of the system that some of them need.
    """

    variant: str
    fingerprint: str
    wheel: str
    wheel_sha256: str
    wheel_bytes: int
    build_seconds: float
    interpreter: Provisioned
    built: str
    lacks: dict[str, Unavailable] = {}
    waits_for: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()


class BuiltPeer(Recorded, frozen=True):
    """What peers of a `build` run from. `version` is what their runtime says of itself."""

    build: str
    fingerprint: str
    version: str
    build_seconds: float
    built: str

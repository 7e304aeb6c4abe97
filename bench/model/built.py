"""Interpreters, artifacts and peers on this machine, and requirements that are unavailable."""

from __future__ import annotations

from typing import Literal

from bench.model.base import Implementation, Recorded
from bench.model.place import server_name

Kind = Literal["unavailable", "unsupported", "failed"]


class Unavailable(Recorded, frozen=True):
    """A part of the lab that this machine does not measure: `what`, the reason, and the command that may bring it.

    `kind`: `unavailable` on this machine, `unsupported` by declaration of the catalogue, or `failed` although it should
    work. `variant` (or a peer), `framework`, `server`, `workload`, `layering`, `delivery` and `instrument` select the
    cases that it covers; an absent field selects all. A record without any of them concerns the system and covers no
    case.
    """

    what: str
    reason: str
    remedy: str | None = None
    kind: Kind = "unavailable"
    variant: str | None = None
    framework: str | None = None
    server: str | None = None
    workload: str | None = None
    layering: str | None = None
    delivery: str | None = None
    instrument: str | None = None

    def covers(
        self,
        variant: str,
        framework: str = "",
        server: str = "",
        workload: str | None = None,
        instrument: str | None = None,
        *,
        layering: str | None = None,
        delivery: str | None = None,
    ) -> bool:
        """Whether it covers that variant or stack, on that workload, with that instrument, layering and delivery."""
        named = server_name(server)
        servers = (server, named.on_host, named.label)  # a missing server is missing with each tuning and at each place
        asked: tuple[tuple[str | None, tuple[str | None, ...]], ...] = (
            (self.variant, (variant,)),
            (self.framework, (framework,)),
            (self.server, servers),
            (self.workload, (workload,)),
            (self.layering, (layering,)),
            (self.delivery, (delivery,)),
            (self.instrument, (instrument,)),
        )
        given = [(own, values) for own, values in asked if own is not None]
        return bool(given) and all(own in values for own, values in given)


class Provisioned(Recorded, frozen=True):
    """An interpreter on this machine. `build` holds its build options, as far as they are known.

    `pgo`, `lto`: profile-guided and link-time optimisation; `shared`: the interpreter's code is in a shared library;
    `jit`, `gil`: enabled, as the lab starts it.
    """

    name: str
    executable: str
    implementation: Implementation
    version: str
    provider: str
    build: dict[str, bool]
    fingerprint: str

    @property
    def python(self) -> str:
        """The version of the language: of PyPy's `7.3.20 (Python 3.11.13)`, the part in brackets."""
        return self.version.partition("(Python ")[2].removesuffix(")") or self.version


class Artifact(Recorded, frozen=True):
    """A built variant: the wheel in `.lab/artifacts`, installed into the prefix of the same name.

    `wheel_sha256` is that of the file, and `content_sha256` that of what is in it, apart from its version: a commit
    alone changes no measured case.
    Frameworks and the requested `servers`, by label, are installed beside it. `lacks` holds the servers that could not
    be installed, with the reasons; `waits_for` the missing parts of the system that they need.
    """

    variant: str
    fingerprint: str
    wheel: str
    wheel_sha256: str
    content_sha256: str
    wheel_bytes: int
    build_seconds: float
    interpreter: Provisioned
    built: str
    lacks: dict[str, Unavailable] = {}
    waits_for: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()


class BuiltPeer(Recorded, frozen=True):
    """The installation that all peers of one `build` run from. `version` is what their runtime reports."""

    build: str
    fingerprint: str
    version: str
    build_seconds: float
    built: str


class ImageLayer(Recorded, frozen=True):
    """A layer of a container image: its bytes as files, and compressed, as a registry sends them."""

    name: str
    unpacked: int
    compressed: int


class Image(Recorded, frozen=True):
    """The container image of a stack: its name, the digest of its manifest, and its layers from the lowest.

    `packages` are the Debian packages that its first layer was asked for; those that they need are there, too.
    """

    name: str
    digest: str
    packages: tuple[str, ...]
    layers: tuple[ImageLayer, ...]

    @property
    def unpacked(self) -> int:
        """The bytes of all layers as files."""
        return sum(layer.unpacked for layer in self.layers)

    @property
    def compressed(self) -> int:
        """The bytes of all layers as a registry sends them."""
        return sum(layer.compressed for layer in self.layers)

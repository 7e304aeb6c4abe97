"""Everything around a core: frameworks, servers with a worker class, proxies, backends; and peers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta
from packaging.requirements import Requirement

from bench.model.base import Algorithm, Argv, Count, Declared, Implementation, Interface
from bench.model.variant import FromDebian, FromNpm, WarmupPolicy


class Framework(Declared, frozen=True):
    """A thin adapter over the core: one module of `app`, and the packages that it needs."""

    name: str
    module: str
    interface: Interface
    requirements: tuple[str, ...]


class Layer(Declared, frozen=True):
    """A layer around the service: a module of `app`, and the packages that it needs, with their markers (PEP 508)."""

    name: str
    requirements: tuple[str, ...]

    def packages(self, implementation: Implementation) -> tuple[str, ...]:
        """The names of the packages that it needs on an implementation."""
        named = {"platform_python_implementation": {"cpython": "CPython", "pypy": "PyPy"}[implementation]}
        needs = map(Requirement, self.requirements)
        return tuple(need.name for need in needs if need.marker is None or need.marker.evaluate(named))


class Bearer(Declared, frozen=True, kw_only=True):
    """The token of a request (RFC 9068): signed with `algorithm`, for a caller of the scopes in `scope`.

    The caller `sees` that share of the customers of each document: below 1, `scope` goes on with the others' ids, each
    as `customer:ID`.
    """

    algorithm: Algorithm = "ES256"
    scope: str
    sees: Annotated[float, Meta(gt=0, le=1)] = 1.0


class Layering(Declared, frozen=True, kw_only=True):
    """What each request passes before it reaches the service: `layers` with their settings, or a yardstick.

    `layers` are modules of `app`, outermost first; `env` is added to the environment of the process. With a `bearer`,
    each request carries a token, and in `env` `{jwks}`, `{issuer}`, `{audience}` and `{algorithm}` say how to verify
    it. `headers` are added to each request; one that accepts HAL is answered in HAL. `around` is a yardstick: a file of
    `bench/yardsticks` with a function `around(application)`, which returns the application to call; `requirements` are
    its packages. `frameworks` lists those that the layering is for; an empty list means all.
    """

    name: str
    title: str
    layers: tuple[str, ...] = ()
    env: dict[str, str] = {}
    headers: dict[str, str] = {}
    bearer: Bearer | None = None
    around: str | None = None
    frameworks: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()

    def is_for(self, framework: str) -> bool:
        """Whether requests to `framework` can pass it."""
        return not self.frameworks or framework in self.frameworks


class Unsupported(Declared, frozen=True):
    """Why a pair cannot work, and a part of the error message that an attempt shows."""

    reason: str
    symptom: str


class Backend(Declared, frozen=True, kw_only=True):
    """A service that requests wait for, such as PostgreSQL; the lab starts a fresh one for each run.

    `prepare` and then `argv` run in a fresh folder, as `user` if the lab runs as root. `ready` exits with 0 once a
    client can connect, and `version` prints the version. In these and in `dsn`, `{folder}` is the folder and `{port}` a
    free TCP port of 127.0.0.1. Programs are searched for on PATH and in `paths` (glob patterns); with a `provider`,
    first beside its executable. `dsn` is the address for clients, and `signal` ends the backend. A `persistent` one has
    all its state in its folder after that: a copy of the folder starts as a copy of the backend. `needs` names parts of
    `bench/system.toml`.

    The lab's own service needs more of a backend. `requirements` are the packages of its driver, by implementation, for
    which `dsn` is libpq's connection string. `wait` names the function of `/wait` for a worker class that takes one
    request at a time; a server's `waits` names another.
    """

    name: str = ""
    title: str = ""
    prepare: Argv = ()
    argv: Annotated[Argv, Meta(min_length=1)]
    ready: Annotated[Argv, Meta(min_length=1)]
    version: Argv = ()
    dsn: str
    signal: Literal["SIGINT", "SIGTERM"] = "SIGTERM"
    persistent: bool = False
    wait: str = ""
    requirements: dict[Implementation, tuple[str, ...]] = {}
    paths: tuple[str, ...] = ()
    user: str | None = None
    provider: FromDebian | None = None
    needs: tuple[str, ...] = ()


class Limit(Declared, frozen=True, kw_only=True):
    """How much CPU time a server gets: `shares` of a busy core, in proportion to those of the others, and a quota.

    The quota is `cpus` × `period_ms` in each period; what is left of it may be used later, up to `burst_ms`. A
    limit without `cpus` has no quota. `source` says which platform sets it, and where that is written.
    """

    name: str
    title: str
    shares: Annotated[int, Meta(ge=2, le=262_144)] = 1024
    cpus: Annotated[float, Meta(gt=0)] | None = None
    period_ms: Annotated[int, Meta(ge=1, le=1000)] = 100
    burst_ms: Annotated[int, Meta(ge=0)] = 0
    source: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a burst that the kernel refuses; the decoder adds the file."""
        if self.burst_ms > (self.cpus or 0) * self.period_ms:
            raise ValueError("burst_ms must be at most the quota, cpus × period_ms")


class Proxy(Declared, frozen=True, kw_only=True):
    """A proxy before a server: `argv`, its configuration, and the parts of `bench/system.toml` that it needs.

    `config` is written to `{scratch}/proxy.conf`. In both, `{host}`, `{port}` and `{backlog}` say where it listens;
    `{scratch}` is a folder of that run, where the server listens on a Unix socket. `version` is the command that prints
    its version.
    """

    argv: Argv
    version: Argv
    config: str
    needs: tuple[str, ...] = ()


class Server(Declared, frozen=True, kw_only=True):
    """A server with one worker class: its argv, its requirements, and the pairs that it does not support.

    `label` is its name in stacks; two files share one if two implementations start the server in different ways.
    `build_requirements` are packages that must be in the prefix before the others are built. `files` are glob patterns
    of files outside the prefix, for its artifact size. `note` is what a reader of its figures must know. `wait` names
    the function of `/wait` that blocks nothing but its own request in this worker class; `waits` names the function
    for a backend, by its name. `unsupported` is keyed by an implementation, by one with its version (`cpython-3.14`),
    by a variant or by a framework. `departures` says by a case of the HTTP contract, such as `unknown_paths[/%]`, what
    the server does instead; the tests verify it. A tuning adds the `proxy`.
    """

    name: str
    title: str
    label: str
    server: str
    worker_class: str
    implementations: tuple[Implementation, ...]
    argv: Argv
    interface: Interface = "wsgi"
    wait: str = "time.sleep"
    waits: dict[str, str] = {}
    requirements: tuple[str, ...] = ()
    build_requirements: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    env: dict[str, str] = {}
    keep_alive: bool
    note: str | None = None
    concurrency: Count = 1
    unsupported: dict[str, Unsupported] = {}
    departures: dict[str, str] = {}
    proxy: Proxy | None = None


class Tuning(Declared, frozen=True, kw_only=True):
    """A documented setting that is not a server's default, written after its label: `bjoern+allocator`.

    `servers` lists the programs it is for (`uwsgi`); an empty list means all. `words` replaces words of the server's
    argv; `env` is added to its environment. `unsupported` is as a server's, keyed by label. `departures` are those of
    the `proxy`, which speaks HTTP in place of the server. `losses` says by label, and by a case of
    `tests/contract/test_draining.py`, which requests SIGTERM still loses; the tests verify it.

    The service itself needs the `backend`, such as a broker, whatever is requested: each server gets a fresh one, and
    `{dsn}` in `env` is its address. `entry` is a module of `bench/yardsticks` that the server serves in place of
    `app.entry`: a service that works otherwise, to be compared with. `requirements` are packages of the entry or of the
    layers in `env`. With `is_piped`, the server's stdout is a pipe, whose reader runs on the generator's cores.
    """

    name: str
    title: str
    servers: tuple[str, ...] = ()
    words: dict[str, Argv] = {}
    env: dict[str, str] = {}
    keep_alive: bool | None = None
    proxy: Proxy | None = None
    backend: str | None = None
    entry: str | None = None
    requirements: tuple[str, ...] = ()
    is_piped: bool = False
    note: str | None = None
    unsupported: dict[str, Unsupported] = {}
    departures: dict[str, str] = {}
    losses: dict[str, dict[str, str]] = {}


class Peer(Declared, frozen=True, kw_only=True):
    """A subject in another language: it serves the same HTTP contract, and is its own framework and server.

    `kind` is the kind of its core: ordinary code, tuned by an expert with the same library, or hand-written over the
    bytes. `server` names its server. Peers with the same `build` share a prefix: `source` maps files of the checkout
    to places in it, and `steps` run in it. `runtime` names the program that runs them; `provider` brings it. In argv
    and env, `{runtime}` is that program, `{home}` its folder and `{prefix}` the prefix; to serve there are `{host}`,
    `{port}` and `{backlog}`, too. `files` lists what a bare image needs, by part of `sizes`, as glob patterns below
    `{home}` or `{prefix}`. `provenance`, `note` and `departures` are as in variants and servers.
    """

    name: str
    title: str
    language: str
    kind: Literal["ordinary", "expert", "hand-written"]
    server: str
    build: str
    runtime: str
    provider: FromNpm | FromDebian
    source: dict[str, str]
    needs: tuple[str, ...] = ()
    steps: tuple[Argv, ...] = ()
    argv: Argv
    env: dict[str, str] = {}
    files: dict[str, tuple[str, ...]]
    provenance: dict[str, Any]
    keep_alive: bool
    concurrency: Count = 1
    note: str | None = None
    warmup: WarmupPolicy = WarmupPolicy()
    departures: dict[str, str] = {}

    @property
    def label(self) -> str:
        """Its name in stacks."""
        return self.name

    @property
    def made_of(self) -> dict[str, Any]:
        """The inputs of its build, equal in all peers of that build."""
        return {
            "runtime": self.runtime,
            "provider": self.provider,
            "source": self.source,
            "needs": self.needs,
            "steps": self.steps,
        }

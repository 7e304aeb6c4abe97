"""What stands around a core: framework, server with its worker class, back end; and peers, which are all of it."""

from __future__ import annotations

from typing import Any, Literal

from bench.model.base import Argv, Count, Declared, Implementation, Interface
from bench.model.variant import FromDebian, FromNpm, WarmupPolicy


class Framework(Declared, frozen=True):
    """A thin adapter over the core: one module of `app`, and what it must have installed."""

    name: str
    module: str
    interface: Interface
    requirements: tuple[str, ...]


class Unsupported(Declared, frozen=True):
    """Why a pair cannot be, and the words that whoever tries it all the same gets to see."""

    reason: str
    symptom: str


class Backend(Declared, frozen=True, kw_only=True):
    """What a service waits for in earnest: a PostgreSQL, or what speaks as it does, that the lab starts for one run.

    `prepare` and then `argv` run in a fresh folder, with `{folder}` replaced by its path, as `user` where the lab is
    root; `ready` exits with 0 once a client is let in, and `version` prints what runs. Their programs are looked for on
    PATH and in `paths` (glob patterns). `dsn` is what the service is told of it,
    in libpq's words, and `requirements` what its driver needs installed, by implementation. `wait` names the function
    of `/wait` for a worker class that takes one request at a time; a server's `waits` names another. `needs` names
    parts of `bench/system.toml`.
    """

    name: str
    title: str
    prepare: Argv
    argv: Argv
    ready: Argv
    version: Argv
    dsn: str
    wait: str
    requirements: dict[Implementation, tuple[str, ...]]
    paths: tuple[str, ...] = ()
    user: str | None = None
    needs: tuple[str, ...] = ()


class Proxy(Declared, frozen=True, kw_only=True):
    """A proxy before a server: `argv`, its configuration, and the parts of `bench/system.toml` that it needs.

    `config` is written to `{scratch}/proxy.conf`. In both, `{host}`, `{port}` and `{backlog}` say where it listens;
    `{scratch}` is a folder of that run, in which the server behind it listens on a socket. `version` makes its program
    print its version.
    """

    argv: Argv
    version: Argv
    config: str
    needs: tuple[str, ...] = ()


class Server(Declared, frozen=True, kw_only=True):
    """A server with one worker class: its argv, what it needs, and where it cannot run.

    `label` is what stacks call it; two files may share one where two implementations need two ways to start it.
    `build_requirements` are packages that have to be in the prefix before the others are built.
    `files` names what the server needs beside the packages of the prefix, for its size, as glob patterns. `note` is
    what a reader of its figures has to know. `wait` names the function of `/wait`: how this worker class waits without
    keeping more than the request waiting; `waits` that for a back end of that name, where one connection does not do.
    `unsupported` names an implementation, a version of one (`cpython-3.14`), a variant or a framework.
    `departures` says by a case of the HTTP contract, such as `unknown_paths[/%]`, what this server does there instead;
    that it does so is tested. A `front` is what a tuning puts before it.
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
    """A setting that a server's documentation offers and does not presume, written after its label: `bjoern+allocator`.

    It is for the programs that `servers` names (`uwsgi`), for all where it names none. `words` says which words of
    the server's argv give way to which; `env` is added to its environment. `unsupported` is as a server's, by label;
    `departures` are those of a `proxy`, which speaks HTTP in place of the server.
    """

    name: str
    title: str
    servers: tuple[str, ...] = ()
    words: dict[str, Argv] = {}
    env: dict[str, str] = {}
    keep_alive: bool | None = None
    proxy: Proxy | None = None
    note: str | None = None
    unsupported: dict[str, Unsupported] = {}
    departures: dict[str, str] = {}


class Peer(Declared, frozen=True, kw_only=True):
    """A subject in another language: it serves the same HTTP contract, and is its own framework and server.

    `kind` says what its core is: as most would write it, tuned by an expert with the same library, or written by hand
    over the bytes; `server` what it is served by. Peers of one `build` share a prefix: `source` maps what lies in the
    checkout to its place there, and `steps` run in it. `runtime` names the program that runs them, which `provider`
    brings. In argv and env, `{runtime}` is that program and `{home}` the folder that it was brought into; `{prefix}`,
    and to serve `{host}`, `{port}`, `{backlog}`. `files` names all that a bare image needs, by part of `sizes`, as glob
    patterns below `{home}` or `{prefix}`. `provenance`, `note` and `departures` are as a variant's and a server's.
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
        """What stacks call it."""
        return self.name

    @property
    def made_of(self) -> dict[str, Any]:
        """What its build is made of: alike in all peers of that build."""
        return {
            "runtime": self.runtime,
            "provider": self.provider,
            "source": self.source,
            "needs": self.needs,
            "steps": self.steps,
        }

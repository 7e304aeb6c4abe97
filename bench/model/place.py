"""Where a stack runs, and the name of a server with its tuning and its place."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

from bench.model.base import Argv, Declared
from bench.model.serving import Unsupported
from bench.model.variant import FromDebian


class ServerName(NamedTuple):
    """A server as stacks and studies name it: `label+tuning@place`, where the last two may be absent."""

    label: str
    tuning: str
    place: str

    @property
    def on_host(self) -> str:
        """The name without the place."""
        return f"{self.label}+{self.tuning}" if self.tuning else self.label


def server_name(text: str) -> ServerName:
    """The parts of a server's name."""
    tuned, _, place = text.partition("@")
    label, _, tuning = tuned.partition("+")
    return ServerName(label, tuning, place)


class Daemon(Declared, frozen=True, kw_only=True):
    """An engine that runs its containers from a process of its own, which runs as long as they do.

    `argv` starts it, and `ready` succeeds once it answers. It has images of its own: `image` prints the id of
    `{image}`, and `load` takes one from `{archive}`. `ready`, `image` and `load` are words after the place's `engine`.
    """

    argv: Annotated[Argv, Meta(min_length=1)]
    ready: Annotated[Argv, Meta(min_length=1)]
    image: Annotated[Argv, Meta(min_length=1)]
    load: Annotated[Argv, Meta(min_length=1)]


class Place(Declared, frozen=True, kw_only=True):
    """Where a stack runs, if not on the host itself: a container of its image. Written after its server: `bjoern@runc`.

    `engine` is a program with its options, and the words of `argv`, `remove`, `process` and `version` follow it. `argv`
    and `options` start a container; the image and the command of the stack follow. The program runs as long as the
    container, and hands on SIGTERM. `process` prints the id of its first process. `remove` ends the container whatever
    its state, and succeeds without one. `version` prints what runs containers. `runtime` is the program that the engine
    calls for each container, with options, and `provider` brings it. `needs` names parts of `bench/system.toml`.

    `shared` are options that show the container `{folder}`, where the socket between a server and its proxy is. Without
    them, no proxy stands before a server at this place; with them, it runs in a container of its own.

    With `listen`, the container has a network of its own: the server listens at this address in there, and the engine
    forwards `{host}:{port}` of the machine to it.

    `unsupported` says by the label of a server why it does not start there.

    `{runtime}` is the name of the runtime, `{home}` the folder of all state, `{name}` the name of the container, and
    `{env_file}` a file of its variables. Its control group is below `{cgroup}`, whose CPU time is measured, and it has
    the cores `{cpus}`.
    """

    name: str
    title: str
    provider: FromDebian | None = None
    runtime: Annotated[Argv, Meta(min_length=1)]
    engine: Annotated[Argv, Meta(min_length=1)]
    argv: Annotated[Argv, Meta(min_length=1)]
    options: Argv = ()
    shared: Argv = ()
    listen: str | None = None
    process: Annotated[Argv, Meta(min_length=1)]
    remove: Annotated[Argv, Meta(min_length=1)]
    version: Annotated[Argv, Meta(min_length=1)]
    daemon: Daemon | None = None
    needs: tuple[str, ...] = ()
    note: str | None = None
    unsupported: dict[str, Unsupported] = {}

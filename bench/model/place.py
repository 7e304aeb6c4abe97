"""Where a stack runs, and the name of a server with its tuning and its place."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

from bench.model.base import Argv, Declared
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


class Place(Declared, frozen=True, kw_only=True):
    """Where a stack runs, if not on the host itself: a container of its image. Written after its server: `bjoern@runc`.

    `argv` and `options` start a container; the image and the command of the stack follow. The process runs as long as
    the container, and hands on SIGTERM. `remove` ends the container whatever its state, and succeeds without one.
    `version` prints what runs containers. `runtime` is the program that the engine calls for each container, with
    options, and `provider` brings it. `needs` names parts of `bench/system.toml`.

    `{runtime}` is the name of that program, `{name}` the name of the container, and `{env_file}` a file of its
    variables. It writes the id of its first process to `{pid_file}`. Its control group is below `{cgroup}`, whose CPU
    time is measured, and it has the cores `{cpus}`.
    """

    name: str
    title: str
    provider: FromDebian | None = None
    runtime: Annotated[Argv, Meta(min_length=1)]
    argv: Annotated[Argv, Meta(min_length=1)]
    options: Argv = ()
    remove: Annotated[Argv, Meta(min_length=1)]
    version: Annotated[Argv, Meta(min_length=1)]
    needs: tuple[str, ...] = ()
    note: str | None = None

"""A stack in a container: its image, the command that starts it, its first process, and its end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psutil

from bench.build import artifacts, fronts, images, layers
from bench.catalog import pairing
from bench.errors import LabError, MissingError
from bench.host import network
from bench.host.cgroup import Group, group
from bench.host.pinning import cores
from bench.model import Catalog, FromDebian, Image, Place, Stack, pick
from bench.provision import debian, engine, system
from bench.provision.interpreters import debian_prefix
from bench.serve import daemon, start_command
from bench.serve.ports import LOOPBACK, free_port

TRY_SECONDS, REMOVE_SECONDS = 60.0, 20.0
EVERYWHERE, SCRATCH = "0.0.0.0", Path("/tmp")  # noqa: S104, S108 - within an image


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """The container of a stack at a place, with a free port of the machine. `folder` is for files of this run.

    A proxy has a container of its own, and shares the folder with that of the server.
    """

    place: Place
    stack: Stack
    image: str
    folder: Path
    host: str
    port: int
    has_front: bool = False

    @property
    def listens(self) -> str:
        """The address at which the server listens in the container."""
        return self.place.listen or self.host

    def command(
        self, argv: list[str], env: dict[str, str], group: Group, cpus: frozenset[int]
    ) -> tuple[list[str], dict[str, str]]:
        """Return the command that runs a command of the host in the stack's image, below `group`."""
        words, variables = images.inside((argv, env), self.stack.variant)
        self._env_file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        return [*self._start(self.name, group, cpus), self.image, *words], environment(self.place)

    def front(self, argv: list[str], group: Group, cpus: frozenset[int]) -> list[str]:
        """Return the command that runs the proxy in a container, below the same `group`."""
        os.chown(self.folder, layers.USER, layers.USER)  # it makes files there, and the server its socket
        return [*self._start(self.front_name, group, cpus), fronts.require(argv[0]), *argv]

    @property
    def name(self) -> str:
        """The name of the server's container."""
        return f"bench-{os.getpid()}-{self.folder.name}"

    @property
    def front_name(self) -> str:
        """The name of the proxy's container."""
        return f"{self.name}-proxy"

    @property
    def process(self) -> psutil.Process:
        """The first process in the server's running container."""
        return psutil.Process(int(self._told(self.place.process, self.name)))

    @property
    def front_process(self) -> psutil.Process:
        """The first process in the proxy's running container."""
        return psutil.Process(int(self._told(self.place.process, self.front_name)))

    @contextmanager
    def removed(self) -> Iterator[None]:
        """Remove at the end of the block what is left of the containers. Raises LabError if one cannot be removed."""
        try:
            yield
        finally:
            for name in (self.name, self.front_name) if self.has_front else (self.name,):
                self._told(self.place.remove, name)

    def _start(self, name: str, group: Group, cpus: frozenset[int]) -> list[str]:
        shared = self.place.shared if self.has_front else ()
        return self._engine((*self.place.argv, *self.place.options, *shared), name, group.path, cpus)

    def _told(self, words: tuple[str, ...], name: str) -> str:
        done = _ran(self._engine(words, name), environment(self.place), REMOVE_SECONDS)
        if done.returncode != 0:
            raise LabError(f"the container of {self.stack}: {system.error_message(done)}")
        return done.stdout.strip()

    @property
    def _env_file(self) -> Path:
        return self.folder / "env"

    def _engine(
        self, words: tuple[str, ...], name: str, group: str = "", cpus: frozenset[int] = frozenset()
    ) -> list[str]:
        """Return the engine's command with these words."""
        return engine.filled(
            (*self.place.engine, *words),
            name=name,
            cgroup=group,
            cpus=",".join(map(str, sorted(cpus))),
            env_file=self._env_file,
            folder=self.folder,
            host=self.host,
            port=self.port,
            runtime=self.place.runtime[0],
        )


def image(catalog: Catalog, stack: Stack, *, force: bool = False) -> Image:
    """Build the image of a stack; see `bench.build.images`."""
    argv, env, _ = start_command.parts(catalog, stack, images.PORT, EVERYWHERE, SCRATCH)
    return images.build(catalog, stack, (argv, env), force=force)


@contextmanager
def contained(catalog: Catalog, stack: Stack, folder: Path, host: str, port: int) -> Iterator[Container]:
    """Run what the container needs during the block. The machine's network is the same after it as before.

    Raises MissingError if the daemon of the place does not run on this machine.
    """
    place, tuning = pick(catalog.places, stack.place, "place"), pairing.tuning_of(catalog, stack)
    container = Container(
        place=place,
        stack=stack,
        image=images.require(images.imaged(catalog, stack)).name,
        folder=folder,
        host=host,
        port=port,
        has_front=tuning is not None and tuning.proxy is not None,
    )
    with (
        network.unchanged() if place.listen else nullcontext(),
        daemon.running(place, place.daemon, container.image) if place.daemon else nullcontext(),
    ):
        yield container


def try_out(catalog: Catalog, stack: Stack) -> None:
    """Run nothing but the interpreter in the image of `stack` at its place.

    Raises MissingError with the words of the place, if this machine cannot run it. Containers of labs that were killed
    are removed first.
    """
    place = pick(catalog.places, stack.place, "place")
    if place.provider:
        _unpack(place.provider)
    engine.remove_stale()
    with (
        TemporaryDirectory(prefix="bench-") as folder,
        group() as cgroup,
        contained(catalog, stack, Path(folder), LOOPBACK, free_port()) as container,
    ):
        if cgroup is None:
            raise MissingError("a container requires the right to create control groups")
        python = [str(artifacts.python(stack.variant)), "-c", ""]
        argv, env = container.command(python, {}, cgroup, cores().server)
        with container.removed():
            done = _ran(argv, env, TRY_SECONDS)
    if done.returncode != 0:
        raise MissingError(f"{place.title}: {system.error_message(done)}")


def version(place: Place) -> str:
    """Return the version of what runs a place's containers."""
    argv = engine.filled((*place.engine, *place.version), runtime=place.runtime[0])
    return _ran(argv, environment(place), TRY_SECONDS).stdout.strip()


def environment(place: Place) -> dict[str, str]:
    """Return the environment of the engine, which then knows the runtime of a place."""
    name, *options = place.runtime
    program = str(debian_prefix(place.provider) / place.provider.executable) if place.provider else name
    engine.runtime(name, [program, *options])
    return engine.environment()


def _unpack(provider: FromDebian) -> None:
    try:
        debian.unpack(provider, debian_prefix(provider))
    except LabError as error:
        raise MissingError(str(error)) from error


def _ran(argv: list[str], env: dict[str, str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=seconds)

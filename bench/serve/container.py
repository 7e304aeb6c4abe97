"""A stack in a container: the command that starts it, its first process, and its end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psutil

from bench.build import artifacts, images
from bench.errors import LabError, MissingError
from bench.host.cgroup import Group, group
from bench.host.pinning import cores
from bench.model import FromDebian, Place, Stack
from bench.provision import debian, engine, system
from bench.provision.interpreters import debian_prefix

TRY_SECONDS, REMOVE_SECONDS = 60.0, 20.0


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """The container of a stack at a place. `folder` is for files of this run."""

    place: Place
    stack: Stack
    folder: Path

    def command(
        self, argv: list[str], env: dict[str, str], group: Group, cpus: frozenset[int]
    ) -> tuple[list[str], dict[str, str]]:
        """Return the command that runs a command of the host in the stack's image, below `group`."""
        words, variables = images.inside((argv, env), self.stack.variant)
        self._env_file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        start = self._filled((*self.place.argv, *self.place.options), group.path, cpus)
        return [*start, images.require(self.stack.on_host).name, *words], environment(self.place)

    @property
    def process(self) -> psutil.Process:
        """The first process in the running container."""
        return psutil.Process(int(self._pid_file.read_text()))

    @contextmanager
    def removed(self) -> Iterator[None]:
        """Remove at the end of the block what is left of the container. Raises LabError if it cannot be removed."""
        try:
            yield
        finally:
            done = _ran(self._filled(self.place.remove), environment(self.place), REMOVE_SECONDS)
            if done.returncode != 0:
                raise LabError(f"the container of {self.stack} cannot be removed: {system.error_message(done)}")

    @property
    def _env_file(self) -> Path:
        return self.folder / "env"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    def _filled(self, words: tuple[str, ...], group: str = "", cpus: frozenset[int] = frozenset()) -> list[str]:
        places = {
            "name": f"bench-{os.getpid()}-{self.folder.name}",
            "cgroup": group,
            "cpus": ",".join(map(str, sorted(cpus))),
            "env_file": str(self._env_file),
            "pid_file": str(self._pid_file),
            "runtime": self.place.runtime[0],
        }
        return [word.format_map(places) for word in words]


def try_out(place: Place, stack: Stack) -> None:
    """Run nothing but the interpreter in the image of `stack` at a place.

    Raises MissingError with the words of the place, if this machine cannot run it. Containers of labs that were killed
    are removed first.
    """
    if place.provider:
        _unpack(place.provider)
    engine.remove_stale()
    with TemporaryDirectory(prefix="bench-") as folder, group() as cgroup:
        if cgroup is None:
            raise MissingError("a container requires the right to create control groups")
        container = Container(place=place, stack=stack, folder=Path(folder))
        python = [str(artifacts.python(stack.variant)), "-c", ""]
        argv, env = container.command(python, {}, cgroup, cores().server)
        with container.removed():
            done = _ran(argv, env, TRY_SECONDS)
    if done.returncode != 0:
        raise MissingError(f"{place.title}: {system.error_message(done)}")


def version(place: Place) -> str:
    """Return the version of what runs a place's containers."""
    argv = [word.format(runtime=place.runtime[0]) for word in place.version]
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

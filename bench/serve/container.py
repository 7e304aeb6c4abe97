"""A stack in a container: the command that starts it, its first process, and its end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from bench.build import images
from bench.errors import LabError
from bench.host.cgroup import Group
from bench.model import Place, Stack
from bench.provision import engine, system

REMOVE_SECONDS = 20.0


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """The container of a stack at a place. `folder` is for files of this run, and its name names the container."""

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
        return [*start, images.require(self.stack.on_host).name, *words], engine.environment()

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
            done = subprocess.run(
                self._filled(self.place.remove),
                env=engine.environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=REMOVE_SECONDS,
            )
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
            "name": self.folder.name,
            "cgroup": group,
            "cpus": ",".join(map(str, sorted(cpus))),
            "env_file": str(self._env_file),
            "pid_file": str(self._pid_file),
        }
        return [word.format_map(places) for word in words]

"""The options of `try` for a service → its manifest, and the command that measures it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bench.own import manifest
from bench.own.manifest import Manifest


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure: `project`, a folder with a lab.toml, or else `app`, MODULE:NAME in the folder `source`.

    `requests` and `ignore` replace and extend those of lab.toml. `rate`: requests/s at which latencies are measured.
    `against`: the folder of another version of the service. `workers`: worker processes of each server.
    """

    project: Path | None = None
    app: str = ""
    source: Path = Path()
    requirements: tuple[Path, ...] = ()
    requests: Path | None = None
    servers: tuple[str, ...] = ()
    interpreters: tuple[str, ...] = ()
    rate: float | None = None
    ignore: tuple[str, ...] = ()
    against: Path | None = None
    workers: int = 1

    @property
    def manifest(self) -> Manifest:
        """The manifest, with absolute paths. Raises LabError that names the file and what is wrong."""
        found = self._read(self.project or self.source)
        requests = self.requests or (None if self.project else Path("requests"))
        return replace(
            found,
            requests=str(requests.resolve()) if requests else found.requests,
            answers=replace(found.answers, ignore=(*found.answers.ignore, *self.ignore)),
        )

    @property
    def other_version(self) -> Manifest | None:
        """The manifest of the other version: its own lab.toml, or else that of this version, in the other folder."""
        if self.against is None:
            return None
        folder = self.against.resolve()
        found = manifest.read(folder) if (folder / manifest.NAME).is_file() else self._read(folder)
        return replace(found, name=f"{self.manifest.name}-{folder.name}")

    def _read(self, folder: Path) -> Manifest:
        if self.project:
            return manifest.read(self.project, folder)
        files = tuple(str(path.resolve()) for path in self.requirements)
        return manifest.placed(Manifest(app=self.app, requirements=files), folder)

    @property
    def words(self) -> str:
        """The arguments of `python -m bench` that ask for the same."""
        subject = [str(self.project)] if self.project else ["--app", self.app, "--source", str(self.source)]
        return shlex.join(["try", *subject, *self._options()])

    def _options(self) -> Iterator[str]:
        for path in self.requirements:
            yield from ("--requirements", str(path.resolve()))
        if self.requests:
            yield from ("--requests", str(self.requests.resolve()))
        lists = {"--servers": self.servers, "--interpreters": self.interpreters, "--ignore": self.ignore}
        for option, values in lists.items():
            if values:
                yield from (option, ",".join(values))
        if self.against:
            yield from ("--against", str(self.against.resolve()))
        if self.rate:
            yield from ("--rate", repr(self.rate))
        if self.workers > 1:
            yield from ("--workers", str(self.workers))

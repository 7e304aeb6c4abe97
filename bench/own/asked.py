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

    @property
    def manifest(self) -> Manifest:
        """The manifest, with absolute paths. Raises LabError that names the file and what is wrong."""
        if self.project:
            found = manifest.read(self.project)
        else:
            files = tuple(str(path.resolve()) for path in self.requirements)
            found = manifest.placed(Manifest(app=self.app, requirements=files), self.source)
        requests = self.requests or (None if self.project else Path("requests"))
        return replace(
            found,
            requests=str(requests.resolve()) if requests else found.requests,
            answers=replace(found.answers, ignore=(*found.answers.ignore, *self.ignore)),
        )

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
        if self.rate:
            yield from ("--rate", f"{self.rate:g}")

"""An interpreter and how to come by it; a core × codec × compiler × interpreter, and how it is built."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bench.model.application import Application
from bench.model.base import Argv, Declared, Implementation


class FromPath(Declared, frozen=True, tag="path", tag_field="kind"):
    """An executable already here: names looked up on PATH (all of PATH, in order) or given as absolute paths.

    `built` is what its distribution tells of the build (`pgo`, `lto`), where the executable keeps no record of it.
    """

    names: tuple[str, ...]
    built: dict[str, bool] = {}


class FromUv(Declared, frozen=True, tag="uv", tag_field="kind"):
    """What `uv python find REQUEST` knows, and with `install` what `uv python install REQUEST` brings."""

    request: str
    install: bool = False


class FromPyenv(Declared, frozen=True, tag="pyenv", tag_field="kind"):
    """A version that pyenv has installed, the newest that begins with `prefix`."""

    prefix: str


class FromDebian(Declared, frozen=True, tag="debian", tag_field="kind"):
    """Debian packages and the libraries they need, unpacked into a prefix of their own; `built` as in `FromPath`."""

    suites: tuple[str, ...]
    packages: tuple[str, ...]
    executable: str
    built: dict[str, bool] = {}


class FromNpm(Declared, frozen=True, tag="npm", tag_field="kind"):
    """A program that an npm package holds: `folder` has package.json and a lock with the hash of all it brings."""

    folder: str
    executable: str


Provider = FromPath | FromUv | FromPyenv | FromDebian


class WarmupPolicy(Declared, frozen=True):
    """What a fresh process does before it is steady; all of it is kept.

    `passes` over the documents by a core alone; `seconds` of a server under load before what counts, the load's own
    lead-in among them.
    """

    passes: Annotated[int, Meta(ge=0)] = 1
    seconds: Annotated[int, Meta(ge=0)] = 0


class Interpreter(Declared, frozen=True):
    """An executable that runs Python, how to come by it, and the environment it is started with.

    `provenance` lists facts that whatever it runs has to report of itself: whether the `jit` and the `gil` are on.
    """

    name: str
    title: str
    implementation: Implementation
    version: str
    providers: tuple[Provider, ...]
    env: dict[str, str] = {}
    provenance: dict[str, bool] = {}
    warmup: WarmupPolicy = WarmupPolicy()


class Codec(Declared, frozen=True):
    """Dotted names of the two functions that the reference core reads and writes JSON with."""

    loads: str
    dumps: str


class PathChoice(Declared, frozen=True):
    """How the `path` that a core's provenance tells is forced: by an environment variable.

    `counted` is what is asked for where instructions are counted; without it the core chooses there, too.
    """

    variable: str
    counted: str | None = None


REFERENCE = "app.core"  # the untouched source


class Variant(Declared, frozen=True, kw_only=True):
    """core × codec × compiler × interpreter: what is built, how, and the proof of what runs.

    `source` maps files and folders of the checkout to their place in the stage; `app` is always there. `steps` run in
    the stage and `after_install` in the prefix, with `{python}` and `{prefix}` replaced. `provenance` lists facts that
    the measured process has to report of itself. `needs` names the parts of `bench/system.toml` that a build takes. An
    `application` is served in place of the lab's own service.
    """

    name: str
    title: str
    interpreter: str
    core: str = REFERENCE
    compiler: str | None = None
    codec: Codec | None = None
    source: dict[str, str] = {}
    requirements: tuple[str, ...] = ()
    build_requirements: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    steps: tuple[Argv, ...] = ()
    remove: tuple[str, ...] = ()
    after_install: tuple[Argv, ...] = ()
    env: dict[str, str] = {}
    path: PathChoice | None = None
    provenance: dict[str, Any]
    warmup: WarmupPolicy | None = None
    application: Application | None = None

    @property
    def is_rewritten(self) -> bool:
        """Whether it is another source than the reference."""
        return self.core != REFERENCE

    @property
    def is_plain(self) -> bool:
        """Whether it is the untouched source, as it is, with the standard library's codec."""
        return not self.is_rewritten and self.compiler is None and self.codec is None


class Yardstick(Variant, frozen=True, kw_only=True):
    """What variants are held against in micro: it does a part of their work, so it has no answer that could be right.

    Nothing verifies, serves or contracts it.
    """

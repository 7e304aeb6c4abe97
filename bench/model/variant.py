"""Interpreters and their providers; variants (core × codec × compiler × interpreter) and how they are built."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bench.model.application import Application
from bench.model.base import Argv, Declared, Implementation


class FromPath(Declared, frozen=True, tag="path", tag_field="kind"):
    """An executable on this machine: names to look up on PATH, in order, or absolute paths.

    `built` holds build options (`pgo`, `lto`) that the distribution documents and the executable does not record.
    """

    names: tuple[str, ...]
    built: dict[str, bool] = {}


class FromUv(Declared, frozen=True, tag="uv", tag_field="kind"):
    """An interpreter that `uv python find REQUEST` finds; with `install`, `uv python install REQUEST` brings it."""

    request: str
    install: bool = False


class FromPyenv(Declared, frozen=True, tag="pyenv", tag_field="kind"):
    """The newest version installed by pyenv whose name begins with `prefix`."""

    prefix: str


class FromDebian(Declared, frozen=True, tag="debian", tag_field="kind"):
    """Debian packages and their libraries, unpacked into a prefix of their own; `built` as in `FromPath`."""

    suites: tuple[str, ...]
    packages: tuple[str, ...]
    executable: str
    built: dict[str, bool] = {}


class FromNpm(Declared, frozen=True, tag="npm", tag_field="kind"):
    """A program in an npm package; `folder` has its package.json and a lock with a hash for each package."""

    folder: str
    executable: str


Provider = FromPath | FromUv | FromPyenv | FromDebian


class WarmupPolicy(Declared, frozen=True):
    """The warm-up of a fresh process before its steady state. Its values are kept, too.

    `passes`: passes of a core alone over the documents. `seconds`: seconds of a server under load, the load's own
    lead-in included; `seconds_of` those of workloads that need more, as a JIT compiler counts calls, not seconds.
    """

    passes: Annotated[int, Meta(ge=0)] = 1
    seconds: Annotated[int, Meta(ge=0)] = 0
    seconds_of: dict[str, Annotated[int, Meta(ge=0)]] = {}


class Interpreter(Declared, frozen=True):
    """A Python interpreter: its providers in order, and the environment to start it with.

    `provenance` lists facts that every process on it must report: whether the `jit` and the `gil` are enabled.
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
    """Dotted names of the functions that the reference core decodes and encodes JSON with."""

    loads: str
    dumps: str


class PathChoice(Declared, frozen=True):
    """The environment variable that forces a core's code path, which its provenance reports as `path`.

    `counted` is the path for instruction counts; without it the core chooses there, too.
    """

    variable: str
    counted: str | None = None


REFERENCE = "app.core"  # the reference core


class Variant(Declared, frozen=True, kw_only=True):
    """core × codec × compiler × interpreter: what is built, how, and the facts that prove it runs.

    `source` maps files and folders of the checkout to places in the build's folder, which always has `app`. `steps`
    run in that folder and `after_install` in the prefix, with `{python}` and `{prefix}` replaced. `provenance` lists
    facts that the measured process must report. `needs` names the parts of `bench/system.toml` that the build needs.
    An `application` is served in place of the lab's own service.
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
        """Whether its source differs from the reference core."""
        return self.core != REFERENCE

    @property
    def is_plain(self) -> bool:
        """Whether it is the reference core with the standard library's codec, not compiled."""
        return not self.is_rewritten and self.compiler is None and self.codec is None


class Yardstick(Variant, frozen=True, kw_only=True):
    """A program that variants are compared with in micro-benchmarks. It does a part of their work and has no answer.

    It is not served. It is a validator if it has `departures`, which may be empty: the golden cases that it judges
    wrongly, such as `invalid/id-float`, each with the reason. They are verified; no other yardstick is.
    """

    departures: dict[str, str] | None = None

    @property
    def is_validator(self) -> bool:
        """Whether it judges documents."""
        return self.departures is not None

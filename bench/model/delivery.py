"""Deliveries: how a commit becomes a service that runs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bench.model.base import Argv, Declared


class Edit(Declared, frozen=True, kw_only=True):
    """A change of one line of a `file` of the repository: `old` becomes `new`, where `{number}` counts the changes."""

    file: str
    old: str
    new: str


class Delivery(Declared, frozen=True, kw_only=True):
    """A way from a commit to a service that runs.

    `subject` is the variant or peer that is delivered, and whose runtime runs it. `source` maps files and folders of
    the checkout to places in the repository. `change` is the line that each commit changes; the answer to a body that
    is not JSON shows it. `dependency`, if there is one, changes the version of a package.

    The steps `test`, `build` and `ship` run in the deployer's clone of the repository, in this order, and `start`
    serves a release. `prepare` runs once beforehand, in a copy of the repository, and may use the network; the others
    cannot. In all of them `{runtime}` is the program that runs the subject, `{tools}` the folder of the programs in
    `bench/locks/delivery.txt`, and `{packages}` a folder that `prepare` fills. Without `prepare` there are `{caches}`,
    the home of all steps, and `{release}`, a new folder for each release; to `start` there are `{host}` and `{port}`.

    `shipped` are glob patterns of what travels to the host; files that are there already do not. `told` is a regular
    expression that finds the number of tests in the output of `test`, as group `count`, and the seconds that they ran
    for, as group `seconds` or `ms`. `needs` names parts of `bench/system.toml`.
    """

    name: str
    title: str
    subject: str
    source: dict[str, str]
    change: Edit
    dependency: Edit | None = None
    needs: tuple[str, ...] = ()
    prepare: tuple[Argv, ...] = ()
    test: tuple[Argv, ...]
    build: tuple[Argv, ...] = ()
    ship: tuple[Argv, ...]
    start: Annotated[Argv, Meta(min_length=1)]
    env: dict[str, str] = {}
    shipped: Annotated[tuple[str, ...], Meta(min_length=1)]
    told: str
    note: str | None = None

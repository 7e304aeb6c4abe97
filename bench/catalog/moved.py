"""A study with a list of interpreters → the study with every variant on every interpreter."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from bench.model import Against, Catalog, Study, Target

Moved = TypeVar("Moved", Target, Against)


def at_home(study: Study, catalog: Catalog) -> Study:
    """The study with each variant on each interpreter. Its baseline and its targets are on the first."""
    if not study.interpreters:
        return study
    moved = [catalog.at(name, interpreter) for interpreter in study.interpreters for name in study.variants]
    first = study.interpreters[0]
    return replace(
        study,
        variants=tuple(dict.fromkeys(moved)),
        baseline=catalog.at(study.baseline, first),
        targets=tuple(_target_at(catalog, target, first) for target in study.targets),
    )


def _target_at(catalog: Catalog, target: Target, interpreter: str) -> Target:
    against = target.against and _moved(catalog, target.against, interpreter)
    return replace(_moved(catalog, target, interpreter), against=against)


def _moved(catalog: Catalog, subject: Moved, interpreter: str) -> Moved:
    """A target, or the side it is compared with, on that interpreter."""
    variant, slash, rest = (subject.stack or "").partition("/")
    return replace(
        subject,
        variant=subject.variant and catalog.at(subject.variant, interpreter),
        stack=f"{catalog.at(variant, interpreter)}/{rest}" if slash else subject.stack,
    )

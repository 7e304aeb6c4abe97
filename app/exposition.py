"""Prometheus' text format, version 0.0.4: families of samples."""

from collections.abc import Iterable
from typing import NamedTuple

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]

_escapes = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Sample(NamedTuple):
    """A value of a family; `suffix` is what a histogram appends to its name. Its labels need no escaping."""

    labels: Labels
    value: float
    suffix: str = ""


class Family(NamedTuple):
    """A metric: its name, its kind, what it tells, and its values."""

    name: str
    kind: str
    tells: str
    samples: list[Sample]


def counter(name: str, tells: str, value: float) -> Family:
    """A counter without labels."""
    return Family(name, "counter", tells, [Sample((), value)])


def gauge(name: str, tells: str, value: float) -> Family:
    """A gauge without labels."""
    return Family(name, "gauge", tells, [Sample((), value)])


def info(name: str, tells: str, labels: Labels) -> Family:
    """A gauge of 1 whose labels tell something. Their values may be any text."""
    escaped = tuple((label, text.translate(_escapes)) for label, text in labels)
    return Family(name, "gauge", tells, [Sample(escaped, 1)])


def histogram(labels: Labels, bounds: Iterable[str], counts: Iterable[int], total: float) -> list[Sample]:
    """The samples of a histogram. `counts` tells for each bound how many lie below it and above the one before."""
    found, below = [], 0
    for bound, count in zip([*bounds, "+Inf"], counts, strict=True):
        below += count
        found.append(Sample((*labels, ("le", bound)), below, "_bucket"))
    return [*found, Sample(labels, total, "_sum"), Sample(labels, below, "_count")]


def exposed(families: Iterable[Family]) -> bytes:
    """The families as text; one without samples is left out."""
    lines: list[str] = []
    for name, kind, tells, samples in families:
        if samples:
            lines += [f"# HELP {name} {tells}", f"# TYPE {name} {kind}"]
            lines += [f"{name}{suffix}{_labelled(labels)} {value}" for labels, value, suffix in samples]
    return "\n".join([*lines, ""]).encode()


def _labelled(labels: Labels) -> str:
    return "{" + ",".join([f'{name}="{value}"' for name, value in labels]) + "}" if labels else ""

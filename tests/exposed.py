"""What a service exposes to Prometheus, read."""

import re
from collections import Counter
from typing import NamedTuple

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
SERIES = re.compile('route="(.*)",method="(.*)",status="(.*)"')


class Series(NamedTuple):
    """What statistics tell apart."""

    route: str
    method: str
    status: str


def value(exposed: str, name: str) -> float:
    """The value of a metric that has no labels."""
    (found,) = [float(number) for metric, _, number in SAMPLE.findall(exposed) if metric == name]
    return found


def requests(exposed: str) -> Counter[Series]:
    """How many requests of each series were answered."""
    samples = [(labels, number) for name, labels, number in SAMPLE.findall(exposed) if name == "http_requests_total"]
    return Counter({Series(*SERIES.fullmatch(labels).groups()): int(number) for labels, number in samples})


def body_bytes(exposed: str, series: Series) -> tuple[int, int]:
    """The bytes of the bodies of a series: read, and sent."""
    labels = 'route="{}",method="{}",status="{}"'.format(*series)
    found = {name: number for name, given, number in SAMPLE.findall(exposed) if given == labels}
    return int(found["http_request_body_bytes_total"]), int(found["http_response_body_bytes_total"])


def labels_of(exposed: str, name: str) -> dict[str, str]:
    """The labels of a metric that has one sample, and whose labels have no quotes."""
    (labels,) = [given for metric, given, _ in SAMPLE.findall(exposed) if metric == name]
    return dict(re.findall('(\\w+)="([^"]*)"', labels))

"""Tools that tests run beside the lab."""

from pathlib import Path

from bench.monitoring import prometheus
from bench.provision.tools import python

__all__ = ["promtool", "python"]


def promtool() -> Path:
    """Prometheus' linter, from Debian. Raises MissingError if it cannot be had."""
    return prometheus.provision() / "promtool"

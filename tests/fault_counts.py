"""The table of what was lost and doubled, which `make faults` prints at the end."""

from collections.abc import Iterable
from typing import Any

import pytest

PROPERTY = "fault"  # its value: the server, the fault, and how much was acknowledged, lost and doubled


def table(reports: Iterable[Any]) -> list[str]:
    """The lines of a Markdown table of the reported counts; none without counts."""
    cells: dict[str, dict[str, str]] = {}
    for report in reports:
        for name, value in getattr(report, "user_properties", []):
            if name == PROPERTY and report.when == "call":
                server, fault, acknowledged, lost, doubled = value
                cells.setdefault(server, {})[fault] = f"{lost} / {doubled} of {acknowledged:,}"
    faults = sorted({fault for row in cells.values() for fault in row})
    rows = [
        f"| {server} | {' | '.join(row.get(fault, '') for fault in faults)} |" for server, row in sorted(cells.items())
    ]
    head = [f"| lost / doubled of acknowledged | {' | '.join(faults)} |", f"|---|{'--:|' * len(faults)}"]
    return [*head, *rows] if rows else []


def show(reporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    for line in table(report for reports in reporter.stats.values() for report in reports):
        reporter.write_line(line)

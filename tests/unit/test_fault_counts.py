"""The table of lost and doubled that a run with faults prints."""

from types import SimpleNamespace

from tests.fault_counts import PROPERTY, table


def report(*counts: object, when: str = "call") -> SimpleNamespace:
    return SimpleNamespace(when=when, user_properties=[(PROPERTY, counts)])


def test_a_row_for_each_server_and_a_column_for_each_fault() -> None:
    reports = [
        report("waitress", "broker", 1234, 0, 0),
        report("waitress", "broker", 1234, 0, 0, when="teardown"),
        report("bjoern", "network", 56, 1, 2),
        SimpleNamespace(when="call", user_properties=[("other", 1)]),
        SimpleNamespace(),
    ]
    assert table(reports) == [
        "| lost / doubled of acknowledged | broker | network |",
        "|---|--:|--:|",
        "| bjoern |  | 1 / 2 of 56 |",
        "| waitress | 0 / 0 of 1,234 |  |",
    ]


def test_nothing_without_counts() -> None:
    assert table([SimpleNamespace(when="call", user_properties=[])]) == []

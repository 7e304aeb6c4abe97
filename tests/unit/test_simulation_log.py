"""The binary log: captured logs agree with Gatling, made-up logs are read back, and damage is located."""

import struct
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import LabError
from bench.measure.instruments import simulation_log
from bench.measure.instruments.simulation_log import ERROR, GROUP, REQUEST, RUN, USER

CAPTURED = Path(__file__).parent.parent / "data" / "gatling"
REFUSED = "j.n.ConnectException: finishConnect(..) failed with error(-111): Connection refused"

Request = tuple[list[str], str, int, int, bool, str]


def test_a_captured_closed_load() -> None:
    log = simulation_log.read(CAPTURED / "closed" / "simulation.log")
    assert (log.version, log.simulation, log.scenarios) == ("3.15.1", "lab.ClosedSimulation", ("closed",))
    assert log.start_epoch_ms == 1795526200990
    assert {name: len(found) for name, found in log.requests.items()} == {"lead-in": 997, "measured": 611}
    assert log.requests["measured"].failures == {
        "status.find.is(200), found 500": 16,
        "bodyBytes.find.is the answer, j.l.IllegalArgumentException: wrong answer": 12,
    }
    assert log.requests["measured"].milliseconds.max() == 303
    assert log.errors == {}


def test_a_captured_description_beyond_latin_1() -> None:
    log = simulation_log.read(CAPTURED / "open" / "simulation.log")
    assert log.description == "Öffentliche Last: 负荷"
    assert log.scenarios == ("lead-in", "measured")


def test_a_captured_load_without_answers() -> None:
    log = simulation_log.read(CAPTURED / "refused" / "simulation.log")
    measured = log.requests["measured"]
    assert not measured.ok.any()
    assert measured.failures == {REFUSED: 94}


class Writer:
    """Writes Gatling's layout."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.indices: dict[str, int] = {}

    def string(self, text: str) -> bytes:
        if not text:
            return struct.pack(">i", 0)
        coder = int(any(ord(character) > 0xFF for character in text))
        raw = text.encode("utf-16-le" if coder else "latin-1")
        return struct.pack(">i", len(raw)) + raw + bytes([coder])

    def cached(self, text: str) -> bytes:
        if text in self.indices:
            return struct.pack(">i", -self.indices[text])
        self.indices[text] = len(self.indices) + 1
        return struct.pack(">i", self.indices[text]) + self.string(text)

    def cached_list(self, texts: list[str]) -> bytes:
        return struct.pack(">i", len(texts)) + b"".join(self.cached(text) for text in texts)

    def run(self, description: str, scenarios: list[str], assertions: list[bytes]) -> None:
        self.out += (
            bytes([RUN]) + self.string("3.15.1") + self.string("lab.Made") + struct.pack(">q", 1_795_526_000_000)
        )
        self.out += self.string(description) + struct.pack(">i", len(scenarios))
        self.out += b"".join(map(self.string, scenarios)) + struct.pack(">i", len(assertions))
        self.out += b"".join(struct.pack(">i", len(blob)) + blob for blob in assertions)

    def request(self, made: Request) -> None:
        groups, name, start, end, ok, message = made
        self.out += bytes([REQUEST]) + self.cached_list(groups) + self.cached(name)
        self.out += struct.pack(">ii?", start, end, ok) + self.cached(message)

    def user(self, scenario: int, starts: bool, time: int) -> None:
        self.out += bytes([USER]) + struct.pack(">i?i", scenario, starts, time)

    def group(self, names: list[str], start: int, end: int) -> None:
        self.out += bytes([GROUP]) + self.cached_list(names) + struct.pack(">iii?", start, end, end - start, True)

    def error(self, message: str, time: int) -> None:
        self.out += bytes([ERROR]) + self.cached(message) + struct.pack(">i", time)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.sampled_from(["lead-in", "measured", "größer", "负荷", ""])
TIMES = st.integers(0, 2**30 - 1)  # the sum of two fits the record
REQUESTS = st.builds(
    lambda groups, name, start, took, ok, message: (groups, name, start, start + took, ok, message),
    st.lists(NAMES, max_size=2), NAMES, TIMES, TIMES, st.booleans(), TEXTS,
)  # fmt: skip
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("request"), st.tuples(REQUESTS)),
        st.tuples(st.just("user"), st.tuples(st.integers(0, 3), st.booleans(), TIMES)),
        st.tuples(st.just("group"), st.tuples(st.lists(NAMES, max_size=2), TIMES, TIMES)),
        st.tuples(st.just("error"), st.tuples(TEXTS, TIMES)),
    )
)


@settings(max_examples=200)
@given(TEXTS, st.lists(TEXTS, max_size=3), st.lists(st.binary(max_size=9), max_size=2), EVENTS)
def test_a_written_log_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    description: str,
    scenarios: list[str],
    assertions: list[bytes],
    events: list[tuple[str, tuple[Any, ...]]],
) -> None:
    writer = Writer()
    writer.run(description, scenarios, assertions)
    for kind, fields in events:
        getattr(writer, kind)(*fields)
    path = tmp_path_factory.mktemp("log") / "simulation.log"
    path.write_bytes(writer.out)
    log = simulation_log.read(path)
    assert (log.description, log.scenarios) == (description, tuple(scenarios))
    requests: list[Request] = [made for kind, (made, *_) in events if kind == "request"]
    assert log.requests.keys() == {name for _, name, *_ in requests}
    for name, found in log.requests.items():
        rows = [(start, end, ok) for _, called, start, end, ok, _ in requests if called == name]
        assert list(zip(found.start, found.end, found.ok, strict=True)) == rows
        assert found.failures == Counter(m for _, called, _, _, ok, m in requests if called == name and not ok)
    assert log.errors == Counter(fields[0] for kind, fields in events if kind == "error")


@given(EVENTS, st.data())
def test_a_log_is_complete_only_if_it_ends_between_records(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, tuple[Any, ...]]], data: st.DataObject
) -> None:
    writer = Writer()
    writer.run("", ["closed"], [b"blob"])
    ends = [0, len(writer.out)]
    for kind, fields in events:
        getattr(writer, kind)(*fields)
        ends.append(len(writer.out))
    cut = data.draw(st.integers(0, len(writer.out)))
    path = tmp_path_factory.mktemp("log") / "simulation.log"
    path.write_bytes(writer.out[:cut])
    if cut in ends[1:]:
        simulation_log.read(path)
        return
    with pytest.raises(LabError, match=f"truncated in the record at byte {max(end for end in ends if end <= cut)}$"):
        simulation_log.read(path)


def test_a_foreign_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "simulation.log"
    path.write_text("RUN\tlab.ClosedSimulation\tsimulation\t1795526200990\t \t3.12.0\n")
    with pytest.raises(LabError, match=r"not a binary log of Gatling 3\.13 or later in the record at byte 0$"):
        simulation_log.read(path)


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (b"\x07", "unknown kind 7"),
        (b"\x04" + struct.pack(">ii", -5, 0), "undefined string 5"),
        (b"\x04" + struct.pack(">ii", 1, -2), "negative count -2"),
        (b"\x04" + struct.pack(">ii", 1, 1) + b"x\x02", "unknown string coder 2"),
        (
            b"\x01" + struct.pack(">iii", 0, 1, 1) + b"x\x00" + struct.pack(">ii?i", 9, 8, True, -1),
            "ends before it starts",
        ),
    ],
)
def test_damage_is_reported_with_its_offset(tmp_path: Path, record: bytes, error: str) -> None:
    writer = Writer()
    writer.run("", [], [])
    path = tmp_path / "simulation.log"
    path.write_bytes(bytes(writer.out) + record)
    with pytest.raises(LabError, match=f"{error} in the record at byte {len(writer.out)}$"):
        simulation_log.read(path)

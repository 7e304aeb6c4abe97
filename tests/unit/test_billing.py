"""Billing's own parts: the circuit with a fake clock, the bulkhead, the trace, the settings."""

import re
from contextlib import suppress
from threading import Event, Thread

import msgspec
import pytest

from app import layers
from app.http import REQUEST_ID, Problem
from bench.paths import ROOT
from billing.bulkhead import Bulkhead
from billing.caller import Caller
from billing.circuit import Circuit, Failed
from billing.settings import MEBIBYTE, Settings, configured
from tests.downstream import KINDS, REFUSED
from tests.unit.interfaces import answering, ask

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FAILED = Failed("502 Bad Gateway", "wrong")
INVALID = Problem("422 Unprocessable Content", "a rule is broken")
SECONDS = 10.0
PAGE = (ROOT / "docs/two-services.md").read_text(encoding="utf-8")


class Called:
    """A circuit that opens after three failures, and its clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.circuit = Circuit(3, SECONDS, lambda: self.now)

    def call(self, *outcomes: Exception | None) -> list[bool]:
        """Call once for each outcome; whether each call passed."""
        return [self._passes(outcome) for outcome in outcomes]

    def _passes(self, outcome: Exception | None) -> bool:
        has_passed = False
        with suppress(Problem, RuntimeError), self.circuit.passing():
            has_passed = True
            if outcome is not None:
                raise outcome
        return has_passed


@pytest.fixture
def called() -> Called:
    return Called()


def test_failures_in_a_row_open_the_circuit(called: Called) -> None:
    assert called.call(FAILED, FAILED, FAILED, None) == [True, True, True, False]


def test_an_answer_between_failures_keeps_it_closed_and_a_refusal_is_an_answer(called: Called) -> None:
    assert all(called.call(FAILED, FAILED, None, FAILED, FAILED, INVALID, FAILED, FAILED, None))


def test_an_error_of_billing_itself_is_neither(called: Called) -> None:
    bug = RuntimeError()
    assert called.call(FAILED, FAILED, bug, FAILED, None) == [True, True, True, True, False]


def test_after_its_time_a_success_closes_it(called: Called) -> None:
    called.call(FAILED, FAILED, FAILED)
    called.now = SECONDS
    assert called.call(None, FAILED, FAILED, None) == [True, True, True, True]


def test_after_its_time_a_failure_opens_it_for_as_long_again(called: Called) -> None:
    called.call(FAILED, FAILED, FAILED)
    called.now = SECONDS
    assert called.call(FAILED, None) == [True, False]
    called.now = 2 * SECONDS
    assert called.call(None, None) == [True, True]


def test_only_one_call_probes(called: Called) -> None:
    called.call(FAILED, FAILED, FAILED)
    called.now = SECONDS
    with called.circuit.passing():
        assert called.call(None) == [False]
    assert called.call(None, None) == [True, True]


def test_a_probe_without_an_outcome_makes_way_for_the_next_one(called: Called) -> None:
    called.call(FAILED, FAILED, FAILED)
    called.now = SECONDS
    assert called.call(RuntimeError(), None, None) == [True, True, True]


def test_a_call_from_before_does_not_close_an_open_circuit(called: Called) -> None:
    with called.circuit.passing():
        called.call(FAILED, FAILED, FAILED)
    assert called.call(None) == [False]


def test_an_open_circuit_tells_how_long(called: Called) -> None:
    called.call(FAILED, FAILED, FAILED)
    called.now = 0.5
    with pytest.raises(Problem) as refused, called.circuit.passing():
        pass
    assert refused.value.headers == (("Retry-After", "10"),)


def test_a_call_does_not_wait_for_another_one(called: Called) -> None:
    """As a breaker whose lock is held during a call would have it."""
    passed = Event()

    def call() -> None:
        called.call(None)
        passed.set()

    with called.circuit.passing():
        Thread(target=call, daemon=True).start()
        assert passed.wait(10)


def test_a_full_bulkhead_refuses_and_a_call_that_ends_makes_room() -> None:
    bulkhead = Bulkhead(1)
    with bulkhead.entered(), pytest.raises(Problem, match="too many"), bulkhead.entered():
        pass
    with pytest.raises(RuntimeError), bulkhead.entered():
        raise RuntimeError
    with bulkhead.entered():
        pass


def passed(headers: dict[str, str]) -> dict[str, str]:
    """What billing passes on of a request."""
    seen: list[dict[str, str]] = []

    def act() -> bytes:
        seen.append(Caller.of({"Authorization": "Bearer one"}.get).headers())
        return b""

    ask("wsgi", layers.around(answering("wsgi", act), "wsgi", ["trace"]), "POST", "/bills", b"", **headers)
    return seen[0]


def test_a_trace_goes_on_with_billings_own_span() -> None:
    found = passed({"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1"})
    version, trace, span, flags = found.pop("traceparent").split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert len(span) == len(SPAN)
    assert span != SPAN
    assert found == {"tracestate": "a=1", "Authorization": "Bearer one"}


def test_without_a_trace_one_begins() -> None:
    assert passed({}).keys() == {"traceparent", "Authorization"}


def test_what_a_request_lacks_is_not_passed_on() -> None:
    assert REQUEST_ID.get() is None
    given: dict[str, str] = {}
    assert Caller.of(given.get).headers() == {}


def test_an_authorization_with_other_characters_is_refused() -> None:
    with pytest.raises(Problem, match="Authorization"):
        Caller.of({"Authorization": "Bearer \xe9"}.get)


def test_settings_come_from_the_environment() -> None:
    env = {"BILLING_STATEMENTS": "http://host:8000", "BILLING_CALLS": "3", "BILLING_READ_SECONDS": "0.5", "HOME": "/"}
    assert configured(env) == Settings(statements="http://host:8000", calls=3, read_seconds=0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STATEMENTS", "host:8000"),
        ("STATEMENTS", "http://host/path"),
        ("STATEMENTS", "http://user:word@host"),
        ("CALLS", "0"),
        ("CALLS", "many"),
        ("DEADLINE_SECONDS", "0"),
        ("DEADLINE_SECONDS", "inf"),
        ("DEADLINE_SECONDS", "nan"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    env = {"BILLING_STATEMENTS": "http://host", f"BILLING_{name}": value}
    with pytest.raises(msgspec.ValidationError, match=f"BILLING_{name}"):
        configured(env)


def test_a_missing_address_is_named() -> None:
    with pytest.raises(msgspec.ValidationError, match="BILLING_STATEMENTS"):
        configured({})


def test_the_page_tells_the_settings_and_their_defaults() -> None:
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", PAGE, re.MULTILINE))
    fields = {field.encode_name.removeprefix("BILLING_"): field.default for field in msgspec.structs.fields(Settings)}
    assert told.keys() == fields.keys()
    assert told.pop("STATEMENTS") == "required"
    for name, text in told.items():
        number, _, unit = text.partition(" ")
        assert float(number) * (MEBIBYTE if unit else 1) == fields[name], name


def test_the_page_tells_what_each_kind_of_fault_gets() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (\d{3}) \| (\d) \|", PAGE, re.MULTILINE)
    assert rows == [(kind.title, str(kind.status), str(kind.requests)) for kind in (*KINDS, REFUSED)]

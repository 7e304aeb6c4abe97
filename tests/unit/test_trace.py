"""The layer `trace`: a caller's trace goes on, another one begins, and what the service sends has the trace."""

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import context, layers, trace
from app.jetstream import ID
from app.nats import Request
from app.tracing import RANDOM, SAMPLED, STATE_CHARACTERS, TRACE, Trace, begun, passed_on, taken
from app.work import Work
from tests.unit.interfaces import INTERFACES, answering, ask

ID_OF_TRACE, CALLER = "12345678901234567890123456789012", "1234567890123456"
PARENT = f"00-{ID_OF_TRACE}-{CALLER}-01"
PASSED_ON = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-(0[0-3])")
SHARES = {"parentbased_always_on": 1.0, "parentbased_always_off": 0.0, "parentbased_traceidratio": 1.0}


def found(interface: str, traces: trace.Traces | None = None, **headers: str) -> Trace:
    """The trace of a request, within which the application works."""
    seen: list[Trace | None] = []

    def act() -> bytes:
        seen.append(TRACE.get())
        return b""

    traced = getattr(trace, interface)(answering(interface, act), traces)
    ask(interface, getattr(context, interface)(traced), "GET", "/", b"", **headers)
    (one,) = seen
    assert one is not None
    assert PASSED_ON.fullmatch(one.headers()["traceparent"])
    return one


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_callers_trace_goes_on_with_a_span_of_its_own(interface: str) -> None:
    one, other = (found(interface, traceparent=PARENT, tracestate="a=1, b@c=2") for _ in range(2))
    assert (one.id, one.caller, one.flags, one.state) == (ID_OF_TRACE, CALLER, SAMPLED, "a=1, b@c=2")
    assert len({CALLER, one.span, other.span}) == 3
    expected = {"traceparent": f"00-{ID_OF_TRACE}-{one.span}-01", "tracestate": "a=1, b@c=2"}
    assert one.headers() == expected


@pytest.mark.parametrize("interface", INTERFACES)
def test_without_a_callers_trace_one_begins(interface: str) -> None:
    one, other = (found(interface, tracestate="a=1") for _ in range(2))
    assert (one.caller, one.flags, one.state) == ("", RANDOM | SAMPLED, "")
    assert len({one.id, other.id}) == len({one.span, other.span}) == 2


# Those of W3C's own tests, https://github.com/w3c/trace-context/blob/main/test/test.py, and some more.
@pytest.mark.parametrize(
    "parent",
    [
        PARENT,
        f" \t{PARENT} ",
        f"cc-{ID_OF_TRACE}-{CALLER}-01",
        f"cc-{ID_OF_TRACE}-{CALLER}-01-",
        f"cc-{ID_OF_TRACE}-{CALLER}-01-what-the-future-will-be-like",
        f"00-{ID_OF_TRACE}-{CALLER}-ff",
    ],
)
def test_a_valid_parent_is_taken(parent: str) -> None:
    one = taken(parent, "")
    assert one is not None
    assert (one.id, one.caller, one.is_sampled) == (ID_OF_TRACE, CALLER, True)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        f"{PARENT}.",
        f"{PARENT}-what-the-future-will-be-like",
        f"{PARENT}-",
        f"{PARENT}\n",
        f"{PARENT},{PARENT}",
        f"cc-{ID_OF_TRACE}-{CALLER}-01.what-the-future-will-be-like",
        f"cc-{ID_OF_TRACE}-{CALLER}-01-more,{PARENT}",
        f"ff-{ID_OF_TRACE}-{CALLER}-01",
        f".0-{ID_OF_TRACE}-{CALLER}-01",
        f"000-{ID_OF_TRACE}-{CALLER}-01",
        f"0-{ID_OF_TRACE}-{CALLER}-01",
        f"00-{'0' * 32}-{CALLER}-01",
        f"00-.2345678901234567890123456789012-{CALLER}-01",
        f"00-{ID_OF_TRACE}3-{CALLER}-01",
        f"00-{ID_OF_TRACE[1:]}-{CALLER}-01",
        f"00-{'ABCDEF' * 5}12-{CALLER}-01",
        f"00-{ID_OF_TRACE}-{'0' * 16}-01",
        f"00-{ID_OF_TRACE}-.234567890123456-01",
        f"00-{ID_OF_TRACE}-{CALLER}7-01",
        f"00-{ID_OF_TRACE}-{CALLER[1:]}-01",
        f"00-{ID_OF_TRACE}-{CALLER}-.1",
        f"00-{ID_OF_TRACE}-{CALLER}-001",
        f"00-{ID_OF_TRACE}-{CALLER}-1",
    ],
)
def test_a_wrong_parent_is_left_out_and_its_state_too(parent: str) -> None:
    assert taken(parent, "a=1") is None
    one = trace.Traces().of(parent, "a=1")
    assert one.id != ID_OF_TRACE
    assert one.state == ""


@pytest.mark.parametrize(
    "state",
    [
        "",
        "foo=1",
        "foo=1,bar=2",
        "foo=1 \t , \t bar=2, \t baz=3",
        "foo=1,",
        "foo=1,,bar=2",
        "foo=1,foo=2",
        "fw529a3039@dt=FfFfFfF",
        "0a=1",
        "abcdefghijklmnopqrstuvwxyz0123456789_-*/@=!\"#$%&'()*+-./0:;<>?@AZ[\\]^_`az{|}~ ~",
        ",".join(f"k{number}=v" for number in range(32)),
        "k" * 256 + "=1",
        "k=" + "v" * 256,
        f"k={'v' * 256},l={'w' * (STATE_CHARACTERS - 261)}",
    ],
)
def test_a_valid_state_is_passed_on_as_it_is(state: str) -> None:
    one = taken(PARENT, state)
    assert one is not None
    assert one.headers().get("tracestate", "") == state


@pytest.mark.parametrize(
    "state",
    [
        "foo",
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "@foo=1",
        "foo=",
        "=1",
        "foo=bar=baz",
        "foo=1\r\nX-Evil: 1",
        "foo=\x7f",
        "foo=é",
        "k" * 257 + "=1",
        "k=" + "v" * 257,
        ",".join(f"k{number}=v" for number in range(33)),
        f"k={'v' * 256},l={'w' * (STATE_CHARACTERS - 260)}",
    ],
)
def test_a_wrong_state_is_left_out_and_the_trace_goes_on(state: str) -> None:
    one = taken(PARENT, state)
    assert one is not None
    assert (one.id, one.state) == (ID_OF_TRACE, "")


@given(st.text() | st.from_regex("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?", fullmatch=True), st.text())
def test_what_is_passed_on_is_valid_whatever_a_client_sends(parent: str, state: str) -> None:
    headers = trace.Traces().of(parent, state).headers()
    assert PASSED_ON.fullmatch(headers["traceparent"])
    assert re.fullmatch(f"[ -~\t]{{0,{STATE_CHARACTERS}}}", headers.get("tracestate", ""))


def test_the_flags_of_a_later_version_are_not_passed_on() -> None:
    one = taken(f"cc-{ID_OF_TRACE}-{CALLER}-fd-more", "")
    assert one is not None
    assert one.headers()["traceparent"].endswith("-01")


def test_a_share_of_those_that_begin_is_sampled_as_opentelemetry_samples() -> None:
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # noqa: PLC0415 - as slow as rare

    bound = round(0.25 * trace.BOUND)
    assert bound == TraceIdRatioBased(0.25).bound
    counted = Counter(begun(bound).is_sampled for _ in range(4000))
    assert 800 < counted[True] < 1200


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_callers_decision_stays(flags: str) -> None:
    for share in (0.0, 1.0):
        assert found("wsgi", trace.Traces(share), traceparent=PARENT[:-2] + flags).is_sampled is (flags == "01")
        assert found("wsgi", trace.Traces(share)).is_sampled is (share == 1.0)


@pytest.mark.parametrize(("sampler", "share"), SHARES.items())
def test_the_sampler_is_that_of_the_environment(sampler: str, share: float) -> None:
    assert trace.configured({"OTEL_TRACES_SAMPLER": sampler}).bound == share * trace.BOUND


def test_the_share_is_that_of_the_environment() -> None:
    env = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}
    assert trace.configured(env).bound == 2**63
    assert trace.configured({}).bound == 2**64
    assert trace.configured({"OTEL_TRACES_SAMPLER": "", "OTEL_TRACES_SAMPLER_ARG": "x"}).bound == 2**64


@pytest.mark.parametrize("share", ["-0.1", "1.1", "nan", "x"])
def test_a_wrong_share_is_an_error(share: str) -> None:
    env = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": share}
    with pytest.raises(ValueError, match=f"^OTEL_TRACES_SAMPLER_ARG: '{share}' is no share from 0 to 1$"):
        trace.configured(env)


def test_a_sampler_that_ignores_the_caller_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^OTEL_TRACES_SAMPLER: 'always_on' is none of parentbased_always_on, "):
        trace.configured({"OTEL_TRACES_SAMPLER": "always_on"})


@pytest.mark.parametrize("telling", ["log", "otel", "events"])
def test_a_layer_that_tells_the_trace_stands_within(telling: str) -> None:
    with pytest.raises(ValueError, match=f"^STATEMENTS_LAYERS: put trace before {telling}: it tells the trace$"):
        trace.configured({"STATEMENTS_LAYERS": f"request_id {telling} trace"})
    trace.configured({"STATEMENTS_LAYERS": f"request_id trace {telling}"})


@pytest.mark.parametrize("interface", INTERFACES)
def test_the_trace_ends_with_its_request(interface: str) -> None:
    ask(interface, layers.around(answering(interface, lambda: b""), interface, ["trace"]), "GET", "/")
    assert TRACE.get() is None
    assert passed_on() == {}


def sent(dialogue_of: Any, **headers: str) -> dict[str, str]:
    """The headers of the message that a request has the broker store."""
    seen: list[Request] = []

    def act() -> bytes:
        work = Work()
        work.is_prepared = True
        seen.append(next(dialogue_of(work)))
        return b""

    application = context.wsgi(trace.wsgi(answering("wsgi", act))) if headers else answering("wsgi", act)
    ask("wsgi", application, "POST", "/", b"", **headers)
    return dict(seen[0].headers or {})


@pytest.mark.parametrize(
    "dialogue_of",
    [lambda work: work.announce("one", None), lambda work: work.submit(b"{}", None)],
    ids=["event", "work"],
)
def test_a_message_has_the_trace_of_its_request(dialogue_of: Any) -> None:
    headers = sent(dialogue_of, traceparent=PARENT, tracestate="a=1")
    version, id_, span, flags = headers["traceparent"].split("-")
    assert (version, id_, flags, headers["tracestate"]) == ("00", ID_OF_TRACE, "01", "a=1")
    assert span != CALLER
    assert sent(dialogue_of).keys() == {ID}

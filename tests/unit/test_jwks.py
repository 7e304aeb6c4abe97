"""Keys of an issuer: the last good ones stay, and fetches are few, whatever is asked for; with a clock of its own."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from app import jwks
from app.jwks import Key, Keys, NoKeys, Pending, UnknownKey


class Source:
    """An issuer's answers: `kids` by name, or an error; it counts fetches and their most at a time."""

    def __init__(self, *kids: str) -> None:
        self.kids: tuple[str, ...] = kids
        self.error: Exception | None = None
        self.fetches = self.at_once = self.most_at_once = 0
        self.now = 1000.0
        self.gate = threading.Event()
        self.gate.set()

    def fetch(self) -> bytes:
        self.fetches += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        self.gate.wait(10)
        self.at_once -= 1
        if self.error:
            raise self.error
        return " ".join(self.kids).encode()

    def keys(self) -> Keys:
        return Keys(self.fetch, parsed, limit_seconds=10, clock=lambda: self.now)


def parsed(document: bytes) -> dict[str, Key]:
    return {kid: Key({"kid": kid, "of": kid[:1]}, frozenset(), object()) for kid in document.decode().split()}


def found(keys: Keys, kid: str) -> Key:
    """A key, after a fetch if one is due."""
    try:
        return keys.find(kid)
    except Pending as pending:
        pending.wait()
        return keys.find(kid, may_wait=False)


def settled(keys: Keys) -> None:
    """Wait for the fetch under way."""
    future = keys.under_way
    if future is not None:
        future.result(10)


def test_the_first_key_asked_for_is_fetched_and_the_next_is_known() -> None:
    source = Source("a", "b")
    keys = source.keys()
    assert source.fetches == 0  # none at the start: the issuer may be down then
    assert found(keys, "a") is not found(keys, "b")
    assert source.fetches == 1


def test_a_new_key_is_found_once_the_cooldown_is_over() -> None:
    source = Source("a")
    keys = source.keys()
    found(keys, "a")
    source.kids = ("a", "b")
    with pytest.raises(UnknownKey):
        found(keys, "b")
    source.now += jwks.COOLDOWN_SECONDS
    assert found(keys, "b")
    assert source.fetches == 2


def test_a_flood_of_unknown_keys_makes_one_fetch_a_cooldown() -> None:
    source = Source("a")
    keys = source.keys()
    found(keys, "a")
    for second in range(600):
        source.now = 1000 + second / 10
        with pytest.raises(UnknownKey):
            found(keys, f"flood-{second}")
    assert source.fetches == 2  # at the start, and once in the 60 s


def test_many_threads_at_once_share_one_fetch() -> None:
    source = Source("a")
    source.gate.clear()
    keys = source.keys()
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(found, keys, "a") for _ in range(16)]
        while not source.fetches:
            pass
        source.gate.set()
        assert len({id(each.result(10)) for each in asked}) == 1
    assert (source.fetches, source.most_at_once) == (1, 1)


def test_a_removed_key_is_gone_after_the_next_fetch() -> None:
    source = Source("a", "b")
    keys = source.keys()
    found(keys, "a")
    source.kids = ("b",)
    source.now += jwks.MAX_AGE_SECONDS
    assert keys.find("a")  # this request starts the fetch, and does not wait for it
    settled(keys)
    with pytest.raises(UnknownKey):
        found(keys, "a")
    assert found(keys, "b")


def test_an_unchanged_key_stays_the_same_object_and_a_changed_one_does_not() -> None:
    source = Source("a", "b")
    keys = source.keys()
    before = found(keys, "a"), found(keys, "b")
    keys.parse = lambda document: parsed(document) | {"b": Key({"kid": "b", "of": "another"}, frozenset(), object())}
    source.now += jwks.MAX_AGE_SECONDS
    keys.find("a")
    settled(keys)
    assert found(keys, "a") is before[0]
    assert found(keys, "b") is not before[1]


def test_overdue_keys_are_waited_for() -> None:
    source = Source("a")
    keys = source.keys()
    found(keys, "a")
    source.kids = ("b",)
    source.now += jwks.OVERDUE_SECONDS
    with pytest.raises(UnknownKey):
        found(keys, "a")


@pytest.mark.parametrize("error", [OSError("refused"), ValueError("no JSON"), TimeoutError(), KeyError("a bug")])
def test_the_last_good_keys_stay_while_the_issuer_is_down(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    source = Source("a")
    keys = source.keys()
    before = found(keys, "a")
    source.error = error
    source.now += jwks.MAX_AGE_SECONDS
    for _ in range(30):
        source.now += jwks.COOLDOWN_SECONDS / 3
        assert found(keys, "a") is before
        settled(keys)
    assert source.fetches == 1 + 10
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    with pytest.raises(NoKeys):  # it may be a new key: nobody knows
        found(keys, "b")
    source.error, source.kids = None, ("a", "b")
    source.now += jwks.COOLDOWN_SECONDS
    assert found(keys, "b")


def test_requests_with_a_known_key_do_not_wait_again_for_an_issuer_that_hangs() -> None:
    source = Source("a")
    keys = source.keys()
    before = found(keys, "a")
    source.error = TimeoutError()
    source.now += jwks.OVERDUE_SECONDS
    with pytest.raises(Pending) as caught:
        keys.find("a")
    caught.value.wait()
    cooldowns = int(jwks.OVERDUE_SECONDS / jwks.COOLDOWN_SECONDS)
    for _ in range(cooldowns - 1):
        source.now += jwks.COOLDOWN_SECONDS
        source.gate.clear()
        assert all(keys.find("a") is before for _ in range(16)), "while a fetch hangs"
        source.gate.set()
        settled(keys)
    assert source.fetches == 1 + cooldowns, "the first one, and one in each cooldown"
    source.now += jwks.OVERDUE_SECONDS
    with pytest.raises(Pending):
        keys.find("a")


def test_keys_that_are_too_old_prove_nothing() -> None:
    source = Source("a")
    keys = source.keys()
    found(keys, "a")
    source.error = OSError()
    source.now += jwks.STALE_SECONDS
    with pytest.raises(NoKeys) as caught:
        found(keys, "a")
    assert caught.value.seconds == jwks.COOLDOWN_SECONDS


def test_without_any_answer_there_are_no_keys() -> None:
    source = Source()
    source.error = OSError()
    keys = source.keys()
    for _ in range(5):
        with pytest.raises(NoKeys):
            found(keys, "a")
    assert source.fetches == 1


def test_a_request_stops_waiting_when_its_time_is_over_and_the_fetch_goes_on() -> None:
    source = Source("a")
    source.gate.clear()
    keys = source.keys()
    keys.limit_seconds = 0.01
    with pytest.raises(NoKeys):
        found(keys, "a")
    source.gate.set()
    settled(keys)
    assert keys.find("a")
    assert source.fetches == 1


def test_a_waiter_cannot_cancel_the_fetch_of_others() -> None:
    source = Source("a")
    source.gate.clear()
    keys = source.keys()
    with pytest.raises(Pending) as caught:
        keys.find("a")
    assert not caught.value.fetch.cancel()
    source.gate.set()
    settled(keys)
    assert keys.find("a")


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}', b'{"keys": [1, {}, {"kid": 1}]}', b"\xff"]
)
def test_a_document_without_a_usable_key_is_no_jwks(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has a message of its own
        jwks.keys_of(document, as_key)


def test_a_jwks_has_a_bound() -> None:
    many = ",".join(f'{{"kid": "{number}"}}' for number in range(jwks.MAX_KEYS + 1))
    with pytest.raises(ValueError, match="at most 64 keys"):
        jwks.keys_of(b'{"keys": [%s]}' % many.encode(), as_key)


def test_keys_that_cannot_be_used_are_left_out() -> None:
    make: Callable[[jwks.Jwk], Key | None] = lambda jwk: as_key(jwk) if jwk["kid"] == "good" else None  # noqa: E731
    assert set(jwks.keys_of(b'{"keys": [{"kid": "bad"}, {"kid": "good"}]}', make)) == {"good"}


def as_key(jwk: jwks.Jwk) -> Key:
    return Key(jwk, frozenset(), None)

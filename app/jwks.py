"""The issuer's public keys, from its JWKS (RFC 7517): the last good ones, fetched one at a time and not too often.

A fetch runs in a thread of its own. A request waits for it only if its token names an unknown key, or if the keys are
overdue. A failed fetch postpones that, too: an issuer that hangs delays requests with known keys once, and not in each
cooldown.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from math import inf
from typing import Any, NamedTuple

LOG = logging.getLogger(__name__)

MAX_AGE_SECONDS = 300.0  # then the next request starts a fetch and goes on with the keys that are known
OVERDUE_SECONDS = 600.0  # then the next request waits for it, which a server that runs no thread while it is idle needs
STALE_SECONDS = 86_400.0  # so long the keys stay valid while no fetch succeeds
COOLDOWN_SECONDS = 30.0  # between the starts of two fetches, whatever asks for them: unknown keys, age, failures
MAX_KEYS = 64

Jwk = dict[str, Any]


class Key(NamedTuple):
    """A public key, the algorithms that it may verify, and the JWK that it was made of."""

    jwk: Jwk
    algorithms: frozenset[str]
    public: Any


class Pending(Exception):  # noqa: N818 - not an error: the caller waits and asks again
    """A fetch is under way that may bring the key; the caller decides how to wait for it."""

    def __init__(self, fetch: "Future[None]", seconds: float) -> None:
        super().__init__("keys are being fetched")
        self.fetch = fetch
        self.seconds = seconds

    def wait(self) -> None:
        """Block until the fetch has ended or its time is over."""
        wait([self.fetch], self.seconds)


class UnknownKey(Exception):  # noqa: N818
    """The issuer's keys do not include the one that a token names."""


class NoKeys(Exception):  # noqa: N818
    """The issuer did not answer, so nobody knows whether it has the key; another fetch starts within `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the issuer's keys cannot be fetched")
        self.seconds = seconds


class Keys:
    """The keys of an issuer by their `kid`.

    `fetch` returns the bytes of the JWKS within `limit_seconds`, or raises. `parse` makes the keys of them, and raises
    ValueError if none is usable. `clock` returns seconds that never go back.
    """

    def __init__(
        self,
        fetch: Callable[[], bytes],
        parse: Callable[[bytes], dict[str, Key]],
        limit_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fetch = fetch
        self.parse = parse
        self.limit_seconds = limit_seconds
        self.clock = clock
        self.known: dict[str, Key] = {}
        self.has_failed = False
        self.under_way: Future[None] | None = None
        self._lock = threading.Lock()
        self._next_fetch = self._due = self._overdue = self._stale = -inf  # moments of the clock

    def find(self, kid: str, may_wait: bool = True) -> Key:
        """The key `kid`.

        Raises Pending if a fetch may bring it and `may_wait`, UnknownKey, or NoKeys if the last fetch failed.
        """
        now = self.clock()
        key = self.known.get(kid) if now < self._stale else None
        if key is not None and now < self._due:
            return key
        must_wait = key is None or now >= self._overdue
        fetch = self._refreshed(now)
        if fetch is not None and may_wait and must_wait:
            raise Pending(fetch, self.limit_seconds)
        if key is not None:
            return key
        if self.has_failed or fetch is not None:
            raise NoKeys(max(0.0, self._next_fetch - now))
        raise UnknownKey(kid)

    def _refreshed(self, now: float) -> "Future[None] | None":
        """The fetch under way, a new one if the cooldown is over, or None."""
        with self._lock:
            if self.under_way is None and now >= self._next_fetch:
                self._next_fetch = now + COOLDOWN_SECONDS
                future: Future[None] = Future()
                future.set_running_or_notify_cancel()  # who waits for it cannot cancel it for others
                threading.Thread(target=self._fetch, args=[future], name="jwks", daemon=True).start()
                self.under_way = future
            return self.under_way

    def _fetch(self, future: "Future[None]") -> None:
        try:
            found = self.parse(self.fetch())
        except Exception as error:  # noqa: BLE001 - whatever fails, the last good keys stay
            LOG.warning("JWKS: %s: %s: the keys known so far stay", type(error).__name__, error)
            self.has_failed = True
            self._due = self._next_fetch
            self._overdue = self.clock() + OVERDUE_SECONDS
        else:
            now = self.clock()
            self.known = {kid: self._unchanged(kid, key) for kid, key in found.items()}
            self.has_failed = False
            self._due, self._overdue, self._stale = now + MAX_AGE_SECONDS, now + OVERDUE_SECONDS, now + STALE_SECONDS
        with self._lock:
            self.under_way = None
        future.set_result(None)

    def _unchanged(self, kid: str, key: Key) -> Key:
        """The same object as before if the key has not changed: verified tokens know their key by it."""
        known = self.known.get(kid)
        return known if known is not None and known.jwk == key.jwk else key


def keys_of(document: bytes, make: Callable[[Jwk], Key | None]) -> dict[str, Key]:
    """The usable keys of a JWKS by `kid`; `make` returns None for a key that is not. Raises ValueError if none is."""
    jwks = json.loads(document)
    given = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(given, list) or len(given) > MAX_KEYS:
        raise ValueError(f"no JWKS with at most {MAX_KEYS} keys")
    found = {}
    for jwk in given:
        if isinstance(jwk, dict) and isinstance(jwk.get("kid"), str):
            key = make(jwk)
            if key is not None:
                found[jwk["kid"]] = key
    if not found:
        raise ValueError("no key that the allowed algorithms can use")
    return found

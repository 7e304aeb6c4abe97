"""A circuit breaker: after failures in a row, another service is left alone for a while."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from app.http import Header, Problem


class Failed(Problem):
    """The other service did not answer as promised.

    `again` is after how many seconds the call may be repeated. None: it may have had an effect, or would fail again.
    """

    def __init__(self, status: str, detail: str, *headers: Header, again: float | None = None) -> None:
        super().__init__(status, detail, *headers)
        self.again = again


class Circuit:
    """Closed, it lets each call pass. `failures` in a row open it, and for `seconds` it lets none pass.

    Then it lets one call pass as a probe. If that succeeds, the circuit closes; otherwise it stays open as long again.
    """

    def __init__(self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures = failures
        self._seconds = seconds
        self._clock = clock
        self._lock = Lock()  # held while the state changes, never during a call
        self._failed = 0  # in a row
        self._opened: float | None = None  # when; None while it is closed
        self._is_probing = False

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Let the block's call pass, and learn from its outcome. Raises Problem 503 if it may not pass.

        `Failed` is a failure. Any other Problem is not: the other service did answer. Another exception tells nothing.
        """
        is_probe = self._enter()
        has_failed = None
        try:
            yield
            has_failed = False
        except Problem as problem:
            has_failed = isinstance(problem, Failed)
            raise
        finally:
            self._leave(is_probe, has_failed)

    def _enter(self) -> bool:
        """Whether the call is the probe."""
        with self._lock:
            if self._opened is None:
                return False
            rest = self._opened + self._seconds - self._clock()
            if rest > 0 or self._is_probing:
                later = ("Retry-After", str(max(1, math.ceil(rest))))
                raise Problem("503 Service Unavailable", "statements has failed, and is left alone for a while", later)
            self._is_probing = True
            return True

    def _leave(self, is_probe: bool, has_failed: bool | None) -> None:
        with self._lock:
            if is_probe:
                self._is_probing = False
            elif self._opened is not None:  # the call began before the circuit opened
                return
            if has_failed is False:
                self._failed, self._opened = 0, None
            elif has_failed:
                self._failed += 1
                if is_probe or self._failed >= self._failures:
                    self._opened = self._clock()

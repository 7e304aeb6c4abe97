"""Calls of another service: within a deadline, repeated where that is safe, and not made while it keeps failing."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exception,
    wait_random_exponential,
)

from app.deadline import within
from billing.circuit import Circuit, Failed
from billing.settings import Settings
from billing.transport import DEADLINE

Answer = TypeVar("Answer")

JITTER = wait_random_exponential(multiplier=0.05, max=0.5)  # seconds


class Calls:
    """All calls of one other service."""

    def __init__(self, settings: Settings) -> None:
        self._circuit = Circuit(settings.circuit_failures, settings.circuit_seconds)
        self._attempts = settings.attempts
        self._seconds = settings.deadline_seconds

    def made(self, call: Callable[[], Answer]) -> Answer:
        """What `call` returns, at the first attempt that does not fail. Raises Problem."""
        DEADLINE.set(within(self._seconds))
        attempts = Retrying(  # one for each call: it keeps what it knows of its attempts
            retry=retry_if_exception(_may_be_repeated),
            wait=wait_exception(_asked_wait) + JITTER,
            stop=stop_after_attempt(self._attempts) | stop_before_delay(self._seconds),
            reraise=True,
        )
        answer: Answer = attempts(self._attempt, call)
        return answer

    def _attempt(self, call: Callable[[], Answer]) -> Answer:
        with self._circuit.passing():
            return call()


def _may_be_repeated(error: BaseException) -> bool:
    return isinstance(error, Failed) and error.again is not None


def _asked_wait(error: BaseException) -> float:
    return getattr(error, "again", None) or 0.0

"""Spans on their way to the collector, in batches, by a thread of its own: no request waits, and losses are counted.

OTEL_BSP_MAX_QUEUE_SIZE         how many spans wait at most; the default is 2048
OTEL_BSP_MAX_EXPORT_BATCH_SIZE  how many are sent at once; the default is 512
OTEL_BSP_SCHEDULE_DELAY         the milliseconds that a smaller batch waits for more spans; the default is 5000

The SDK's own BatchSpanProcessor tells no count of what it drops, and its stop may take 30 s.
"""

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from multiprocessing.util import Finalize
from threading import Event, Lock, Thread
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from app.sparing import Sparing

STOP_SECONDS = 2.0  # that a process waits for the collector when it ends

LOG = logging.getLogger(__name__)
LOG.addFilter(Sparing())


class Limits(NamedTuple):
    """How many spans wait, how many are sent at once, and how long fewer wait for more."""

    waiting: int = 2048
    at_once: int = 512
    seconds: float = 5.0

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "Limits":
        """Those of the environment. Raises ValueError, which names the variable."""
        usual = cls()
        waiting = _number(env, "OTEL_BSP_MAX_QUEUE_SIZE", usual.waiting)
        at_once = _number(env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", usual.at_once)
        if at_once > waiting:
            raise ValueError(f"OTEL_BSP_MAX_EXPORT_BATCH_SIZE: {at_once} is more than wait in the queue")
        return cls(waiting, at_once, _number(env, "OTEL_BSP_SCHEDULE_DELAY", round(usual.seconds * 1000)) / 1000)


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and int(text)):
        raise ValueError(f"{name}: {text!r} is no number from 1 on")
    return int(text)


class Batches:
    """The spans of this process. `lost` counts those that do not reach the collector."""

    def __init__(self, exporter: SpanExporter, limits: Limits) -> None:
        self.exporter = exporter
        self.limits = limits
        self.waiting: deque[ReadableSpan] = deque()
        self.lock = Lock()
        self.wake = Event()
        self.is_stopping = False
        self.lost = 0
        self.told = 0  # of those, by the log
        self.thread: Thread | None = None

    def start(self) -> None:
        """Start the thread, once. Call it after the last fork of the server: a child has no thread of its parent's."""
        with self.lock:
            if self.thread is None:
                self.thread = Thread(target=self._run, name=__name__, daemon=True)
                self.thread.start()
                Finalize(None, self.stop, exitpriority=0)  # unlike atexit, also in Granian's workers

    def put(self, spans: Sequence[ReadableSpan]) -> None:
        """Have spans sent. They are lost if too many wait."""
        with self.lock:
            if self.is_stopping or len(self.waiting) + len(spans) > self.limits.waiting:
                self.lost += len(spans)
                return
            self.waiting.extend(spans)
        if len(self.waiting) >= self.limits.at_once:
            self.wake.set()

    def stop(self) -> None:
        """Send what waits, as far as the collector takes it within the time."""
        if self.thread is None or self.is_stopping:
            return
        with self.lock:
            self.is_stopping = True
        self.wake.set()
        self.thread.join(STOP_SECONDS)
        if self.thread.is_alive():
            LOG.warning("the process ends before the collector has all spans")
        self.exporter.shutdown()  # it makes no further attempt

    def _run(self) -> None:
        while not self.is_stopping:
            self.wake.wait(self.limits.seconds)
            self.wake.clear()
            self._send()
        self._send()

    def _send(self) -> None:
        """Send what waits, and tell what is lost: no request waits for whoever reads the log."""
        while self.waiting:
            batch = [self.waiting.popleft() for _ in range(min(self.limits.at_once, len(self.waiting)))]
            try:
                result = self.exporter.export(batch)
            except Exception:  # a bug of the exporter; the thread goes on
                LOG.exception("the exporter failed")
                result = SpanExportResult.FAILURE
            if result is not SpanExportResult.SUCCESS:
                with self.lock:
                    self.lost += len(batch)
        if self.lost != self.told:
            self.told = self.lost
            LOG.warning("spans do not reach the collector: this process has lost %d", self.told)

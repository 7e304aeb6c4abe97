"""A log that is not flooded by what each request meets, such as a broker that is away."""

import logging
import time
from math import inf

PERIOD_SECONDS = 10.0


class Sparing(logging.Filter):
    """Lets one record pass in a period, and drops the others."""

    def __init__(self) -> None:
        super().__init__()
        self.next = -inf

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - whatever it tells
        now = time.monotonic()
        if now < self.next:
            return False
        self.next = now + PERIOD_SECONDS
        return True

"""`/wait` in greenlets on asyncio's loop: uWSGI's asyncio engine."""

import asyncio

from greenlet import getcurrent


def in_greenlet(seconds: float) -> None:
    """Wait; meanwhile the loop, which runs in the parent greenlet, serves other requests."""
    request = getcurrent()
    asyncio.get_event_loop().call_later(seconds, request.switch)
    request.parent.switch()

"""Which of two media types an answer gets, by the request's `Accept` (RFC 9110, section 12.5.1)."""

import re
from functools import lru_cache

from app.http import JSON, without_quoted

HAL = "application/hal+json"
_is_quality = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?").fullmatch


@lru_cache(maxsize=64)  # clients send few different ones
def prefers_hal(accept: str) -> bool:
    """Whether HAL is more acceptable than JSON, or as acceptable and named: `*/*` alone gets JSON."""
    known = qualities(accept)
    hal, json = (quality_of(media_type, known) for media_type in (HAL, JSON))
    return hal > json or (hal == json > 0 and HAL in known)


def qualities(accept: str) -> dict[str, float]:
    """The quality of each media range. A range with an invalid quality counts as absent; parameters are ignored."""
    known: dict[str, float] = {}
    for each in without_quoted("", accept).lower().split(","):
        media_range, *parameters = [part.strip(" \t") for part in each.split(";")]
        given = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        if media_range and _is_quality(given):
            known[media_range] = max(float(given), known.get(media_range, 0.0))
    return known


def quality_of(media_type: str, known: dict[str, float]) -> float:
    """The quality of a media type: that of the most specific range."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return next((known[each] for each in ranges if each in known), 0.0)

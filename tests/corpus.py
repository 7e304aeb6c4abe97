"""Documents of all kinds, drawn once for all HTTP tests, because drawing takes longer than requests."""

from functools import cache

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import strategies

DRAWS = 80


@cache
def documents() -> tuple[bytes, ...]:
    """Return about 200 documents, different in each test run."""
    drawn: list[bytes] = []

    @settings(
        max_examples=DRAWS,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(documents=st.lists(strategies.documents, min_size=1, max_size=4))
    def draw(documents: list[bytes]) -> None:
        drawn.extend(documents)

    draw()
    return tuple(drawn)

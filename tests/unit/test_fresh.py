"""The comparison of fresh to seen documents: cached answers show, waiting does not."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench.host.cpu_time import Meter
from bench.measure.instruments import fresh
from bench.measure.instruments.fresh import FreshCost
from bench.model import Exchange
from bench.serve.life_cycle import RunningServer

SEEN = [Exchange(method="POST", path="/", body=b"seen", expect=b"") for _ in range(5)]
FRESH = [Exchange(method="POST", path="/", body=b"fresh", expect=b"") for _ in range(5)]


@pytest.mark.parametrize(
    ("seen", "new", "time", "cpu"),
    [
        (FreshCost(0.0004, 0.0001), FreshCost(0.0415, 0.0001), 1, 1),  # a proxy waits for a delayed acknowledgement
        (FreshCost(0.0004, 0.0001), FreshCost(0.0014, 0.0011), 7, 11),  # caches answers
        (FreshCost(0.0012, 0.0001), FreshCost(0.0012, 0.0011), 6, 11),  # caches answers and sleeps before them
        (FreshCost(0.0003, 0.0010), FreshCost(0.0013, 0.0010), 4.33, 1),  # burns CPU after a cached answer
        (FreshCost(0.0012, 0.0010), FreshCost(0.0013, 0.0011), 1.08, 1.1),  # honest
    ],
)
def test_cached_answers_show_and_waiting_does_not(
    monkeypatch: pytest.MonkeyPatch, seen: FreshCost, new: FreshCost, time: float, cpu: float
) -> None:
    def cost(_: object, __: object, exchange: Exchange) -> FreshCost:
        return new if exchange.body == b"fresh" else seen

    monkeypatch.setattr(fresh, "_cost", cost)
    running: Any = SimpleNamespace(host="127.0.0.1", port=1, cpu=Meter("cpuacct.usage", lambda: 0.0))
    metrics = fresh.compare_to_seen(cast(RunningServer, running), SEEN, FRESH)
    assert metrics["fresh.time"][1] == pytest.approx(time, rel=0.01)
    assert metrics["fresh.cpu"][1] == pytest.approx(cpu, rel=0.01)

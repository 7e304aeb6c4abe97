"""A deadline of several steps: no step has more time than what is left, whatever the number of addresses."""

import socket
import time
from collections.abc import Callable

import pytest

from app.deadline import connected, left, within

Clock = Callable[[float], None]


@pytest.fixture
def pass_by(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still until it is told that seconds pass by."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


def test_a_deadline_that_is_over_is_an_error(pass_by: Clock) -> None:
    until = within(2.0)
    pass_by(0.5)
    assert left(until) == 1.5
    pass_by(1.5)
    with pytest.raises(TimeoutError, match="no answer in time"):
        left(until)


def test_addresses_that_do_not_answer_share_the_time(monkeypatch: pytest.MonkeyPatch, pass_by: Clock) -> None:
    """The limit of `socket.create_connection` begins anew with each address."""
    limits = []

    def silent(address: tuple[str, int], seconds: float) -> socket.socket:
        limits.append((address, seconds))
        pass_by(seconds)
        raise TimeoutError

    addresses = [(0, 0, 0, "", ("::1", 4222, 0, 0)), *((0, 0, 0, "", (f"192.0.2.{last}", 4222)) for last in (1, 2))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: addresses)
    monkeypatch.setattr(socket, "create_connection", silent)
    with pytest.raises(TimeoutError):
        connected("broker", 4222, within(3.0))
    assert limits == [(("::1", 4222), 1.0), (("192.0.2.1", 4222), 1.0), (("192.0.2.2", 4222), 1.0)]


def test_an_address_that_refuses_leaves_its_time_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        addresses = [(0, 0, 0, "", ("::1", port, 0, 0)), (0, 0, 0, "", ("127.0.0.1", port))]
        own = socket.getaddrinfo
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *rest, **named: addresses if host == "x" else own(host, *rest, **named)
        )
        with connected("x", port, within(5.0)) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)

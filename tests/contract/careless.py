"""The framework of a control: without a measure against faults, which `CARELESS` names.

acknowledgement  it is sure of a message once it is sent
id               its messages have no `Nats-Msg-Id`

`CARELESS_FRAMEWORK` is the module of the framework that it stands for.
"""

import os
from importlib import import_module
from typing import Any

from app import work
from app.deadline import within
from app.jetstream import ID, publish
from app.nats import LIMIT_SECONDS, Client, Headers, published


def unacknowledged(
    client: Client, subject: str, payload: bytes, headers: Headers, deadline: float | None = None
) -> None:
    """Return once the message is sent."""
    until = within(LIMIT_SECONDS) if deadline is None else deadline
    with client.lock:
        client._connected(until).send(published(subject, payload, headers=headers), until)


def unnamed(client: Client, subject: str, payload: bytes, headers: Headers, deadline: float | None = None) -> None:
    """Publish the message without its id."""
    publish(client, subject, payload, {name: value for name, value in headers.items() if name != ID}, deadline)


def make(*parts: Any) -> Any:
    work.publish = {"acknowledgement": unacknowledged, "id": unnamed}[os.environ["CARELESS"]]  # type: ignore[attr-defined]
    return import_module(os.environ["CARELESS_FRAMEWORK"]).make(*parts)

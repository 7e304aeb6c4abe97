"""The framework of a control: without a measure against faults, which `CARELESS` names.

acknowledgement  it is sure of a message once it is sent
id               its messages have no `Nats-Msg-Id`

`CARELESS_FRAMEWORK` is the module of the framework that it stands for.
"""

import os
import time
from importlib import import_module
from typing import Any

from app import work
from app.jetstream import ID, publish
from app.nats import LIMIT_SECONDS, Client, Headers, published


def unacknowledged(client: Client, subject: str, payload: bytes, headers: Headers) -> None:
    """Return once the message is sent."""
    deadline = time.monotonic() + LIMIT_SECONDS
    with client.lock:
        client._connected(deadline).send(published(subject, payload, headers=headers), deadline)


def unnamed(client: Client, subject: str, payload: bytes, headers: Headers) -> None:
    """Publish the message without its id."""
    publish(client, subject, payload, {name: value for name, value in headers.items() if name != ID})


def make(*parts: Any) -> Any:
    work.publish = {"acknowledgement": unacknowledged, "id": unnamed}[os.environ["CARELESS"]]  # type: ignore[attr-defined]
    return import_module(os.environ["CARELESS_FRAMEWORK"]).make(*parts)

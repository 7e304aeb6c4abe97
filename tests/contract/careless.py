"""The framework of a control: without a measure against faults, which `CARELESS` names.

acknowledgement  it is sure of a message once it is sent
id               its messages have no `Nats-Msg-Id`

`CARELESS_FRAMEWORK` is the module of the framework that it stands for.
"""

import os
from importlib import import_module
from typing import Any

from app import nats_asyncio, nats_blocking, work
from app.jetstream import ID, publish
from app.nats import Dialogue, Headers, Message, Request, published

ACKNOWLEDGED = Message("", "", "", "", {}, b'{"stream":"made up","seq":1}')


def unacknowledged(blocking: Any, on_loop: Any) -> None:
    """Have clients be sure of a published message, which has headers, once it is sent."""
    ask, ask_on_loop = blocking.request, on_loop.request

    def request(client: Any, request: Request, deadline: float) -> Message:
        if not request.headers:
            return ask(client, request, deadline)
        with client.lock:
            client._connected(deadline).send(sent(request), deadline)
        return ACKNOWLEDGED

    async def request_on_loop(client: Any, request: Request, deadline: float) -> Message:
        if not request.headers:
            return await ask_on_loop(client, request, deadline)
        connection = client._connected()
        await connection._settled(deadline)
        connection._send(sent(request))
        return ACKNOWLEDGED

    blocking.request, on_loop.request = request, request_on_loop


def sent(request: Request) -> bytes:
    return published(request.subject, request.payload, headers=request.headers)


def unnamed(subject: str, payload: bytes, headers: Headers) -> Dialogue[None]:
    """Publish the message without its id."""
    return publish(subject, payload, {name: value for name, value in headers.items() if name != ID})


def make(*parts: Any) -> Any:
    if os.environ["CARELESS"] == "acknowledgement":
        unacknowledged(nats_blocking.Client, nats_asyncio.Client)
    else:
        work.publish = unnamed  # type: ignore[attr-defined]
    return import_module(os.environ["CARELESS_FRAMEWORK"]).make(*parts)

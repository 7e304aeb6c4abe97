"""JetStream over NATS: messages in streams, the newest message of a subject, and the API.

API: https://docs.nats.io/reference/jetstream/api
"""

import json
from typing import Any

from app.nats import Dialogue, Headers, Message, NoBroker, Request

SECOND = 10**9  # the API's durations are in nanoseconds
ID = "Nats-Msg-Id"  # a stream drops a message whose id it has had within its duplicate window
DONE, BACK, WORKING = b"+ACK", b"-NAK", b"+WPI"  # answers to a consumer's message; the broker confirms none


class NoStream(NoBroker):
    """Nothing listens to the subject: its stream is not made yet, or the broker has lost it."""


def publish(subject: str, payload: bytes, headers: Headers) -> Dialogue[None]:
    """Return once a stream has acknowledged the message. Raises NoStream, NoBroker or TooLarge."""
    acknowledgement = _answer((yield Request(subject, payload, headers)))
    if "seq" not in acknowledgement:
        raise NoBroker(f"{subject}: the answer is no acknowledgement of a stream")


def newest(stream: str, subject: str) -> Dialogue[Message | None]:
    """The newest message of a subject in a stream that allows direct access; None without one.

    Raises NoStream or NoBroker.
    """
    message = yield Request(f"$JS.API.DIRECT.GET.{stream}.{subject}")
    if message.status.startswith("404"):
        return None
    _check(message)
    return message


def ask(operation: str, request: dict[str, Any]) -> Dialogue[dict[str, Any]]:
    """The answer of the API to an operation such as STREAM.CREATE.NAME. Raises NoStream or NoBroker."""
    return _answer((yield Request(f"$JS.API.{operation}", json.dumps(request).encode())))


def deliveries(message: Message) -> int:
    """How often a consumer's message has been delivered, this time included."""
    return int(_delivery(message)[0])


def further(message: Message) -> int:
    """How many messages its consumer had not yet delivered when it delivered this one."""
    return int(_delivery(message)[4])


def _delivery(message: Message) -> list[str]:
    """Deliveries, place in the stream, place among the deliveries, time, further messages."""
    parts = message.reply.split(".")
    return parts[4:] if len(parts) == 9 else parts[6:]  # longer ones begin with a domain and an account


def _check(message: Message) -> None:
    if message.status.startswith("503"):
        raise NoStream("the broker has no such stream")
    if message.status:
        raise NoBroker(message.status)


def _answer(message: Message) -> dict[str, Any]:
    _check(message)
    try:
        answer: dict[str, Any] = json.loads(message.payload)
        error = answer.get("error")
        why = error and error["description"]
    except (ValueError, AttributeError, TypeError, KeyError):
        raise NoBroker("the answer is none of JetStream's") from None
    if error:
        raise NoBroker(why)
    return answer

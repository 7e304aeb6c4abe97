"""What billing passes on of a request: who asks, and the trace that it is part of."""

import re
from collections.abc import Callable
from typing import NamedTuple

from app.http import Problem
from app.tracing import passed_on

PRINTABLE = re.compile("[ -~]*")


class Caller(NamedTuple):
    """Who asks. The id of the request is a parameter of the client."""

    authorization: str

    @classmethod
    def of(cls, header: Callable[[str], str | None]) -> "Caller":
        """The caller, from a function that returns a header of the request. Raises Problem 400.

        The HTTP client would refuse other characters with the error that tells of a broken answer. Five such requests
        would open the circuit for all callers.
        """
        authorization = header("Authorization") or ""
        if not PRINTABLE.fullmatch(authorization):
            raise Problem("400 Bad Request", "Authorization has characters other than printable ASCII")
        return cls(authorization)

    def headers(self) -> dict[str, str]:
        """The headers of each attempt."""
        return passed_on() | ({"Authorization": self.authorization} if self.authorization else {})

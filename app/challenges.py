"""The refusals of a caller, each with the challenge of RFC 6750, section 3: what a token has to prove."""

from app.http import Problem

REALM = "statements"


def unknown(scope: str) -> Problem:
    """The refusal of a request without a token. Its challenge has no error."""
    return _challenge("401 Unauthorized", "a bearer token is needed", scope=scope)


def invalid(reason: str) -> Problem:
    """The refusal of a token; the reason is ASCII without quotes."""
    return _challenge("401 Unauthorized", reason, "invalid_token")


def lacking(scope: str) -> Problem:
    """The refusal of a token without the scope."""
    return _challenge("403 Forbidden", "the token lacks the scope", "insufficient_scope", scope)


def _challenge(status: str, detail: str, error: str = "", scope: str = "") -> Problem:
    told = {"realm": REALM, "error": error, "error_description": detail if error else "", "scope": scope}
    parameters = ", ".join(f'{name}="{value}"' for name, value in told.items() if value)
    return Problem(status, detail, ("WWW-Authenticate", f"Bearer {parameters}"))

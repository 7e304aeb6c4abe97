"""A wrong command line → one line that says what to write instead."""

from __future__ import annotations

from cyclopts.argument import Argument
from cyclopts.exceptions import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from bench.errors import LabError, unknown
from bench.verbs.app import app

NEEDED: dict[type | None, str] = {int: "a whole number", float: "a number", bool: "true or false"}


def mistake(error: CycloptsError) -> LabError:
    """The error as the lab shows it."""
    verb = " ".join(error.command_chain or ())
    told = _told(error)
    lead, more = (f"{verb}: ", f"; see `python -m bench {verb} --help`") if verb else ("", "")
    return LabError(f"{lead}{told}" + ("" if told.endswith("?") else more))


def _told(error: CycloptsError) -> str:
    match error:
        case UnknownCommandError(unused_tokens=[name, *_]):
            return unknown("command", name, [each for each in app if not each.startswith("-")])
        case UnknownOptionError():
            known = [name for each in error.argument_collection for name in each.names if name.startswith("--")]
            return unknown("option", error.token.keyword or error.token.value, known)
        case UnusedCliTokensError(unused_tokens=[name, *_]):
            return f"unexpected argument {name!r}"
        case MissingArgumentError(argument=argument) if argument:
            return f"{error.keyword} requires a value" if error.keyword else f"{_name(argument)} is required"
        case CoercionError(argument=argument, token=token) if argument and token:
            needed = NEEDED.get(error.target_type, "another value")
            return f"invalid {token.keyword or _name(argument)} {token.value!r}: use {needed}"
        case _:
            return str(error).rstrip(".")


def _name(argument: Argument) -> str:
    """An argument's name as the help shows it: `STUDY`, or `--documents`."""
    return argument.name.lstrip("-").upper() if argument.field_info.is_positional else argument.name

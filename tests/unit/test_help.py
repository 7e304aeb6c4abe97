"""The command line teaches: every verb and every parameter of it says what it is for."""

import pytest

from bench import __main__ as command_line
from bench.verbs.app import app

VERBS = [name for name in app if not name.startswith("-")]


def test_every_verb_is_known_here() -> None:
    assert command_line.main
    assert {"run", "try", "plan", "repeat", "keep"} <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_parameter_is_explained(verb: str) -> None:
    known = app[verb].assemble_argument_collection(parse_docstring=True)
    assert app[verb].help.strip()
    assert [each.name for each in known if not each.parameter.help] == []

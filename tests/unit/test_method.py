"""The method's page: each `pytest` command on it selects a test, and each question in its overview has an answer."""

import re
import shlex

import pytest

from bench.paths import ROOT
from tests.unit.test_glossary import slug

METHOD = (ROOT / "docs/method.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"`pytest ([^`]+)`", METHOD)))
TEST = re.compile(r"^def (test_\w+)", re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_selects_a_test(command: str) -> None:
    *paths, _, words = shlex.split(command) if " -k " in command else [*shlex.split(command), "-k", "test"]
    files = [file for path in paths for file in ([ROOT / path] if path.endswith(".py") else (ROOT / path).glob("*.py"))]
    tests = [name for file in files for name in TEST.findall(file.read_text(encoding="utf-8"))]
    assert any(word in name for name in tests for word in words.split(" or "))


def test_the_overview_links_to_every_question() -> None:
    questions = re.findall(r"^### (.+)$", METHOD, re.MULTILINE)
    assert {slug(question) for question in questions} <= set(re.findall(r"\]\(#([^)]+)\)", METHOD))
    links = set(re.findall(r"\]\(#([^)]+)\)", METHOD))
    assert links <= {slug(heading) for heading in re.findall(r"^#+ (.+)$", METHOD, re.MULTILINE)}

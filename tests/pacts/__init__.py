"""Consumers' expectations of the service, by pact: recorded in `pacts/`, and verified against a served address.

pact runs in an environment of its own: `consumer.py` records, and `verify.py` verifies.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.paths import ROOT
from tests import tools
from tests.languages import CLIENTS, LANGUAGES, built

KEPT = ROOT / "pacts"
ANSWERS, EVENTS = "billing-statements.json", "billing-statements-events.json"
SECONDS = 60
ENVIRONMENT = {  # pact reports each verification to Google Analytics unless it is told not to
    "PACT_DO_NOT_TRACK": "true",
    "PYTHONPATH": f"{ROOT}:{CLIENTS / 'python'}",  # of billing and its generated client
}


class Event(NamedTuple):
    """A message as it is published."""

    subject: str
    headers: Mapping[str, str]
    payload: bytes


def record(folder: Path) -> None:
    """Write the consumers' expectations to a folder. The client that `billing` asks with is made first if necessary."""
    built(LANGUAGES["python"])
    _run("consumer.py", str(folder))


def expectations(folder: Path, name: str) -> dict[str, Any]:
    """A recorded pact, without the versions of what wrote it."""
    pact: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    pact["metadata"] = {"pactSpecification": pact["metadata"]["pactSpecification"]}
    return pact


def caught(address: str) -> bool:
    """Whether the service at an address, such as http://127.0.0.1:8000, breaks a recorded expectation."""
    return bool(broken(address))


def broken(address: str) -> dict[str, str]:
    """The expectations that the service at an address breaks, and how, by their descriptions."""
    return _verified(ANSWERS, address)


def broken_by(events: Mapping[str, Event]) -> dict[str, str]:
    """The expectations that events break, and how, by their descriptions."""
    messages = {
        description: {"metadata": {"subject": event.subject, **event.headers}, "contents": event.payload.decode()}
        for description, event in events.items()
    }
    return _verified(EVENTS, stdin=json.dumps(messages))


def _verified(name: str, *words: str, stdin: str = "") -> dict[str, str]:
    errors = json.loads(_run("verify.py", str(KEPT / name), *words, stdin=stdin).splitlines()[-1])
    return {error["interaction"].rpartition(" - ")[2]: _how(error["mismatch"]) for error in errors}


def _how(error: dict[str, Any]) -> str:
    if error["type"] == "error":  # there is no answer
        return str(error["message"])
    return "; ".join(f"{each.get('path', '')} {each['mismatch']}".strip() for each in error["mismatches"])


def _run(script: str, *words: str, stdin: str = "") -> str:
    argv = [str(tools.python("pact")), str(Path(__file__).with_name(script)), *words]
    done = subprocess.run(
        argv, env=ENVIRONMENT, input=stdin, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

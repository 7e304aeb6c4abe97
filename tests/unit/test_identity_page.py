"""docs/identity.md: its table of leaks is what the servers declare, and its settings are those that the layer reads."""

import re

from app import fetching, identity, jwks, tokens
from bench.model import Implementation, Words
from bench.paths import ROOT
from tests.declared import CATALOG

PAGE = (ROOT / "docs" / "identity.md").read_text(encoding="utf-8")


def declared(implementation: Implementation) -> dict[str, str]:
    """What each server leaks on an implementation, by label."""
    return {
        server.label: CATALOG.words.get(name, Words()).leaks_on(implementation)
        for name, server in CATALOG.servers.items()
        if implementation in server.implementations and implementation not in server.unsupported
    }


def test_the_table_of_leaks_is_what_the_servers_declare() -> None:
    rows = re.findall(r"^\| (?:`(always|connection|pipelined)`|none) \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
    told = {label: leaks for leaks, servers in rows for label in re.findall(r"`([\w-]+)`", servers)}
    assert told == declared("cpython")
    differing = re.findall(
        r"On PyPy, `([\w-]+)` leaks `(\w+)`", re.sub(r"\s+", " ", PAGE).replace(", and `", ". On PyPy, `")
    )
    assert dict(differing) == {label: leaks for label, leaks in declared("pypy").items() if leaks != told[label]}


def test_the_page_has_every_setting_and_its_default() -> None:
    source = (ROOT / "app" / "identity.py").read_text(encoding="utf-8")
    read = set(re.findall(r"STATEMENTS_[A-Z]+(?:_[A-Z]+)*", source))
    rows = dict(re.findall(r"^\| `(STATEMENTS_[A-Z_]+)` \|.*\| ([^|]+) \|$", PAGE, re.MULTILINE))
    assert set(rows) == read
    assert rows["STATEMENTS_CACHED_TOKENS"] == str(identity.DEFAULT_CACHED_TOKENS)
    assert all(f"`{name}`" in PAGE for name in tokens.KEY_TYPES)


def test_the_page_has_the_durations_of_the_keys() -> None:
    durations = {
        "keys are 5 minutes old": jwks.MAX_AGE_SECONDS / 60 == 5,
        "keys are 10 minutes old": jwks.OVERDUE_SECONDS / 60 == 10,
        "for 24 hours": jwks.STALE_SECONDS / 3600 == 24,
        "one fetch in 30 s": jwks.COOLDOWN_SECONDS == 30,
        "at most 3 s": fetching.LIMIT_SECONDS == 3,
        "may differ by 30 s": tokens.SKEW_SECONDS == 30,
        "8,192 characters": tokens.MAX_TOKEN_CHARACTERS == 8192,
    }
    assert {words: words in PAGE for words in durations} == durations == dict.fromkeys(durations, True)

"""What netavark leaves of a container's network is removed, and nothing else."""

import json
from pathlib import Path

from bench.host.network import Ruleset, undoing

DATA = Path(__file__).parent.parent / "data" / "nft"
LEFT: Ruleset = json.loads((DATA / "after-podman.json").read_text())["nftables"]


def test_on_a_machine_without_rules_all_tables_go() -> None:
    deleted = [" ".join(words) for words in undoing([], LEFT)]
    assert deleted[-2:] == ["delete table ip nat", "delete table ip filter"]


def test_rules_go_before_the_chains_to_which_they_jump() -> None:
    kinds = [words[1] for words in undoing([], LEFT)]
    assert kinds == sorted(kinds, key=["rule", "chain", "table"].index)
    assert {"rule", "chain"} < set(kinds)


def test_nothing_is_done_where_nothing_has_changed() -> None:
    assert list(undoing(LEFT, LEFT)) == []


def test_a_rule_of_another_program_and_its_table_stay() -> None:
    own = {"family": "ip", "table": "nat", "chain": "PREROUTING", "handle": 99, "expr": [{"accept": None}]}
    deleted = list(undoing([], [*LEFT, {"rule": own}]))
    assert ["delete", "table", "ip", "nat"] not in deleted
    assert not any("99" in words for words in deleted)


def test_chains_that_were_there_before_stay() -> None:
    known = [each for each in LEFT if "rule" not in each]
    assert {words[1] for words in undoing(known, LEFT)} == {"rule"}

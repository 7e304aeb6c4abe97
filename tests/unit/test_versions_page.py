"""docs/versions.md: its variables, keys and fields are those of the code, and it tells what the tests try."""

import json
import re

from app import log, metrics
from app.deployment import OWN, PLATFORMS, Deployment
from app.versions import Running
from bench.build.version import Code
from bench.paths import ROOT
from tests.contract.test_reproducible import COMPILED
from tests.contract.test_statistics import EVERY
from tests.contract.test_versions import LONG, SOON

PAGE = (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")
RUNNING = Running("0.1.0", None, Deployment(version="v42"))
WORDS = {2: "two", 5: "five"}


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_the_page_has_every_variable_in_its_column() -> None:
    rows = [line.split(" | ")[:5] for line in section("What is the deployment?").splitlines() if "`" in line[:90]]
    table = [[tuple(re.findall("`([^`]+)`", cell)) for cell in row] for row in rows if len(row) == 5]
    known = [((each.sign,), *each[1:]) for each in PLATFORMS.values()]
    assert [tuple(row) for row in table] == [*known, ((), *OWN[1:])]


def test_the_page_says_where_each_is_told() -> None:
    told = section("Where is it told?")
    (sample,) = re.findall(r"^\{.*?\}$", told, re.MULTILINE | re.DOTALL)
    answer = json.loads(sample)
    assert set(answer) == {*Code._fields, *RUNNING.told(), "variant"}
    assert set(answer["deployment"]) == set(Deployment._fields)
    assert answer["agrees"] is Running(answer["version"], answer["commit"], Deployment(**answer["deployment"])).agrees
    family = metrics.build_info(RUNNING)
    fields = json.loads("{" + log.members_of(RUNNING)[1:] + "}")
    named = {family.name, *(label for label, _ in family.samples[0].labels), *fields}
    assert named <= set(re.findall("`([^`=]+)`", told))


def test_the_page_says_what_is_tested() -> None:
    assert f"{WORDS[len(SOON + LONG)]} servers, {WORDS[len(SOON)]} of them with each change" in PAGE
    assert f"and {len(EVERY)} servers again after a restart" in PAGE
    tested = next(line for line in PAGE.splitlines() if line.endswith("`-ffile-prefix-map` |"))
    assert set(re.findall("`([a-z-]+)`", tested.split(" | ")[0])) == {each.values[0] for each in COMPILED}

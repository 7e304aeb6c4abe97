"""What runs: when code and deployment agree, and that `/__version__`, metrics, log and spans tell the same."""

import json
import logging
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import log, metrics, otel, versions
from app.deployment import Deployment
from app.exposition import exposed, info
from app.versions import Running, running
from tests import tools

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def exporter() -> Iterator[None]:
    """Each test has an exporter of its own."""
    otel.batches.cache_clear()
    yield
    otel.batches.cache_clear()


@pytest.mark.parametrize(
    ("built", "deployed", "agrees"),
    [
        (COMMIT, COMMIT, True),
        (COMMIT[:12], COMMIT, True),
        (COMMIT, COMMIT[:7], True),
        (COMMIT, COMMIT[:6], False),
        (COMMIT, "f" * 40, False),
        (f"{COMMIT[:12]}-dirty", COMMIT, False),
        (f"{COMMIT[:12]}-dirty", COMMIT[:12], False),
        (COMMIT[:12], f"{COMMIT[:12]}-dirty", False),
        (COMMIT[:12], f"{COMMIT[:12]} or another", False),
        (COMMIT[:12], COMMIT.upper(), True),
        (None, COMMIT, None),
        (COMMIT, None, None),
        (None, None, None),
    ],
)
def test_code_and_deployment_agree_if_they_name_one_commit(
    built: str | None, deployed: str | None, agrees: bool | None
) -> None:
    assert Running("1", built, Deployment(commit=deployed)).agrees is agrees


def test_a_disagreement_is_one_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("DEPLOYMENT_COMMIT", "f" * 40)
    for _ in range(3):
        assert running().agrees is False
    told = f"commit {'f' * 40} was deployed, but commit 0123456789ab runs, as version 1.2.3+g0123456789ab"
    assert caplog.record_tuples == [("app.versions", logging.WARNING, told)]


@pytest.mark.parametrize("commit", ["", COMMIT])
def test_an_agreement_is_no_warning(
    commit: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DEPLOYMENT_COMMIT", commit)
    assert running().agrees is (True if commit else None)
    assert not caplog.records


def test_a_process_tells_what_was_there_when_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    before = running()
    monkeypatch.setenv("DEPLOYMENT_VERSION", "8")
    monkeypatch.setattr(versions, "built", lambda: {"version": "2", "commit": None})
    assert running() is before


def test_all_that_is_told_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYMENT_VERSION", "7")
    monkeypatch.setenv("DEPLOYMENT_COMMIT", COMMIT)
    what = running()
    assert what.told() == {"deployment": {"version": "7", "commit": COMMIT}, "agrees": True}
    line = json.loads("{" + log.members_of(what)[1:] + "}")
    assert line == {"service.version": "1.2.3+g0123456789ab", "statements.deployment": "7"}
    labels = 'version="1.2.3+g0123456789ab",commit="0123456789ab",deployment="7",agrees="true"'
    assert f"\nstatements_build_info{{{labels}}} 1\n" in exposed([metrics.build_info(what)]).decode()
    resource = otel.configured({"STATEMENTS_LAYERS": "trace otel"}).resource
    assert resource.attributes["service.version"] == "1.2.3+g0123456789ab"


def test_what_is_unknown_is_said_to_be_so() -> None:
    what = Running("1", None, Deployment())
    assert what.told() == {"deployment": {}, "agrees": None}
    assert log.members_of(what) == ',"service.version":"1"'
    labels = 'version="1",commit="unknown",deployment="unknown",agrees="unknown"'
    assert f"{{{labels}}}" in exposed([metrics.build_info(what)]).decode()


@given(st.text())
def test_any_name_of_a_deployment_is_a_member_of_a_line(name: str) -> None:
    line = json.loads("{" + log.members_of(Running("1", None, Deployment(version=name)))[1:] + "}")
    assert line.get("statements.deployment", "") == name[: log.DEPLOYMENT_CHARACTERS]


@pytest.mark.slow
def test_promtool_reads_any_name_of_a_deployment() -> None:
    text = exposed([info("a_build_info", "Tells.", (("deployment", 'back\\slash "quote"\nline é'),))])
    done = subprocess.run(
        [tools.promtool(), "check", "metrics"], input=text, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_the_exporters_own_attributes_are_stronger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=mine")
    assert otel.configured({"STATEMENTS_LAYERS": "trace otel"}).resource.attributes["service.version"] == "mine"

"""A study of replacements: its cases, what its page says, from made-up runs, and declarations that are refused."""

import io
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from bench import catalog
from bench.catalog.checks import check_study
from bench.errors import LabError, MissingError
from bench.measure import identity
from bench.measure.instruments.clients import LOSSES
from bench.model import Measurement, Ready, ReplacedCase, Run, Session
from bench.plan.planned import plan
from bench.provision import system
from bench.readiness import servers
from bench.report import page, replacements, study_page, summary
from bench.report.answer import answers
from bench.report.finding import find
from bench.report.overview import MOST_COLUMNS, MOST_ROWS
from bench.report.rows import Finding
from bench.report.wording import fits
from tests.declared import CATALOG
from tests.unit.made import artifact, interpreter

STUDY = CATALOG.studies["replacements"]
PLAN = plan(STUDY, CATALOG)
CASES = [case for case in PLAN.cases if isinstance(case, ReplacedCase)]
LOSING = "uwsgi-processes"
FAILED = "chain-reload"
MACHINE = {"cores": 2, "commit": "0123456789ab"}


def losses(case: ReplacedCase) -> int:
    if case.way == "stop-and-start":
        return 400
    return 7 if case.stack.server == LOSING else 0


def bad(case: ReplacedCase) -> dict[str, tuple[float, ...]]:
    goes_on = case.way in {"sigusr2", "one-port", "behind-nginx"}
    return {
        "broken.asked": (8000.0,),
        "broken.lost": (0.0 if goes_on else 8000.0,),
        "broken.rate": (1600.0 if goes_on else 0.0,),
        "broken.back": (0.5,),
        "wrong.asked": (8000.0,),
        "wrong.lost": (0.0 if case.way == "behind-nginx" else 8000.0,),
        "wrong.rate": (1600.0 if case.way == "behind-nginx" else 0.0,),
        "wrong.back": (0.7,),
    }


def run(case: ReplacedCase) -> Run:
    if case.way == FAILED:
        return Run(case=case, block=0, started="", seconds=1.0, verdict="failed", reason="it hangs")
    values = {
        "asked": (16_000.0,),
        **{f"lost.{loss}": (0.0,) for loss in LOSSES},
        "lost.refused": (float(losses(case)),),
        "longest": (0.5 if losses(case) else 0.02,),
        "switched": (0.4, 0.6, 0.5),
        "memory.before": (40e6,),
        "memory.after": (41e6,),
        "cpu": (100e-6,),
        **({} if case.kept else bad(case)),
    }
    found = tuple(Measurement(metric=name, unit="1", values=each) for name, each in values.items())
    return Run(case=case, block=0, started="", seconds=1.0, verdict="pass", measurements=found)


@pytest.fixture(scope="module")
def finding() -> Finding:
    session = Session(plan=PLAN, started="2026-11-29T09:00:00+00:00", seed=1, machine=MACHINE, finished="then")
    return find(session, [run(case) for case in CASES])


def test_each_server_is_replaced_in_each_way_that_is_for_it() -> None:
    assert {phase.name for phase in PLAN.phases} == {"replaced"}
    found: dict[str, set[str]] = {}
    for case in CASES:
        found.setdefault(case.stack.server or case.variant, set()).add(case.way)
    assert found.keys() == {*STUDY.servers, *STUDY.peers}
    assert found["gunicorn-gthread"] == {"sighup", "sigusr2", "one-port"}
    assert found["bjoern"] == {"one-port-drain-layer"}
    assert found["uvicorn-httptools"] == {"stop-and-start", "sighup-2-workers", "behind-nginx"}
    assert PLAN.catalog.replacements.keys() == set(STUDY.ways) == {case.way for case in CASES}


def test_connections_are_kept_where_the_server_or_its_proxy_keeps_them() -> None:
    kept = {(case.stack.label, case.way) for case in CASES if case.kept}
    assert ("gunicorn-gthread", "sighup") in kept
    assert ("gunicorn-sync", "sighup") not in kept
    assert ("waitress", "behind-nginx") in kept
    assert {(case.stack.label, case.way) for case in CASES if not case.kept} >= kept


def test_the_answers_are_short_and_name_the_ways(finding: Finding) -> None:
    told = answers(finding)
    assert all(fits(each) for each in told)
    assert told[0].startswith("Replaced without a lost request: 11 of 12 servers, such as Gunicorn's sync worker (")
    assert told[1:] == (
        "The others lost, in their best way, 7 on uWSGI (SIGHUP).",
        "Stopped and then started, a server answers nothing for 0.50 s (Tomcat).",
    )


def test_the_first_table_is_small_and_has_the_best_way_of_each_server(finding: Finding) -> None:
    table = replacements.first(finding)
    assert len(STUDY.servers) + len(STUDY.peers) + 1 == len(table) <= MOST_ROWS + 1
    assert {len(row) for row in table} == {len(table[0])}
    assert len(table[0]) <= MOST_COLUMNS
    rows = {row[0]: row[1:] for row in table[1:]}
    assert rows["uWSGI"][1:3] == ["SIGHUP", "7 of 16,000"]
    assert rows["Gunicorn's gthread worker"][2] == "0 of 32,000"


def test_the_page_tells_each_loss_with_its_cause_and_what_failed(finding: Finding) -> None:
    text = study_page.page(finding)
    assert "uwsgi-processes, touch-chain-reload, 2 workers, new connections: it hangs" in text
    for title in list(replacements.tables(finding))[:4]:
        assert title in text
    causes = {(row[0], row[1]): row[2:] for row in replacements.causes(finding)[1:]}
    assert causes["uWSGI", "SIGHUP"][0] == "7 of 16,000"


def test_the_ways_are_told_apart_by_what_a_bad_version_does(finding: Finding) -> None:
    found = replacements.tables(finding)
    broken, wrong = (
        {row[0]: row[1:] for row in found[title][1:]}
        for title in ("A version that does not start", "A version that answers wrong")
    )
    assert broken["stop, then start"][0] == "—"
    assert broken["SIGUSR2, then SIGTERM"] == [
        "Gunicorn's sync worker, Gunicorn's gthread worker",
        "0 of 8,000",
        "—",
        "0.500",
    ]
    assert wrong["SIGUSR2, then SIGTERM"] == ["—", "—", "Gunicorn's sync worker, Gunicorn's gthread worker", "0.700"]


def test_the_report_and_the_terminal_show_all_tables(finding: Finding, tmp_path: Path) -> None:
    html, shown = page.html(finding), io.StringIO()
    summary.show(Console(file=shown, width=200), finding, tmp_path / "report.html", json=False)
    for title in replacements.tables(finding):
        assert title in html
        assert title in shown.getvalue()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ways": ("sighop",)}, r"replaced\.ways: unknown replacement 'sighop'; did you mean 'sighup'\?$"),
        ({"servers_of": {"sighup": ("bjoern",)}}, r"replaced\.servers_of: sighup replaces no bjoern of this study"),
        ({"servers_of": {"sighop": ()}}, r"replaced\.servers_of: unknown way of this study 'sighop'"),
    ],
)
def test_a_study_names_ways_that_replace_its_servers(changed: dict[str, object], told: str) -> None:
    with pytest.raises(LabError, match=told):
        check_study(replace(STUDY, replaced=replace(STUDY.replaced, **changed)), CATALOG)


def test_a_way_that_replaces_no_server_of_the_study_is_refused() -> None:
    only = replace(STUDY.replaced, ways=("sighup",), servers_of={})
    with pytest.raises(LabError, match=r"replaced\.ways: sighup replaces none of the servers"):
        check_study(replace(STUDY, servers=("bjoern",), frameworks_of={}, replaced=only), CATALOG)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('order = "stop-first"', "", "name one of signals, touch and order"),
        ('order = "stop-first"', 'order = "stop-first"\ntouch = "{scrach}"', "name one of signals, touch and order"),
        ('order = "stop-first"', 'touch = "{scrach}"', "touch: unknown placeholder '{scrach}'"),
        (
            'order = "stop-first"',
            'order = "stop-first"\nservers = ["bjorn"]',
            "servers: unknown server program 'bjorn'",
        ),
        (
            'order = "stop-first"',
            'order = "stop-first"\ncauses = { bjorn = "" }',
            "causes: unknown server or peer 'bjorn'",
        ),
    ],
)
def test_a_replacement_without_sense_is_refused(checkout: Path, old: str, new: str, told: str) -> None:
    path = checkout / "bench/replacements/stop-and-start.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(LabError, match=rf"^bench/replacements/stop-and-start\.toml: .*{told}"):
        catalog.read()


def test_without_nginx_only_the_ways_with_it_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def require(needs: tuple[str, ...]) -> None:
        if "nginx" in needs:
            raise MissingError("nginx is missing", "apt-get install nginx")

    monkeypatch.setattr(system, "require", require)
    lacks = servers.tunings_missing(PLAN)
    assert lacks.keys() == {"+behind-nginx"}
    built = artifact("cpython", interpreter=interpreter(name=CATALOG.variant("cpython").interpreter))
    ready = Ready(machine={}, artifacts={"cpython": replace(built, lacks=lacks)})
    (phase,) = identity.identify_plan(PLAN, ready).phases
    left = {case.way for case in phase.cases if isinstance(case, ReplacedCase)}
    assert left == set(STUDY.ways) - {"behind-nginx"}

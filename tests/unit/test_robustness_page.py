"""The page of a study of attacks, from made-up reactions: answers, the first table, the plot, the folded tables."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from bench import keep
from bench.analysis.robustness import KINDS
from bench.attacks import CORPUS
from bench.catalog import pairing
from bench.model import Good, Measurement, Phase, Plan, RobustnessCase, Run, Session, Stack, Trial
from bench.model.attack import Attack
from bench.paths import KEPT
from bench.plan.planned import plan, selected
from bench.report import attacks, charts, docs, page, robustness, study_page, summary
from bench.report.answer import answers
from bench.report.attacked import attacked
from bench.report.finding import find
from bench.report.overview import MOST_COLUMNS, MOST_ROWS
from bench.report.rows import Finding
from bench.report.wording import fits
from tests.declared import CATALOG

STUDY = CATALOG.studies["robustness"]
WELL = Good(right=True, seconds=0.01)
MACHINE = {"cores": 2, "commit": "0123456789ab"}


def reply(attack: Attack) -> str:
    """What a server answers that stands an attack."""
    if "refused" in attack.allowed:
        return "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    return "".join(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}" for body in attack.expect)


def trial(attack: Attack, server: str) -> Trial:
    """A reaction: each server but one has a weakness."""
    stood = Trial(attack=attack.name, received=reply(attack), end="closed", seconds=0.1, after=WELL)
    weak: dict[str, tuple[str, dict[str, Any]]] = {
        "gunicorn-meinheld": ("connect", {"died": ("gunicorn",), "received": ""}),
        "granian-asgi": ("http-1.0", {"received": "HTTP/1.1 500 X\r\n\r\n"}),
        "gunicorn-sync": ("idle", {"end": "open", "received": "", "beside": Good(right=False, told="no", seconds=5.0)}),
        "bjoern": ("body-of-get", {"received": "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nWaited 7 ms.\n"}),
        "waitress": (
            "fold",
            {"after": Good(right=False, told="status 500 instead of 200: b''", seconds=0.1), "recovered_seconds": 1.0},
        ),
    }
    if attack.name == "body-endless" and "+nginx" in server:  # what nginx lets through
        return msgspec.structs.replace(stood, received="", end="open")
    if server in {"uwsgi-processes+nginx-uwsgi", "uwsgi-threads+nginx-uwsgi"} and attack.name == "line-8000":
        return msgspec.structs.replace(stood, received="HTTP/1.1 502 Bad Gateway\r\n\r\n")
    if server == "fastwsgi+nginx-tcp" and attack.name == "http-1.0":
        return msgspec.structs.replace(stood, received="HTTP/1.1 500 X\r\n\r\n")
    name, changed = weak.get(server, ("", {}))
    return msgspec.structs.replace(stood, **changed) if attack.name == name else stood


def run(stack: Stack, verdict: str = "pass") -> Run:
    case = RobustnessCase(stack=stack, limit_seconds=5.0, patience_seconds=65.0)
    if verdict != "pass":
        return Run(case=case, block=0, started="", seconds=1.0, verdict="failed", reason="it never started")
    attacks = [each.attack for each in CORPUS]
    values = {"memory.idle": 30e6, "memory.after": 40e6, "restarts": 0.0}
    return Run(
        case=case,
        block=0,
        started="",
        seconds=70.0,
        verdict="pass",
        measurements=tuple(Measurement(metric=name, unit="B", values=(value,)) for name, value in values.items()),
        facts={
            "attacks": msgspec.to_builtins(attacks),
            "trials": msgspec.to_builtins([trial(each, stack.server) for each in attacks]),
            "proxy": "nginx/1.22.1",
        },
    )


@pytest.fixture(scope="module")
def finding() -> Finding:
    phase = plan(STUDY, CATALOG).phase("robustness")
    failed = "hypercorn"
    runs = [run(case.stack, "failed" if case.stack.server == failed else "pass") for case in phase.cases]
    planned = Plan(study=STUDY, catalog=selected(STUDY, CATALOG), phases=(Phase("robustness", 1, phase.cases),))
    session = Session(plan=planned, started="2026-11-28T09:00:00+00:00", seed=1, machine=MACHINE, finished="then")
    return find(session, runs)


def test_every_server_is_attacked_alone_and_behind_nginx() -> None:
    alone = {name for name in STUDY.servers if "+" not in name}
    proxied = {name.partition("+")[0] for name in STUDY.servers if "+nginx" in name}
    assert alone == proxied == {server.label for server in CATALOG.servers.values()}


def test_the_answers_are_short_and_say_what_to_use_where(finding: Finding) -> None:
    told = answers(finding)
    assert len(told) == 3
    assert all(fits(each) for each in told)
    assert told[0] == ("Without nginx 14 servers, such as gunicorn-gthread, answer 0 of 134 attacks wrongly.")
    assert told[1] == (
        "Behind nginx use any server but fastwsgi and gunicorn-meinheld: 17 of 20 fail only the one attack"
        " that nginx itself does not end in time."
    )
    assert told[2] == (
        "Only behind nginx: waitress, granian-asgi, bjoern"
        " (hidden requests answered, 5xx, or processes ended). Not at all: fastwsgi, gunicorn-meinheld"
        " (quick attacks end a process)."
    )


def test_few_good_servers_are_named(finding: Finding) -> None:
    steady = [each for each in finding.attacked if each.stack.server in {"uvicorn-h11", "gunicorn-gevent", "bjoern"}]
    assert next(robustness.answers(steady)) == (
        f"Without nginx use gunicorn-gevent or uvicorn-h11: each answers 0 of {len(CORPUS)} attacks wrongly,"
        " leaves some unanswered, and has no worse fault."
    )
    bad = [each for each in steady if each.stack.server == "bjoern"]
    assert next(robustness.answers(bad)).startswith("Without nginx use none: ")


def test_rows_go_by_severity(finding: Finding) -> None:
    *_, silent, spoilt, error, death, hidden = (row[0] for row in robustness.whole_tables(finding.attacked)["alone"])
    assert [silent, spoilt, error, death, hidden] == [
        "gunicorn-sync", "waitress", "granian-asgi", "gunicorn-meinheld", "bjoern",
    ]  # fmt: skip


def test_a_5xx_to_the_next_request_and_a_502_of_a_proxy_are_listed(finding: Finding) -> None:
    rows = robustness.unfit_table(finding.attacked)
    assert ["waitress", "status 500 to a good request after it", "a field on two lines (obs-fold)"] in rows
    assert ["granian-asgi, fastwsgi+nginx-tcp", "status 500", "GET by HTTP/1.0 without Host"] in rows
    assert [
        "uwsgi-processes+nginx-uwsgi, uwsgi-threads+nginx-uwsgi", "status 502", "a request line of 8,000 bytes",
    ] in rows  # fmt: skip


def test_behind_nginx_equal_servers_share_a_row_and_the_worst_shows(finding: Finding) -> None:
    *_, many, worst = robustness.table(finding.attacked)
    assert many[0] == "17 servers + nginx"
    assert worst[0] == "3 servers + nginx"


def test_a_memory_of_a_new_worker_says_so(finding: Finding) -> None:
    rows = {row[0]: row for row in robustness.whole_tables(finding.attacked)["alone"]}
    assert rows["gunicorn-meinheld"][-1] == "40.0 (new)"
    assert rows["bjoern"][-1] == "40.0"


def test_the_first_table_is_small_and_counts_each_failure(finding: Finding) -> None:
    grid = robustness.table(finding.attacked)
    assert len(grid) <= MOST_ROWS + 1
    assert all(len(row) <= MOST_COLUMNS for row in grid)
    rows = {row[0]: row[1:] for row in robustness.whole_tables(finding.attacked)["alone"]}
    whole = f"{len(CORPUS)} of {len(CORPUS)}"
    one = f"{len(CORPUS) - 1} of {len(CORPUS)}"
    assert rows["uvicorn-h11"] == [whole, "0", "0", "0", "0", "0", "0", "0", "40.0"]
    assert rows["gunicorn-meinheld"] == [one, "0", "1", "0", "0", "0", "0", "0", "40.0 (new)"]
    assert rows["granian-asgi"] == [one, "0", "0", "1", "0", "0", "0", "0", "40.0"]
    assert rows["gunicorn-sync"] == [one, "0", "0", "0", "0", "0", "1", "1", "40.0"]
    assert rows["bjoern"] == [one, "1", "0", "0", "0", "0", "0", "0", "40.0"]
    assert rows["waitress"] == [one, "0", "0", "0", "0", "1", "0", "1", "40.0"]
    assert "hypercorn" not in rows


def test_each_attack_names_the_servers_that_fail_it(finding: Finding) -> None:
    tables = robustness.attacks_tables(finding.attacked)
    assert sum(len(rows) - 1 for rows in tables.values()) == len(CORPUS)
    rows = {row[0]: row for kind in tables.values() for row in kind}
    assert rows["CONNECT"][3:] == ["death: gunicorn-meinheld", "none"]
    assert rows["a field on two lines (obs-fold)"][3] == "next request wrong: waitress"
    assert rows["a connection without a byte"][3] == "silent: gunicorn-sync; next request wrong: gunicorn-sync"
    assert rows["as the body of a GET"][3] == "hidden request answered: bjoern"


def test_the_page_has_everything_and_folds_most(finding: Finding) -> None:
    text = study_page.page(finding)
    head, _, rest = text.partition("## All figures")
    assert head.count("<details>") == 0
    assert rest.count("<details>") == 3 + 7
    assert "| gunicorn-meinheld | worker ended and replaced (gunicorn) after 0 s | CONNECT |" in head
    assert "cpython/falcon-asgi/hypercorn: it never started" in text
    assert f"plots/robustness-{next(docs.drawn(finding)).name}.svg" in text
    assert "Proxies: nginx/1.22.1" in text
    assert "0 trials were repeated; no outcome changed." in text
    assert "gunicorn-sync, uwsgi-processes, uwsgi-threads, uwsgi-gevent and uwsgi-asyncio close each connection" in head


def test_the_plot_shows_each_kind_of_failure(finding: Finding) -> None:
    svg = next(docs.drawn(finding)).svg()
    for kind in (*KINDS, "gunicorn-meinheld", "behind nginx"):
        assert kind in svg
    assert "bjoern 1 (1 hidden)" in attacks.told(finding.attacked)
    shown = json.dumps(attacks.chart(finding.attacked, charts.WIDE).to_dict())
    assert '{"server": "bjoern", "kind": "hidden request answered", "at": 0, "count": 1}' in shown


def test_the_report_shows_plot_and_tables(finding: Finding) -> None:
    text = page.html(finding)
    assert '<section id="attacks">' in text
    assert '<section id="attacked">' in text
    assert '<section id="sent">' in text
    assert '<section id="stacks">' not in text
    assert re.search(r"<td>death: gunicorn-meinheld</td>", text)
    assert "No figures" not in text


def test_the_terminal_shows_every_server(finding: Finding, capsys: pytest.CaptureFixture[str]) -> None:
    summary.show(Console(width=120), finding, page=Path("report.html"), json=False)
    told = capsys.readouterr().out
    assert "gunicorn-meinheld" in told
    assert "Without nginx" in told
    assert "hidden" in told


def test_each_server_that_a_kept_session_shows_unfit_says_so_beside_its_speed() -> None:
    kept = keep.read(KEPT / "robustness.jsonl.xz")
    unfit = [each for each in attacked(kept.session, kept.runs) if robustness.is_unfit(each)]
    assert unfit
    for each in unfit:
        server = pairing.server_file(CATALOG, Stack(variant="cpython", framework="bare", server=each.stack.label))
        assert CATALOG.words[server.name].lead == "not recommended", each.name

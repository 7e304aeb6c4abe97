"""Requests through layerings within a process: their declarations, cases, tokens and answers, and what a study says."""

import io
import json
import os
import runpy
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from rich.console import Console

from app.core import transform
from app.resources import Resources
from bench import catalog, documents
from bench.analysis.added import added
from bench.build import beside
from bench.documents import callers, tokens
from bench.errors import LabError, MissingError
from bench.measure import blocks, identity
from bench.measure.instruments import layers as instrument
from bench.model import Exchange, LayersCase, Measurement, Ready, Run, Session, Unavailable
from bench.plan import estimate, layered
from bench.plan.planned import plan
from bench.report import layers, page, study_page, summary
from bench.report.answer import answers
from bench.report.finding import find
from bench.report.pictures import pictures
from bench.report.wording import fits
from bench.subject import asking
from tests.declared import CATALOG, planned
from tests.unit import made

STUDY = CATALOG.studies["identity"]
NAMED = STUDY.layers.named if STUDY.layers else ()
SIZE = 4  # requests, where a test makes them

# ---------------------------------------------------------------- declarations and cases


def test_each_layering_is_measured_on_the_frameworks_that_it_is_for() -> None:
    (phase,) = plan(STUDY, CATALOG).phases
    cases = [case for case in phase.cases if isinstance(case, LayersCase)]
    assert {case.framework for case in cases if case.layering == "identity"} == set(STUDY.frameworks)
    assert {case.framework for case in cases if case.layering == "falcon-auth2"} == {"falcon"}
    assert {case.framework for case in cases if case.layering == "flask-jwt-extended"} == {"flask-restful"}
    assert len({case.identity for case in cases}) == len(cases)


def test_the_first_layering_is_measured_in_every_block_and_on_the_first_framework_twice() -> None:
    (phase,) = plan(STUDY, CATALOG).phases
    first = [case for case in phase.cases if isinstance(case, LayersCase) and case.layering == NAMED[0]]
    assert [(case.framework, case.workload) for case in first if case.aa] == [("bare", "medium"), ("bare", "hello")]
    assert {case.framework for case in first if not case.aa} == set(STUDY.frameworks)


def test_all_cases_have_as_many_requests_to_a_value() -> None:
    for case in plan(STUDY, CATALOG).cases:
        assert isinstance(case, LayersCase)
        spec = CATALOG.workloads[case.workload].documents
        assert STUDY.layers
        assert case.loops * (spec.count if spec else layered.SAME_REQUESTS) == STUDY.layers.requests
        assert 0.5 < estimate.case_seconds(case, CATALOG) < 5


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        (
            "bench/layerings/falcon-auth2.toml",
            '"falcon"]',
            '"falcn"]',
            "frameworks: unknown framework 'falcn'; did you",
        ),
        (
            "bench/layerings/falcon-auth2.toml",
            "_around.py",
            ".py",
            r"around: there is no file bench/yardsticks/falcon_",
        ),
        ("bench/layerings/context.toml", '["context"]', '["contex"]', r"layers: there is no layer app/contex\.py"),
        (
            "bench/layerings/identity.toml",
            "{jwks}",
            "{keys}",
            r"env: unknown placeholder '\{keys\}'; known: .*\{jwks\}",
        ),
        ("bench/layerings/identity-each-rs256.toml", '"RS256"', '"HS256"', "bearer.algorithm"),
        ("bench/studies/identity.toml", '"none"', '"non"', "layers.named: unknown layering 'non'"),
        ("bench/studies/identity.toml", '"flask-restful", ', "", "'flask-jwt-extended' is for flask-restful only"),
        ("bench/studies/identity.toml", '"falcon-asgi"', '"bare-rsgi"', "'bare-rsgi' is not WSGI or ASGI"),
    ],
)
def test_a_wrong_declaration_is_an_error_that_names_its_file(
    checkout: Path, file: str, old: str, new: str, reason: str
) -> None:
    path = checkout / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(LabError, match=f"^{file}.*{reason}"):
        catalog.read()


def test_a_layering_without_a_bearer_has_no_places_for_one(checkout: Path) -> None:
    path = checkout / "bench/layerings/context.toml"
    path.write_text(path.read_text() + '[env]\nSTATEMENTS_JWKS = "{jwks}"\n')
    with pytest.raises(LabError, match=r"context\.toml: env: unknown placeholder"):
        catalog.read()


def test_the_packages_of_a_layering_are_those_of_its_layers_or_its_own() -> None:
    named = {name: instrument.packages(CATALOG, CATALOG.layerings[name], "cython") for name in NAMED}
    assert named["none"] == named["context"] == ()
    assert named["identity"] == named["identity-each"] == ("pyjwt", "cryptography")
    assert named["falcon-auth2"][0] == "falcon-auth2"
    assert instrument.packages(CATALOG, CATALOG.layerings["identity"], "pypy") == ("pyjwt",)


def case_of(layering: str, **changes: Any) -> LayersCase:
    usual: dict[str, Any] = {"variant": "cython", "framework": "falcon", "workload": "medium"}
    return LayersCase(layering=layering, **usual | changes)


@pytest.mark.slow
def test_a_changed_layering_or_yardstick_changes_its_own_cases(checkout: Path) -> None:
    def identities() -> list[str]:
        declared, artifact = catalog.read(), made.artifact("cython")
        return [identity.identify(declared, case_of(name), artifact).identity for name in NAMED]

    before = identities()
    path = checkout / "bench/layerings/identity-some.toml"
    path.write_text(path.read_text().replace("0.5", "0.25"))
    changed = [name for name, one, two in zip(NAMED, before, identities(), strict=True) if one != two]
    assert changed == ["identity-some"]


def test_the_code_of_a_request_is_part_of_its_cases() -> None:
    files = identity.code_of("layers")
    assert {"bench/subject/asking.py", "bench/subject/micro.py", "bench/documents/tokens.py"} <= set(files)
    assert "layers" in blocks.INSTRUMENTS


# ---------------------------------------------------------------- packages


def test_missing_packages_are_unavailable_and_only_their_cases_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def provide(_: str, names: tuple[str, ...]) -> None:
        if "cryptography" in names:
            raise MissingError("no wheel")

    monkeypatch.setattr(beside, "provide", provide)
    lacks = tuple(instrument.provision(CATALOG, STUDY, "cython"))
    assert {lack.layering for lack in lacks} == set(NAMED) - {"none", "context"}
    assert not any(lack.covers("cython", "falcon", layering="context", instrument="layers") for lack in lacks)
    assert not any(lack.covers("cython") for lack in lacks), "the core alone can be measured"
    ready = Ready(machine={}, artifacts={"cython": made.artifact("cython")}, unavailable=lacks)
    (phase,) = plan(STUDY, CATALOG).phases
    left = identity.identify_phase(CATALOG, phase, ready).cases
    assert {case.layering for case in left if isinstance(case, LayersCase)} == {"none", "context"}


# ---------------------------------------------------------------- requests and answers


def exchanges() -> list[Exchange]:
    spec = CATALOG.workloads["medium"].documents
    assert spec
    few = msgspec.structs.replace(spec, count=SIZE, check=0, unseen=0)
    return [
        Exchange(method="POST", path="/statements", body=body, expect=answer)
        for _, body, answer in documents.sets.answered(few)
    ]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> list[Exchange]:
    """The requests of `medium`, but few."""
    found = exchanges()
    monkeypatch.setattr(documents, "ensure", lambda workload: documents.DocumentSet(Path(), SIZE, 1, ""))
    monkeypatch.setattr(documents, "exchanges", lambda workload, folder: found if folder else [hello()])
    return found


def hello() -> Exchange:
    return Exchange(method="GET", path="/hello", body=None, expect=b"Hello, world!\n")


def prepared(name: str, folder: Path, workload: str = "medium") -> tuple[dict[str, str], dict[str, Any]]:
    """The environment and the request that the measured process gets."""
    env = instrument.prepared(CATALOG.layerings[name], CATALOG.workloads[workload], folder)
    return env, json.loads((folder / "request.json").read_text())


def claims(token: str, env: dict[str, str]) -> dict[str, Any]:
    """The claims of a token, verified as its reader is told to."""
    (key,) = jwt.PyJWKSet.from_json(Path(env["STATEMENTS_JWKS"].removeprefix("file://")).read_text()).keys
    algorithm, audience = env["STATEMENTS_ALGORITHMS"], env["STATEMENTS_AUDIENCE"]
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    found: dict[str, Any] = jwt.decode(
        token, key, algorithms=[algorithm], audience=audience, issuer=env["STATEMENTS_ISSUER"]
    )
    return found


@pytest.mark.parametrize("name", ["identity", "identity-each-rs256", "identity-each-eddsa", "falcon-auth2"])
def test_each_request_has_a_token_of_its_own_that_the_declared_keys_verify(name: str, tmp_path: Path) -> None:
    env, request = prepared(name, tmp_path)
    assert len(set(request["tokens"])) == SIZE
    assert {claims(token, env)["scope"] for token in request["tokens"]} == {"statements customers:all"}
    assert env["STATEMENTS_LAYERS"] == ("" if request["around"] else "identity")


def test_without_a_bearer_no_request_has_a_token(tmp_path: Path) -> None:
    env, request = prepared("none", tmp_path)
    assert (env, request["tokens"], request["around"]) == ({"STATEMENTS_LAYERS": ""}, [], None)


def test_a_caller_who_sees_some_customers_gets_their_statements_and_sums_alone(
    tmp_path: Path, few: list[Exchange]
) -> None:
    env, request = prepared("identity-some", tmp_path)
    for number, (each, token) in enumerate(zip(few, request["tokens"], strict=True)):
        whole = json.loads(each.expect)
        answer = json.loads((tmp_path / "documents" / f"{number:04}.out.json").read_bytes())
        scopes = claims(token, env)["scope"].split()
        assert scopes == ["statements", *(f"customer:{customer['id']}" for customer in answer["customers"])]
        assert 0 < len(answer["customers"]) < len(whole["customers"])
        assert answer["totals"]["net"] == sum(customer["net"] for customer in answer["customers"])
        assert {"duplicates", "cancelled"}.isdisjoint(answer)


def test_who_sees_every_customer_sees_their_statements_and_the_same_totals(few: list[Exchange]) -> None:
    whole = json.loads(few[0].expect)
    shown = json.loads(callers.shown(few[0], callers.seen(few[0], 1.0)).expect)
    assert [shown[name] == whole[name] for name in ("batch", "currency", "customers", "totals")] == [True] * 4


def test_a_request_that_accepts_hal_expects_hal(tmp_path: Path, few: list[Exchange]) -> None:
    for name, is_hal in (("hal", True), ("hal-json", False), ("hal-dictionaries", True)):
        (tmp_path / name).mkdir()
        env, request = prepared(name, tmp_path / name)
        assert request["headers"]["Accept"] == ("application/hal+json" if is_hal else "application/json")
        assert env["STATEMENTS_LAYERS"] == ("" if request["around"] else "hal")
        for number, each in enumerate(few):
            expected = Resources(are_kept=False).answer(each.expect) if is_hal else each.expect
            assert (tmp_path / name / "documents" / f"{number:04}.out.json").read_bytes() == expected
    (tmp_path / "hello").mkdir()
    prepared("hal", tmp_path / "hello", "hello")
    assert (tmp_path / "hello" / "documents" / "0000.out.json").read_bytes() == b"Hello, world!\n"


def test_a_workload_without_documents_asks_the_same_with_other_tokens(tmp_path: Path) -> None:
    _, request = prepared("identity-some", tmp_path, "hello")
    answers = list((tmp_path / "documents").glob("*.out.json"))
    assert len(set(request["tokens"])) == layered.SAME_REQUESTS == len(answers)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_a_token_of_another_issuer_is_not_verified(algorithm: Any) -> None:
    one, other = tokens.Issuer(algorithm), tokens.Issuer(algorithm)
    (key,) = jwt.PyJWKSet.from_json(other.jwks().decode()).keys
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(one.token("a", ["b"]), key, algorithms=[algorithm], audience=tokens.AUDIENCE)


Wsgi = Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]


def asked(interface: str, monkeypatch: pytest.MonkeyPatch, application: Any, **request: Any) -> Any:
    """How `asking` asks an application."""
    monkeypatch.setitem(os.environ, "STATEMENTS_FRAMEWORK", f"app.{interface}.some_app")
    usual = {"method": "POST", "path": "/statements", "headers": {"Host": "h", "Content-Type": "a/b"}, "tokens": []}
    return asking.asked(application, usual | request)


def test_a_wsgi_application_gets_each_document_with_the_next_token(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    closed: list[bool] = []

    class Body(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def application(environ: dict[str, Any], start: Callable[..., object]) -> Body:
        document = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        seen.append((environ["HTTP_AUTHORIZATION"], environ["CONTENT_TYPE"], environ["HTTP_HOST"], document))
        start("200 OK", [])
        return Body([document, b"!"])

    ask, timed = asked("wsgi", monkeypatch, application, tokens=["a", "b"])
    assert [ask(b"1"), ask(b"22"), ask(b"3")] == [b"1!", b"22!", b"3!"]
    assert seen == [("Bearer a", "a/b", "h", b"1"), ("Bearer b", "a/b", "h", b"22"), ("Bearer a", "a/b", "h", b"3")]
    assert (timed, closed) == (None, [True] * 3)


def test_an_asgi_application_gets_each_document_with_the_next_token_in_one_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        seen.append((dict(scope["headers"]).get(b"authorization"), body, (await receive())["type"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body"})

    ask, timed = asked("asgi", monkeypatch, application, tokens=["a", "b"])
    assert ask(b"1") == b"1"
    assert timed(2, ask, [b"2", b"3"]) > 0
    assert [token for token, _, _ in seen] == [b"Bearer a", b"Bearer b"] * 2 + [b"Bearer a"]
    assert [body for _, body, _ in seen] == [b"1", b"2", b"3", b"2", b"3"]
    assert {later for _, _, later in seen} == {"http.disconnect"}


@pytest.mark.parametrize("framework", ["bare", "falcon", "flask-restful", "wheezy-web", "falcon-asgi"])
def test_every_framework_answers_right_when_asked_within_the_process(
    framework: str, monkeypatch: pytest.MonkeyPatch, few: list[Exchange]
) -> None:
    from importlib import import_module  # noqa: PLC0415

    from app.contract import load_core  # noqa: PLC0415

    module = CATALOG.frameworks[framework].module
    application = import_module(module).make(load_core("app.core"), {}, lambda seconds: None)
    headers = {"Host": "h", "Content-Type": "application/json"}
    ask, _ = asked(module.split(".")[1], monkeypatch, application, headers=headers)
    assert [ask(each.body) for each in few] == [each.expect for each in few]
    ask, _ = asked(module.split(".")[1], monkeypatch, application, method="GET", path="/hello")
    assert ask(b"") == b"Hello, world!\n"
    assert few[0].expect == transform(few[0].body or b"")


HAL = [
    (framework, name)
    for name in ("hal-json", "hal", "hal-dictionaries")
    for framework in CATALOG.studies["hal"].frameworks
    if CATALOG.layerings[name].is_for(framework)
]


@pytest.mark.parametrize(("framework", "name"), HAL)
def test_hal_is_answered_as_expected_within_the_process(
    framework: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from importlib import import_module  # noqa: PLC0415

    from app import layers as around  # noqa: PLC0415
    from app.contract import load_core  # noqa: PLC0415

    layering, declared = CATALOG.layerings[name], CATALOG.frameworks[framework]
    application = import_module(declared.module).make(load_core("app.core"), {}, lambda seconds: None)
    monkeypatch.setenv("STATEMENTS_LAYERS", " ".join(layering.layers))
    application = around.around(application, declared.interface, layering.layers)
    _, request = prepared(name, tmp_path)
    if request["around"]:
        application = runpy.run_path(request["around"])["around"](application)
    ask, _ = asked(declared.interface, monkeypatch, application, **request)
    for number in range(SIZE):
        document, answer = (tmp_path / "documents" / f"{number:04}{end}" for end in (".json", ".out.json"))
        assert ask(document.read_bytes()) == answer.read_bytes()


# ---------------------------------------------------------------- what a study says


def run(layering: str, block: int, seconds: float, **changes: Any) -> Run:
    values = (seconds, seconds * 1.01)
    return Run(
        case=case_of(layering, **changes),
        block=block,
        started="",
        seconds=1.0,
        verdict="pass",
        measurements=(Measurement(metric="time", unit="s", values=values),),
    )


ADDS = {"none": 0.0, "context": 0.0, "identity": 4e-6, "identity-some": 9e-5, "identity-each": 15e-5}
ADDS |= {"identity-each-rs256": 1e-4, "identity-each-eddsa": 16e-5, "falcon-auth2": 2e-4, "flask-jwt-extended": 3e-4}


def runs(blocks: int = 8) -> list[Run]:
    """Runs of the study in which each layering adds as much on every framework, and every other block is slow."""
    found = []
    for case in plan(STUDY, CATALOG).cases:
        assert isinstance(case, LayersCase)
        own = {"bare": 2e-5, "falcon": 3e-5, "flask-restful": 1e-4, "falcon-asgi": 5e-5}[case.framework]
        for block in range(blocks):
            apart = 1 + (block % 2) / 10 + (block % 3 - 1) / 100 * (case.layering == "context")
            seconds = (own + ADDS[case.layering]) * apart
            changes = {name: getattr(case, name) for name in ("framework", "workload", "aa")}
            found.append(run(case.layering, block, seconds, **changes))
    return found


def session(runs: list[Run], unavailable: tuple[Unavailable, ...] = ()) -> Session:
    cases = tuple(run.case for run in runs)
    machine: dict[str, Any] = {"cores": 2}
    plan_ = planned(STUDY, cases, unavailable)
    return Session(plan=plan_, started="2026-11-28T10:00:00+00:00", seed=1, machine=machine)


RUNS = runs()
FINDING = find(session(RUNS), RUNS)


def test_what_is_added_is_the_difference_within_blocks() -> None:
    one = [run("identity", block, 5e-5 + 1e-5 * block) for block in range(6)]
    two = [run("none", block, 4e-5 + 1e-5 * block) for block in range(1, 7)]
    found = added(one, two, "time")
    assert found
    assert found.seconds == pytest.approx(1.005e-5)
    assert found.low == pytest.approx(found.high) == pytest.approx(1.005e-5), "each block is as slow for both"
    assert added(one[:1], two[1:], "time") is None
    lone = added(one[:2], two, "time")
    assert lone
    assert (lone.low, lone.high) == (None, None)


def test_the_answers_tell_what_layers_add_and_what_stands_beside_them() -> None:
    told = answers(FINDING)
    assert len(told) == 3
    assert all(map(fits, told))
    assert told[0].startswith("Fifty orders without a framework: a request takes 2")
    assert "cached tokens +4." in told[0]
    assert "verifying each time +15" in told[0]
    assert told[1].startswith("Greetings without a framework")
    assert told[2].startswith("Beside it, fifty orders: falcon-auth2 +2")
    assert "Flask-JWT-Extended +3" in told[2]


def test_a_difference_within_noise_is_at_most_the_end_of_its_interval() -> None:
    row = FINDING.layered.of("cython", "bare", "context")
    assert row
    assert not row.slower.significant
    table = layers.table(FINDING)
    (cells,) = [cells for name, *cells in table if name == "A context for each request, and nothing in it"]
    assert cells[0].startswith("at most 0.1")


def test_the_first_table_fits_a_page_and_has_a_dash_where_a_layering_is_not_for_a_framework() -> None:
    heading, *rows = layers.table(FINDING)
    assert heading == ["layer", "bare, µs", "falcon, µs", "flask-restful, µs", "falcon-asgi, µs"]
    assert len(rows) <= 12
    assert rows[0][1].startswith("request: 2")
    (beside,) = [row for row in rows if row[0].startswith("falcon-auth2")]
    assert [cell == "—" for cell in beside[1:]] == [True, False, True, True]


def test_report_page_terminal_and_plot_show_every_figure() -> None:
    said = io.StringIO()
    summary.show(Console(file=said, width=200), FINDING, Path("report.html"), json=False)
    html, text = page.html(FINDING), study_page.page(FINDING)
    for shown in (said.getvalue(), html, text):
        assert "flask-jwt-extended" in shown
    assert "What does each layer add?" in html
    assert "Unavailable" not in text
    drawn = list(pictures(FINDING))
    assert [each.name for each in drawn] == ["medium-added", "hello-added"]
    assert drawn[0].words.startswith("Without a framework: cached tokens 4.")
    assert drawn[0].svg().startswith("<svg")


def test_a_failed_and_an_unavailable_layering_have_a_reason_and_no_figure() -> None:
    lack = Unavailable(what="x", reason="no wheel", variant="cython", layering="identity-each", instrument="layers")
    left = [each for each in RUNS if not (isinstance(each.case, LayersCase) and each.case.layering == "identity-each")]
    failed = [
        msgspec.structs.replace(each, verdict="failed", reason="wrong answer", measurements=())
        if isinstance(each.case, LayersCase) and each.case.layering == "identity-some" and not each.block
        else each
        for each in left
    ]
    finding = find(session(failed, (lack,)), failed)
    reasons = {row.layering: row.reason for row in finding.layered.rows if row.time is None}
    assert reasons == {"identity-each": "no wheel", "identity-some": "wrong answer"}
    assert "no wheel" in study_page.page(finding)
    assert all(row.slower.ratio is None for row in finding.layered.rows if row.time is None)
    summary.show(Console(file=io.StringIO()), finding, Path("report.html"), json=False)


def test_without_figures_of_the_first_layering_the_answer_says_so() -> None:
    failed = [msgspec.structs.replace(each, verdict="failed", reason="no", measurements=()) for each in RUNS]
    told = answers(find(session(failed), failed))
    assert told == (
        "Fifty orders without a framework: no answer, a request without a layer has no figure.",
        "Greetings without a framework: no answer, a request without a layer has no figure.",
    )

"""A user's application: what its builds and cases depend on, the copy it runs in, and the record of its process."""

import json
import os
import socket
import sys
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from bench import verify
from bench.build import applications, artifacts, variants
from bench.build.project import copy, fingerprint
from bench.catalog import pairing
from bench.errors import LabError
from bench.host import cpu_time
from bench.measure import identity
from bench.model import Application, Artifact, Backend, Catalog, Provisioned, Stack, StartupCase, Unavailable, Variant
from bench.own import study
from bench.own.asked import Asked
from bench.own.manifest import Manifest
from bench.own.study import with_application, with_backend
from bench.progress import Progress
from bench.readiness import building
from bench.serve import application as serving
from bench.serve import life_cycle, look, start_command
from bench.serve.life_cycle import RunningServer
from tests.declared import CATALOG

PYTHON = Provisioned("cpython-3.11", sys.executable, "cpython", "3.11.9", "path", {}, "made of this")


def application(source: Path, **more: object) -> Application:
    own = Application(
        name="shop", app="shop:application", interface="wsgi", source=str(source), source_sha256=fingerprint(source)
    )
    return replace(own, **more)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder. Nothing of the test is built, and pins are resolved into a folder of its own."""
    monkeypatch.setattr(applications, "LOCKS", tmp_path / "locks")
    monkeypatch.setattr(artifacts, "python", lambda _: Path(sys.executable))
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "shop.py").write_text("def application(environ, start_response):\n    pass\n")
    return folder


def declared(own: Application) -> tuple[Catalog, Variant]:
    catalog = with_application(CATALOG, own, "cpython-3.11")
    return catalog, catalog.variant(own.name)


def test_a_build_depends_on_requirements_and_not_on_source_or_interface(source: Path, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("")
    own = application(source, requirements=(str(tmp_path / "requirements.txt"),))
    found = variants.fingerprint_of(*declared(own), PYTHON)
    asgi = replace(own, interface="asgi", factory=True, env={"KEY": "1"}, source_sha256="other")
    assert variants.fingerprint_of(*declared(asgi), PYTHON) == found
    assert variants.fingerprint_of(*declared(own), replace(PYTHON, fingerprint="another")) != found
    applications.all_pins(applications.locked(own, PYTHON)).write_text("falcon==4.0.0\n")
    assert variants.fingerprint_of(*declared(own), PYTHON) != found


def test_an_unknown_backend_is_told_with_what_else_it_may_be() -> None:
    with pytest.raises(LabError) as caught:
        with_backend(CATALOG, Manifest(app="shop:application", backend="mysql"))
    known = "collector, nats, nats-fsync, postgres, redis"
    told = f"lab.toml: unknown backend 'mysql'; known: {known}; declare another one as a table [backend]"
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("own", "options", "told"),
    [
        ({"server": "bjorn"}, {}, "lab.toml: server: unknown server 'bjorn'; did you mean 'bjoern'?"),
        ({}, {"servers": ("bjorn",)}, "--servers: unknown server 'bjorn'; did you mean 'bjoern'?"),
        ({"interpreter": "2.7"}, {}, "lab.toml: interpreter: unknown interpreter '2.7'; known: cpython-3.10"),
        ({}, {"interpreters": ("2.7",)}, "--interpreters: unknown interpreter '2.7'; known: cpython-3.10"),
    ],
)
def test_an_unknown_name_is_told_with_the_file_or_option_that_has_it(
    source: Path, own: dict[str, str], options: dict[str, tuple[str, ...]], told: str
) -> None:
    lines = [f'{key} = "{value}"' for key, value in {"app": "shop:application", **own}.items()]
    (source / "lab.toml").write_text("\n".join(lines))
    (source / "requirements.txt").write_text("")
    requests = source / "requests"
    requests.mkdir()
    (requests / "first.http").write_text("GET /\n")
    with pytest.raises(LabError) as caught:
        study.study_of(replace(Asked(project=source), **options), CATALOG, Progress())
    assert str(caught.value).startswith(told)


def test_a_backend_of_ones_own_is_in_the_catalogue_of_its_study() -> None:
    own = Backend(name="true", argv=("true",), ready=("true",), dsn="")
    catalog, name = with_backend(CATALOG, Manifest(app="shop:application", backend=own))
    assert (name, catalog.backends["true"]) == ("true", own)
    assert with_backend(CATALOG, Manifest(app="shop:application")) == (CATALOG, None)


def test_an_unavailable_server_of_the_baseline_is_told_and_another_one_is_not(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lack = Unavailable(what="bjoern", reason="libev is missing", remedy=None, server="bjoern")
    made = Artifact("shop", "", "", "", "", 0, 0.0, PYTHON, "", lacks={"bjoern": lack})
    monkeypatch.setattr(building, "build_all", lambda *_: ({"shop": made}, [lack]))
    catalog, _ = declared(application(source))
    study._build(catalog, "shop", ("gunicorn-sync", "bjoern"), Progress())
    with pytest.raises(LabError) as caught:
        study._build(catalog, "shop", ("bjoern", "gunicorn-sync"), Progress())
    assert str(caught.value) == "the baseline's server bjoern is unavailable: libev is missing"


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("gunicorn-sync", ("--workers", "2")),
        ("granian-wsgi", ("--workers", "2")),
        ("uwsgi-processes", ("--processes", "2")),
    ],
)
def test_a_server_runs_the_workers_that_are_asked_for(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, words: tuple[str, str]
) -> None:
    monkeypatch.setattr(artifacts, "require", lambda _: None)
    monkeypatch.setattr(artifacts, "base", lambda _: tmp_path)
    stack = Stack(variant="shop", framework="wsgi", server=server)
    for workers, expected in ((2, words), (1, (words[0], "1"))):
        catalog, _ = declared(application(source, workers=workers))
        argv, _ = start_command.command(catalog, stack, 8123, life_cycle.HOST, tmp_path)
        assert expected in pairwise(argv)


def test_a_server_of_one_process_is_unsupported_with_two_workers(source: Path) -> None:
    stack = Stack(variant="shop", framework="wsgi", server="bjoern")
    assert pairing.unsupported(declared(application(source))[0], stack) is None
    refused = pairing.unsupported(declared(application(source, workers=2))[0], stack)
    assert refused
    assert refused.reason == "bjoern runs one worker process: bench/servers/bjoern.toml has no {workers}"


def test_workers_make_another_case_and_no_other_build(source: Path) -> None:
    one, two = (application(source, workers=workers) for workers in (1, 2))
    assert variants.fingerprint_of(*declared(one), PYTHON) == variants.fingerprint_of(*declared(two), PYTHON)
    case = StartupCase(stack=Stack(variant="shop", framework="wsgi", server="gunicorn-sync"), workload="hello")
    made = Artifact("shop", "", "", "", "", 0, 0.0, PYTHON, "")
    same = [identity.identify(declared(own)[0], case, made, code=lambda _: "").identity for own in (one, two)]
    assert same[0] != same[1]


def test_a_source_that_changed_since_the_plan_is_not_served(source: Path, tmp_path: Path) -> None:
    own = application(source)
    (source / "shop.py").write_text("application = None\n")
    with pytest.raises(LabError, match="changed during the measurement: run the same command again"):
        serving.placed(*declared(own), tmp_path, tmp_path / "log", None)


def test_a_server_runs_in_a_copy_without_version_control(source: Path, tmp_path: Path) -> None:
    (source / ".git").mkdir()
    folder, env = serving.placed(*declared(application(source)), tmp_path, tmp_path / "log", None)
    assert sorted(path.name for path in folder.iterdir()) == ["shop.py"]
    assert env["PYTHONPATH"].split(":")[0] == str(folder)


def test_it_is_imported_in_a_copy(source: Path) -> None:
    (source / "shop.py").write_text("open('made', 'w').close()\ndef application(environ, start_response):\n    pass\n")
    own = application(source)
    assert look.look(declared(own)[0], "shop").interface == "wsgi"
    assert fingerprint(source) == own.source_sha256


@pytest.mark.parametrize(
    ("lines", "debug"),
    [
        ("", False),
        ("application.debug = True", True),
        ("application.debug = print", False),
        ("import sys, types\nsettings = types.SimpleNamespace(configured=True, DEBUG=True)", True),
        ("import sys, types\nsettings = types.SimpleNamespace(configured=True, DEBUG=False)", False),
        ("import sys, types\nsettings = types.SimpleNamespace(configured=False)", False),
    ],
)
def test_a_debug_mode_is_seen(source: Path, lines: str, debug: bool) -> None:
    django = "\nsys.modules['django.conf'] = types.SimpleNamespace(settings=settings)" if "settings" in lines else ""
    (source / "shop.py").write_text(f"def application(environ, start_response):\n    pass\n{lines}{django}\n")
    assert look.look(declared(application(source))[0], "shop").debug is debug


def test_an_import_that_hangs_is_told(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "IMPORT_SECONDS", 0.5)
    (source / "shop.py").write_text("import time\ntime.sleep(60)\n")
    with pytest.raises(LabError, match=r"shop:application was not imported within 0.5 s"):
        look.look(declared(application(source))[0], "shop")


def test_a_failing_import_is_told_with_the_interpreter_in_the_first_line(source: Path) -> None:
    (source / "shop.py").write_text("import os\nKEY = os.environ['SECRET_KEY']\n")
    with pytest.raises(LabError) as caught:
        look.look(declared(application(source))[0], "shop")
    first, second, *_ = str(caught.value).splitlines()
    told = "shop:application does not import on CPython 3.11: KeyError: 'SECRET_KEY'"
    assert first == f"{told}; set the variable in [env] of lab.toml"
    assert second == "Traceback (most recent call last):"


def test_of_a_message_of_several_lines_the_first_one_is_told() -> None:
    frames = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    a()\n    ~^^\n'
    assert look.raised(f"{frames}settings.Missing: 1 error\nKEY\n  required\n") == "settings.Missing: 1 error"
    assert look.raised("SystemExit: 1\n") == "SystemExit: 1"


@pytest.mark.parametrize(
    ("fact", "value"),
    [("implementation", "pypy"), ("python", "3.12.1"), ("prefix", "/usr"), ("application", "other:app")],
)
def test_another_interpreter_than_the_built_one_is_told(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fact: str, value: str
) -> None:
    monkeypatch.setattr(verify, "PREFIXES", tmp_path / "prefixes")
    made = Artifact("shop", "", "", "", "", 0, 0.0, PYTHON, "", servers=("gunicorn-sync",))
    monkeypatch.setattr(artifacts, "require", lambda _: made)
    process, record = psutil.Process(), tmp_path / "record.json"
    running = RunningServer(
        name="shop",
        host="127.0.0.1",
        port=1,
        process=process,
        ready_seconds=1.0,
        cpu=cpu_time.of_tree(process),
        log=tmp_path / "log",
        provenance=record,
    )
    catalog, _ = declared(application(source))
    stack = Stack(variant="shop", framework="wsgi", server="gunicorn-sync")
    with pytest.raises(LabError, match="no process of shop/wsgi/gunicorn-sync wrote its record"):
        verify.read_provenance(catalog, running, stack)
    right = {
        "implementation": "cpython",
        "python": "3.11.9",
        "prefix": str(tmp_path / "prefixes" / "shop"),
        "application": "shop:application",
    }
    record.write_text(json.dumps(right))
    assert verify.read_provenance(catalog, running, stack)["python"] == "3.11.9"
    record.write_text(json.dumps(right | {fact: value}))
    with pytest.raises(LabError, match=f"provenance check: 'shop' reports {fact} = '{value}' instead of "):
        verify.read_provenance(catalog, running, stack)


def test_a_write_through_a_link_of_the_copy_changes_nothing_of_the_users(source: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    for folder, link in ((source / "data", "inside"), (tmp_path / "outside", "beyond")):
        folder.mkdir(exist_ok=True)
        (folder / "counter").write_text("0")
        (source / link).symlink_to(folder)
        (source / f"{link}-file").symlink_to(folder / "counter")
    (source / "new").symlink_to(source / "data" / "new")
    made = tmp_path / "copy"
    copy(source, made)
    for name in ("inside/counter", "inside-file", "beyond/counter", "beyond-file", "new"):
        (made / name).write_text("1")
        assert (source / "data" / "counter").read_text() == (tmp_path / "outside" / "counter").read_text() == "0"
    assert not (source / "data" / "new").exists()
    assert (made / "inside").readlink() == Path("data")
    assert (made / "data" / "new").exists()


def test_links_that_lead_nowhere_or_to_themselves_stay_links(source: Path, tmp_path: Path) -> None:
    for link, target in {"gone": "../nowhere", "loop": "loop", "null": "/dev/null", "self": "."}.items():
        (source / link).symlink_to(target)
    copy(source, tmp_path / "copy")
    found = {path.name: str(path.readlink()) for path in (tmp_path / "copy").iterdir() if path.is_symlink()}
    assert found == {"gone": "../nowhere", "loop": "loop", "null": "/dev/null", "self": "."}
    assert fingerprint(source) == fingerprint(tmp_path / "copy")


def test_the_target_of_a_link_that_leaves_the_folder_is_part_of_the_source(source: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "price").write_text("1")
    (source / "data").symlink_to("../data")
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    before = fingerprint(source)
    (tmp_path / "data" / "price").write_text("2")
    assert fingerprint(source) != before


def test_a_link_to_a_folder_that_contains_the_project_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "up").symlink_to("..")
    with pytest.raises(LabError) as caught:
        fingerprint(source)
    assert str(caught.value) == f"{source / 'up'} links to {tmp_path}, which contains it: remove the link"


def test_pipes_sockets_and_folders_of_tools_are_not_copied(source: Path, tmp_path: Path) -> None:
    os.mkfifo(source / "pipe")
    (source / "venv").mkdir()
    (source / "empty").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "socket"))
        copy(source, tmp_path / "copy")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["empty", "shop.py"]
    assert fingerprint(source) == fingerprint(tmp_path / "copy")

"""The catalogue: what is wrong with a TOML file is said in one line that names the file and the key."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench import catalog
from bench.catalog import pairing
from bench.catalog.moved import at_home
from bench.errors import LabError
from bench.model import Against, LatencyPlan, Stack, Target
from bench.paths import ROOT
from bench.plan import selection
from tests.declared import CATALOG, study_called

STUDY = """
name = "tiny"
title = "Tiny"
question = "Which?"
baseline = "cpython"
variants = ["cpython", "pypy"]
servers = ["gunicorn-sync"]
workloads = ["medium"]

[macro]
loads = ["closed"]
runs = 1
"""


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def complaint(read: Callable[[], object]) -> str:
    """The one line that `read` fails with."""
    with pytest.raises(LabError) as caught:
        read()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("noun", "folders"),
    [
        ("variants", ("builds/*", "optimised/*")),
        ("peers", ("peers/*",)),
        *(
            (noun, (f"bench/{noun}",))
            for noun in (
                "interpreters",
                "servers",
                "tunings",
                "backends",
                "limits",
                "replacements",
                "deliveries",
                "workloads",
                "loads",
                "studies",
                "yardsticks",
            )
        ),
    ],
)
def test_every_file_shipped_is_read(noun: str, folders: tuple[str, ...]) -> None:
    files = {path.stem for folder in folders for path in ROOT.glob(f"{folder}/*.toml")}
    assert files
    assert getattr(CATALOG, noun).keys() == files


def test_every_framework_shipped_is_read() -> None:
    assert len(CATALOG.frameworks) == len(list(ROOT.glob("app/*/*_app.py"))) > 1


def test_every_shipped_variant_goes_behind_every_server_that_serves_its_interpreter() -> None:
    for variant in CATALOG.variants.values():
        implementation = CATALOG.interpreters[variant.interpreter].implementation
        for server in CATALOG.servers.values():
            if implementation in server.implementations:
                stack = pairing.parse_stack(CATALOG, f"{variant.name}/falcon/{server.label}")
                assert pairing.server_for(CATALOG, stack) == server


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "bench/servers/gunicorn-sync.toml",
            "keep_alive",
            "keepalive",
            ":10: unknown key 'keepalive'; did you mean 'keep_alive'?",
        ),
        (
            "bench/servers/gunicorn-sync.toml",
            "keep_alive",
            "concurrency = 0\nkeep_alive",
            ":10: concurrency: expected int >= 1",
        ),
        ("bench/servers/gunicorn-sync.toml", '["gunicorn"]', '"gunicorn"', ":9: requirements: expected array, got str"),
        (
            "bench/interpreters/cpython-3.11.toml",
            'kind = "uv"',
            'kind = "conda"',
            ":16: providers[2].kind: unknown value 'conda'; known: debian, path, pyenv, uv",
        ),
        (
            "bench/workloads/medium.toml",
            "orders = 50",
            'orders = "fifty"',
            ":11: documents.orders: expected int, got str",
        ),
        ("bench/workloads/medium.toml", 'title = "', "title = ", ":2:9: invalid TOML: Invalid value"),
        ("bench/loads/closed.toml", 'model = "closed"', "", ": missing key 'model'"),
        (
            "builds/nuitka/nuitka.toml",
            "[provenance]",
            "[provenances]",
            ":11: unknown key 'provenances'; did you mean 'provenance'?",
        ),
    ],
)
def test_a_wrong_key_is_named_with_its_file(checkout: Path, file: str, old: str, new: str, told: str) -> None:
    changed(checkout / file, old, new)
    assert complaint(catalog.read) == f"{file}{told}"


SERVED = "known: {backlog}, {base}, {entry}, {host}, {port}, {prefix}, {python}, {scratch}, {workers}"
TWICE = "a single brace; write it twice"
PYPY = "bench/servers/uwsgi-gevent-pypy.toml"


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("bench/servers/gunicorn-sync.toml", "{host}", "{hots}", "argv: {}'{hots}'; did you mean '{host}'?"),
        ("bench/servers/gunicorn-sync.toml", "{host}", "{}", "argv: {}'{}'; " + SERVED),
        ("bench/servers/gunicorn-sync.toml", "{host}", "{host!r}", "argv: {}'{host!r}'; did you mean '{host}'?"),
        ("bench/servers/gunicorn-sync.toml", "{host}", "{host", "argv: '{host:{port}' has " + TWICE),
        (PYPY, "{prefix}/cffi", "{where}/cffi", "env: {}'{where}'; " + SERVED),
        (PYPY, "{base}/bin/uwsgi", "{root}/uwsgi", "files: {}'{root}'; known: {base}"),
        ("bench/tunings/nginx.toml", "{scratch}", "{scrach}", "words: {}'{scrach}'; did you mean '{scratch}'?"),
        ("bench/tunings/nginx.toml", '"-p", "{scratch}"', '"-p", "{x}"', "proxy.argv: {}'{x}'; " + SERVED),
        ("bench/tunings/allocator.toml", '"33554432"', '"{size}"', "env: {}'{size}'; " + SERVED),
        ("bench/backends/postgres.toml", "{folder}/data", "{place}", "prepare: {}'{place}'; known: {folder}"),
        ("bench/backends/postgres.toml", "host={folder}", "host={x}", "dsn: {}'{x}'; known: {folder}"),
        ("builds/mypyc/mypyc.toml", "{python}", "{prefix}", "steps: {}'{prefix}'; known: {python}"),
        ("optimised/numba/numba.toml", "{prefix}", "{prefx}", "env: {}'{prefx}'; did you mean '{prefix}'?"),
        ("optimised/numba/numba.toml", "{python}", "{x}", "after_install: {}'{x}'; known: {prefix}, {python}"),
        ("peers/nodejs/node-ordinary.toml", "{backlog}", "{backlg}", "argv: {}'{backlg}'; did you mean '{backlog}'?"),
        ("peers/nodejs/node-ordinary.toml", "{prefix}/*", "{port}/*", "files: {}'{port}'; known: {home}, "),
    ],
)  # fmt: skip
def test_a_placeholder_is_one_that_the_lab_fills(checkout: Path, file: str, old: str, new: str, told: str) -> None:
    changed(checkout / file, old, new)
    line = complaint(catalog.read)
    assert line.startswith(f"{file}: {told.replace('{}', 'unknown placeholder ', 1)}")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("bench/servers/gunicorn-sync.toml", "{host}", "{{host}}"),
        ("bench/tunings/nginx.toml", "{host}:{port} backlog", "{hots}:{} backlog"),
        ("optimised/numba/numba.toml", "{prefix}/numba-cache", "{ }{prefix}{"),
    ],
)
def test_a_brace_that_is_no_placeholder_stays(checkout: Path, file: str, old: str, new: str) -> None:
    path = checkout / file
    assert old in path.read_text()
    path.write_text(new.join(path.read_text().rsplit(old, 1)))
    assert catalog.read()


def test_a_file_is_called_what_it_declares(checkout: Path) -> None:
    (checkout / "bench/loads/closed.toml").rename(checkout / "bench/loads/shut.toml")
    assert complaint(catalog.read) == "bench/loads/shut.toml: name: 'closed' must equal the file's name, 'shut'"


def test_two_variants_of_one_name_are_refused(checkout: Path) -> None:
    twin = checkout / "optimised" / "other" / "nuitka.toml"
    twin.parent.mkdir(parents=True)
    twin.write_text((checkout / "builds/nuitka/nuitka.toml").read_text())
    line = complaint(catalog.read)
    assert "builds/nuitka/nuitka.toml" in line
    assert "optimised/other/nuitka.toml" in line


def test_two_servers_of_one_label_are_for_different_implementations(checkout: Path) -> None:
    changed(checkout / "bench/servers/uwsgi-threads-pypy.toml", '["pypy"]', '["pypy", "cpython"]')
    assert complaint(catalog.read) == (
        "bench/servers/uwsgi-threads.toml: label: bench/servers/uwsgi-threads-pypy.toml is 'uwsgi-threads' on cpython "
        "already; change the label, or the implementations of one"
    )


def test_a_variants_interpreter_is_one_that_is_declared(checkout: Path) -> None:
    changed(checkout / "builds/pypy/pypy.toml", 'interpreter = "pypy-3.11"', 'interpreter = "pypy-4"')
    line = complaint(catalog.read)
    assert "'pypy-4'" in line
    assert "variant 'pypy'" in line
    assert "pypy-3.11" in line, "what there is instead"


@pytest.mark.parametrize("file", ["bench/workloads/wait-postgres.toml", "bench/servers/granian-asgi.toml"])
def test_a_back_end_is_one_that_is_declared(checkout: Path, file: str) -> None:
    old = "postgres = " if "servers" in file else 'backend = "postgres"'
    changed(checkout / file, old, old.replace("postgres", "mysql"))
    line = complaint(catalog.read)
    assert line.startswith(f"{file}: ")
    assert "unknown backend 'mysql'; known: collector, nats, nats-fsync, postgres, redis" in line


SPRING = "peers/spring/spring-jetty-ordinary.toml"
NEED = "needs: unknown part of bench/system.toml 'libeev'; did you mean 'libev'?"


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("bench/servers/bjoern.toml", '"libev"', '"libeev"', f"bench/servers/bjoern.toml: {NEED}"),
        ("bench/tunings/nginx.toml", '["nginx"]', '["libeev"]', f"bench/tunings/nginx.toml: proxy.{NEED}"),
        ("bench/backends/postgres.toml", '"PostgreSQL"', '"libeev"', f"bench/backends/postgres.toml: {NEED}"),
        ("builds/mypyc/mypyc.toml", '"python3-dev"', '"libeev"', f"builds/mypyc/mypyc.toml: {NEED}"),
        (SPRING, '"patchelf"', '"libeev"', f"{SPRING}: {NEED}"),
        (
            "bench/workloads/wait-postgres.toml",
            'backend = "postgres"',
            'backend = "nats"',
            "bench/workloads/wait-postgres.toml: backend: nats has no wait function, so no request waits for it",
        ),
        (
            "bench/servers/uwsgi-gevent.toml",
            '"cpython-3.15"',
            '"cpython-3.51"',
            "bench/servers/uwsgi-gevent.toml: unsupported: unknown implementation, version, variant or framework "
            "'cpython-3.51'; did you mean 'cpython-3.15'?",
        ),
        (
            "bench/tunings/http.toml",
            '"--http-socket"',
            '"--http-sockt"',
            "bench/tunings/http.toml: words: no server has '--http-sockt' in its argv; did you mean '--http-socket'?",
        ),
        (
            "bench/tunings/http.toml",
            '"--http-socket"',
            '"x"',
            "bench/tunings/http.toml: words: no server has 'x' in its argv; use a word of `argv` in bench/servers",
        ),
        (
            "bench/tunings/http.toml",
            '["uwsgi"]',
            '["gunicorn", "bjoern"]',
            "bench/tunings/http.toml: words: none is in the argv of gunicorn, bjoern; change words or servers",
        ),
    ],
)
def test_what_belongs_together_agrees(checkout: Path, file: str, old: str, new: str, told: str) -> None:
    changed(checkout / file, old, new)
    assert complaint(catalog.read) == told


@pytest.mark.parametrize("name", ["cpython", "cpython-3.14", "cython", "falcon"])
def test_a_server_may_refuse_an_implementation_a_version_a_variant_or_a_framework(checkout: Path, name: str) -> None:
    changed(checkout / "bench/servers/uwsgi-gevent.toml", '"cpython-3.15"', f'"{name}"')
    assert name in catalog.read().servers["uwsgi-gevent"].unsupported


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"cpython", "pypy"', '"cpython", "jython"', "unknown variant 'jython'; did you mean 'cython'?"),
        ('baseline = "cpython"', 'baseline = "jython"', "unknown variant 'jython'; did you mean 'cython'?"),
        ('baseline = "cpython"', 'baseline = "nuitka"', "baseline 'nuitka' must be one of the study's variants"),
        ("gunicorn-sync", "gunicorn", "unknown server 'gunicorn'; known: bjoern, "),
        ("medium", "middling", "unknown workload 'middling'; known: "),
        ('["closed"]', '["shut"]', "unknown load 'shut'; known: "),
        ('["closed"]', "[]", "macro.loads: workload 'medium' has no load; name at least one"),
        ("[macro]", "[open]\nloads = []\nruns = 1\nshare = 1\n[macro]", "open.loads: name at least one load, or"),
        ("workloads", "frameworks = []\nworkloads", "frameworks: a study with servers requires at least one"),
    ],
)
def test_a_study_names_what_is_declared(checkout: Path, old: str, new: str, told: str) -> None:
    for declared in (checkout / "bench/studies").iterdir():
        declared.unlink()
    study = checkout / "bench/studies/tiny.toml"
    study.write_text(STUDY)
    assert list(catalog.read().studies) == ["tiny"]
    changed(study, old, new)
    assert complaint(catalog.read).startswith(f"bench/studies/tiny.toml: {told}")


def test_the_server_whose_start_is_timed_is_one_that_is_declared(checkout: Path) -> None:
    changed(checkout / "bench/studies/quick.toml", 'server = "gunicorn-sync"', 'server = "gunicorn-sink"')
    told = "bench/studies/quick.toml: startup: unknown server 'gunicorn-sink'; did you mean 'gunicorn-sync'?"
    assert complaint(catalog.read) == told


def test_a_study_says_which_loads_go_with_which_of_its_workloads(checkout: Path) -> None:
    study = checkout / "bench/studies/tiny.toml"
    study.write_text(STUDY + 'loads_of = { medium = ["brief-64"] }\n')
    assert catalog.read().studies["tiny"].loads == ("brief-64",)
    for old, new, told in (
        ("medium = [", "large = [", "macro.loads_of: every key must be one of the study's workloads"),
        ("brief-64", "ramp", "load 'ramp' must be closed"),
    ):
        study.write_text(STUDY + 'loads_of = { medium = ["brief-64"] }\n'.replace(old, new))
        assert complaint(catalog.read) == f"bench/studies/tiny.toml: {told}"


def test_a_study_says_on_which_of_its_workloads_latency_is_measured(checkout: Path) -> None:
    study = checkout / "bench/studies/tiny.toml"
    text = STUDY + '\n[latency]\nload = "steady"\nruns = 1\nworkloads = ["medium"]\n'
    study.write_text(text)
    assert catalog.read().studies["tiny"].latency == LatencyPlan(load="steady", runs=1, workloads=("medium",))
    study.write_text(text.removesuffix('["medium"]\n') + '["large"]\n')
    told = "bench/studies/tiny.toml: latency.workloads: each must be one of the study's workloads"
    assert complaint(catalog.read) == told


def test_a_study_says_which_frameworks_run_behind_a_server(checkout: Path) -> None:
    study = checkout / "bench/studies/tiny.toml"
    text = STUDY.replace(
        "\n[macro]", 'frameworks_of = { waitress = ["bare"], granian-rsgi = ["bare-rsgi"] }\n\n[macro]'
    )
    text = text.replace('servers = ["', 'servers = ["waitress", "granian-rsgi", "')
    study.write_text(text)
    read = catalog.read()
    assert {(stack.framework, stack.server) for stack in selection.stacks(read.studies["tiny"], read)} == {
        ("bare", "waitress"),
        ("bare-rsgi", "granian-rsgi"),
        ("falcon", "gunicorn-sync"),
    }
    for old, new, told in (
        ("{ waitress = ", "{ hypercorn = ", "frameworks_of: every key must be one of the study's servers"),
        ('["bare"]', '["falcn"]', "unknown framework 'falcn'; did you mean 'falcon'?"),
    ):
        study.write_text(text.replace(old, new))
        assert complaint(catalog.read) == f"bench/studies/tiny.toml: {told}"


@pytest.mark.parametrize(
    ("brief", "told"), [("ramp", "must be closed"), ("glance-64", "must be closed and have 8 users"), ("x", "'x'")]
)
def test_a_brief_load_is_a_closed_one_of_as_many_users(checkout: Path, brief: str, told: str) -> None:
    changed(checkout / "bench/loads/closed.toml", 'brief = "glance"', f'brief = "{brief}"')
    line = complaint(catalog.read)
    assert line.startswith("bench/loads/closed.toml: brief")
    assert told in line


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("closed", "users = 8\n", "", "users: a closed load requires users and seconds, both more than 0"),
        ("closed", "seconds = 3\n", "", "seconds: a closed load requires users and seconds, both more than 0"),
        ("glance", "seconds = 1\n", "seconds = 0\n", "seconds: a closed load requires users and seconds, both more"),
        ("steady", "seconds = 3 ", "seconds = 0 ", "segments: they last 0 seconds; an open load must last longer"),
        (
            "closed",
            "seconds = 3",
            "seconds = 2.5",
            "seconds: 2.5: Gatling requires whole seconds, 1 or more; round, or",
        ),
        ("closed", "users = 8", "users = 8\nlead_in_seconds = 5.5", "lead_in_seconds: 5.5: Gatling requires whole"),
        ("ramp", "seconds = 4", "seconds = 0.5", "segments[1].seconds: 0.5: Gatling requires whole seconds"),
        ("ramp", "seconds = 4", "seconds = 0", "segments[1].seconds: 0: Gatling requires whole seconds"),
    ],
)
def test_a_load_is_one_that_its_generator_drives(checkout: Path, file: str, old: str, new: str, told: str) -> None:
    path = checkout / f"bench/loads/{file}.toml"
    text = path.read_text()
    at = text.rindex(old)  # the key itself, not `lead_in_seconds`
    path.write_text(text[:at] + new + text[at + len(old) :])
    assert complaint(catalog.read).startswith(f"bench/loads/{file}.toml: {told}")


def test_a_workload_says_the_right_answer(checkout: Path) -> None:
    changed(checkout / "bench/workloads/hello.toml", "expect =", "# expect =")
    told = "bench/workloads/hello.toml: missing key 'expect' or 'documents': one of them must say the right answer"
    assert complaint(catalog.read) == told


def test_a_new_framework_is_one_file_that_says_what_it_needs(checkout: Path) -> None:
    adapter = checkout / "app" / "wsgi" / "flask_app.py"
    adapter.write_text('import flask\n\nREQUIREMENTS = ("flask", "flask-restful")\n')
    assert catalog.read().frameworks["flask"].requirements == ("flask", "flask-restful")
    adapter.write_text("import flask\n")
    assert complaint(catalog.read).startswith("app/wsgi/flask_app.py: add REQUIREMENTS = (…)")


def test_a_layer_is_a_module_that_says_what_it_needs(checkout: Path) -> None:
    module = checkout / "app" / "metrics.py"
    module.write_text('REQUIREMENTS = ("statsd", "fast ; platform_python_implementation == \'CPython\'")\n')
    layer = catalog.read().layers["metrics"]
    assert (layer.packages("cpython"), layer.packages("pypy")) == (("statsd", "fast"), ("statsd",))
    module.write_text("import statsd\n")
    assert "metrics" not in catalog.read().layers


def test_only_servers_leak(checkout: Path) -> None:
    server, workload = checkout / "bench/servers/waitress.toml", checkout / "bench/workloads/hello.toml"
    changed(server, 'leaks = "always"', 'leaks = "often"')
    assert "leaks" in complaint(catalog.read)
    changed(server, 'leaks = "often"', 'leaks = { pypy = "always" }')
    words = catalog.read().words["waitress"]
    assert (words.leaks_on("cpython"), words.leaks_on("pypy")) == ("", "always")
    workload.write_text(f'leaks = "always"\n{workload.read_text()}')
    assert complaint(catalog.read) == "hello.toml: leaks: only servers have it"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('REQUIREMENTS = "flask"', ':2: REQUIREMENTS: expected a tuple of strings, such as ("falcon",)'),
        ('REQUIREMENTS = ["flask"]', ":2: REQUIREMENTS: expected a tuple of strings"),
        ('REQUIREMENTS: tuple = ("flask", 2)', ":2: REQUIREMENTS: expected a tuple of strings"),
        ("REQUIREMENTS = tuple(NAMES)", ":2: REQUIREMENTS: expected a tuple of strings"),
        ("\0", ":"),  # from Python 3.12 a syntax error, with its line
        ('REQUIREMENTS = ("flask"', ":2: invalid Python: '(' was never closed"),
    ],
)
def test_what_a_framework_needs_is_a_tuple_of_strings(checkout: Path, text: str, told: str) -> None:
    adapter = checkout / "app" / "wsgi" / "flask_app.py"
    adapter.write_text(f"import flask\n{text}\n")
    assert complaint(catalog.read).startswith(f"app/wsgi/flask_app.py{told}")


def test_a_stack_is_three_names() -> None:
    stack = Stack(variant="cpython", framework="falcon", server="uwsgi-threads")
    assert pairing.parse_stack(CATALOG, "cpython/falcon/uwsgi-threads") == stack
    assert str(stack) == "cpython/falcon/uwsgi-threads"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cpython", "invalid stack 'cpython': use variant/framework/server, such as cython/falcon/bjoern, or a peer"),
        ("cpython/falcon/gunicorn-sync/", "invalid stack"),
        ("node-exprt", "invalid stack 'node-exprt': did you mean 'node-expert'?"),
        ("jython/falcon/gunicorn-sync", "unknown variant 'jython'; did you mean 'cython'?"),
        ("cpython/django/gunicorn-sync", "unknown framework 'django'; known: bare, bare-rsgi, falcon, "),
        ("cpython/falcon/gunicorn", "unknown server 'gunicorn'; known: bjoern, fastwsgi, granian-asgi, "),
    ],
)
def test_what_is_no_stack_is_told_with_what_there_is(text: str, told: str) -> None:
    assert told in complaint(lambda: pairing.parse_stack(CATALOG, text))


def test_a_server_that_no_file_declares_for_an_implementation_is_refused(checkout: Path) -> None:
    (checkout / "bench/servers/uwsgi-threads-pypy.toml").unlink()
    line = complaint(lambda: pairing.parse_stack(catalog.read(), "pypy/falcon/uwsgi-threads"))
    assert line == "pypy/falcon/uwsgi-threads: no file in bench/servers runs uwsgi-threads on pypy"


# ---------------------------------------------------------------- a variant on another interpreter


def test_a_variant_moves_to_another_interpreter_without_a_file_of_its_own() -> None:
    moved, own = CATALOG.variant("cython@cpython-3.13"), CATALOG.variant("cython")
    assert moved == msgspec.structs.replace(
        own, name="cython@cpython-3.13", title=f"{own.title}, CPython 3.13", interpreter="cpython-3.13"
    )
    assert CATALOG.variant("cpython@cpython-3.13").title == "CPython 3.13"
    assert CATALOG.at("cython", "cpython-3.11") == "cython"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cythn@cpython-3.13", "unknown variant 'cythn'; did you mean 'cython'"),
        ("cython@cpython-2.7", "cython@cpython-2.7: unknown interpreter 'cpython-2.7'; known: cpython-3.10, "),
        ("pypy@cpython-3.13", "variant 'pypy' needs pypy, and cpython-3.13 is cpython"),
    ],
)
def test_where_a_variant_cannot_move_is_told(name: str, told: str) -> None:
    with pytest.raises(LabError, match=told):
        CATALOG.variant(name)


def test_a_study_crosses_its_variants_with_its_interpreters(checkout: Path) -> None:
    path = checkout / "bench/studies/quick.toml"
    names = 'interpreters = ["cpython-3.13", "cpython-3.11"]'
    text = re.sub(r"variants = .*", f'variants = ["cpython", "cython"]\n{names}', path.read_text())
    path.write_text(text)
    study = catalog.read().studies["quick"]
    assert study.baseline == "cpython@cpython-3.13"
    assert study.variants == ("cpython@cpython-3.13", "cython@cpython-3.13", "cpython", "cython")


def test_a_yardstick_is_no_variant() -> None:
    assert CATALOG.yardsticks
    assert not CATALOG.yardsticks.keys() & CATALOG.variants.keys()
    assert CATALOG.variant("simdjson") is CATALOG.yardsticks["simdjson"]


# ---------------------------------------------------------------- a file like another


def test_a_file_like_another_says_only_what_differs() -> None:
    scalar, own = CATALOG.variant("cython-scalar"), CATALOG.variant("cython")
    assert scalar.steps == own.steps
    assert scalar.env == {"CYTHON_CORE_PATH": "scalar"}
    assert scalar.provenance == own.provenance | {"path": "scalar"}


def test_a_file_like_none_is_an_error(checkout: Path) -> None:
    path = checkout / "optimised/cython/cython-scalar.toml"
    path.write_text(path.read_text().replace('"cython"', '"cythn"'))
    with pytest.raises(LabError, match=r"cython-scalar\.toml: like: there is no cythn\.toml beside this file"):
        catalog.read()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"cython"', '"cython-scalar"', ": like: cython-scalar.toml copies this file in turn: name another file"),
        ("[env]", "[steps]", ":6: steps: expected array, got object"),
        ("scalar\"", "\udcff\"", ":1: not UTF-8; save the file as UTF-8"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_like_another_is_told(checkout: Path, old: str, new: str, told: str) -> None:
    path = checkout / "optimised/cython/cython-scalar.toml"
    text = path.read_text()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode(errors="surrogateescape"))
    assert complaint(catalog.read) == f"optimised/cython/cython-scalar.toml{told}"


def test_files_like_each_other_are_an_error(checkout: Path) -> None:
    path = checkout / "optimised/cython/cython.toml"
    path.write_text('like = "cython-scalar"\n' + path.read_text())
    assert "like: cython" in complaint(catalog.read)


def test_where_requests_wait_every_load_of_a_study_lasts_for_twenty_batches_of_them() -> None:
    """Fewer, and what a server spends by the clock and not by the request is no small part of the figure."""
    for study in CATALOG.studies.values():
        for workload in study.workloads:
            waits = re.search(r"\?ms=(\d+)$", CATALOG.workloads[workload].path)
            names = study.macro.loads_for(workload) if study.macro and waits else ()
            for load in (CATALOG.loads[name] for name in names):
                brief = CATALOG.loads[load.brief] if load.brief else load
                assert min(load.seconds, brief.seconds) >= 20 * int(waits[1]) / 1000


def test_what_a_target_is_held_against_moves_with_it() -> None:
    target = Target(title="Fast", variant="cython", workloads=("medium",), against=Against(variant="cpython"))
    stacks = Target(
        title="Served",
        metric="cpu",
        stack="cython/falcon/bjoern",
        workloads=("medium",),
        against=Against(stack="cpython/bare/bjoern"),
    )
    study = msgspec.structs.replace(
        study_called("moved"), variants=("cpython", "cython"), interpreters=("cpython-3.13",), targets=(target, stacks)
    )
    alone, served = at_home(study, CATALOG).targets
    assert (alone.variant, alone.against.variant) == ("cython@cpython-3.13", "cpython@cpython-3.13")
    assert served.stack == "cython@cpython-3.13/falcon/bjoern"
    assert served.against.stack == "cpython@cpython-3.13/bare/bjoern"

"""A tuning: written after a server's label, for the servers that it names, and nothing but what it says is changed."""

from pathlib import Path

import msgspec
import pytest

from bench import catalog
from bench.catalog import pairing
from bench.catalog.tuning import tuned
from bench.errors import LabError, MissingError
from bench.model import Backend, MacroCase, Server, Stack, Study, Tuning, Unsupported
from bench.plan import selection
from bench.provision import system
from bench.readiness import servers
from bench.serve import backend
from tests.declared import CATALOG, planned


def served(text: str) -> Server:
    """What serves a stack of the Cython core without a framework."""
    return pairing.server_file(CATALOG, pairing.parse_stack(CATALOG, f"cython/bare/{text}"))


def test_an_environment_is_all_that_the_allocator_adds() -> None:
    plain, with_it = served("bjoern"), served("bjoern+allocator")
    assert with_it.argv == plain.argv
    assert with_it.env.keys() - plain.env.keys() == {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}
    assert (with_it.label, with_it.keep_alive) == ("bjoern+allocator", plain.keep_alive)


def test_words_of_the_argv_give_way_to_others_or_to_none() -> None:
    argv = served("uwsgi-threads+http-keepalive").argv
    assert argv[1:4] == ("--http-keepalive", "--http", "{host}:{port}")
    assert "--add-header" not in argv
    assert served("uwsgi-threads+http-keepalive").keep_alive


@pytest.mark.parametrize("tuning", CATALOG.tunings)
def test_each_tuning_changes_each_server_that_it_is_for(tuning: str) -> None:
    for server in CATALOG.servers.values():
        noun = CATALOG.tunings[tuning]
        if not noun.servers or server.server in noun.servers:
            after = tuned(server, noun, CATALOG.labels())
            assert (after.argv, after.env) != (server.argv, server.env)
            gone = {word for word, others in noun.words.items() if word not in others}
            assert not gone & set(after.argv)


def test_a_tuning_is_for_the_servers_that_it_names() -> None:
    with pytest.raises(LabError, match="tuning 'http' is for uwsgi, not for bjoern: use it with uwsgi-asyncio, "):
        pairing.parse_stack(CATALOG, "cython/bare/bjoern+http")


def test_an_unknown_tuning_is_told_with_those_there_are() -> None:
    with pytest.raises(LabError, match="unknown tuning 'faster'; known: allocator, "):
        pairing.parse_stack(CATALOG, "cython/bare/bjoern+faster")


def test_what_a_tuning_declares_impossible_is_so_for_that_server_alone() -> None:
    hangs = pairing.unsupported(CATALOG, Stack(variant="cython", framework="bare", server="uwsgi-gevent+http11"))
    assert hangs is not None
    assert "never answers the second request" in hangs.reason
    assert pairing.unsupported(CATALOG, Stack(variant="cython", framework="bare", server="uwsgi-gevent+http")) is None


def test_the_prefix_holds_the_server_whatever_its_tuning() -> None:
    study = CATALOG.studies["ablations"]
    assert "bjoern+nginx" in study.servers
    assert {"bjoern", "uwsgi-processes"} <= set(selection.servers(study))
    assert not [label for label in selection.servers(study) if "+" in label]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[env]", 'servers = ["bjorn"]\n\n[env]', "servers: unknown server program 'bjorn'; did you mean 'bjoern'"),
        (
            "[env]",
            '[unsupported.bjorn]\nreason = ""\nsymptom = ""\n\n[env]',
            "unsupported: unknown server 'bjorn'; did you mean 'bjoern'",
        ),
        ("[env]", '[losses.bjorn]\nqueue = ""\n\n[env]', "losses: unknown server 'bjorn'; did you mean 'bjoern'"),
    ],
)
def test_a_tuning_names_what_is_declared(checkout: Path, old: str, new: str, told: str) -> None:
    path = checkout / "bench/tunings/allocator.toml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(LabError, match=f"^bench/tunings/allocator.toml: {told}"):
        catalog.read()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"nats"', '"kafka"', "backend: unknown backend 'kafka'; known: collector, nats, "),
        ('"nats"', '"nats"\nentry = "evnts"', r"entry: there is no file bench/yardsticks/evnts\.py"),
        ('backend = "nats"\n', "", r"env: unknown placeholder '\{dsn\}'; known: "),
    ],
)
def test_a_tuning_names_a_backend_and_a_yardstick_that_are_there(checkout: Path, old: str, new: str, told: str) -> None:
    path = checkout / "bench/tunings/events.toml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(LabError, match=rf"^bench/tunings/events(-fsync)?\.toml: {told}"):
        catalog.read()


def test_a_server_with_a_backend_answers_no_workload_that_waits_for_another(checkout: Path) -> None:
    path = checkout / "bench/studies/events.toml"
    path.write_text(path.read_text().replace('workloads = ["', 'workloads = ["wait-postgres", "', 1))
    with pytest.raises(LabError, match="needs the backend nats, and workload 'wait-postgres' waits for another"):
        catalog.read()


def test_a_backend_of_a_tuning_is_planned_and_part_of_the_identity() -> None:
    study = CATALOG.studies["events"]
    plan = planned(study)
    assert plan.catalog.backends.keys() == {"nats", "nats-fsync"}
    behind = {
        name: selection.backend_of(
            MacroCase(stack=Stack(variant="cython", framework="falcon", server=name), workload="small", load="glance"),
            plan.catalog,
        )
        for name in ("bjoern", "bjoern+events", "bjoern+events-fsync")
    }
    assert behind == {"bjoern": None, "bjoern+events": "nats", "bjoern+events-fsync": "nats-fsync"}


def test_a_backend_that_is_not_here_leaves_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    def require(declared: Backend) -> None:
        raise MissingError(f"{declared.name} is not here", "get it")

    monkeypatch.setattr(backend, "require", require)
    study = CATALOG.studies["events"]
    lacks = servers.tunings_missing(planned(study))
    assert lacks.keys() == {name for name in study.servers if "+" in name}
    assert (lacks["bjoern+events"].reason, lacks["bjoern+events"].remedy) == ("nats is not here", "get it")


def test_a_study_names_tunings_that_are_for_its_servers(checkout: Path) -> None:
    path = checkout / "bench/studies/ablations.toml"
    path.write_text(path.read_text().replace('"bjoern+nginx"', '"bjoern+http"'))
    with pytest.raises(LabError, match="tuning 'http' is for uwsgi"):
        catalog.read()


def test_a_front_that_is_not_here_leaves_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server still runs, tuned otherwise or not at all."""
    nowhere = system.Part(name="nginx", needed="", packages=["nginx"], files=["/nowhere/nginx"])
    monkeypatch.setattr(system, "parts", lambda: [nowhere])
    study: Study = CATALOG.studies["ablations"]
    lacks = servers.tunings_missing(planned(study))
    assert lacks.keys() == {name for name in study.servers if "+nginx" in name}
    assert lacks["bjoern+nginx"].remedy == "sudo apt-get install --no-install-recommends nginx"


def test_what_a_tuning_still_loses_is_told_beside_its_figures() -> None:
    bjoern = CATALOG.servers["bjoern"]
    losing = Tuning(name="t", title="T", note="It drains.", losses={"bjoern": {"queue": "It loses the backlog."}})
    assert tuned(bjoern, losing, {}).note == f"{bjoern.note} It drains. It loses the backlog."


def test_a_tuning_may_end_kept_connections() -> None:
    bjoern = CATALOG.servers["bjoern"]
    assert bjoern.keep_alive
    assert not tuned(bjoern, Tuning(name="closing", title="Closing", keep_alive=False), {}).keep_alive


def test_what_is_impossible_for_a_variant_is_so_on_another_interpreter() -> None:
    never = Unsupported(reason="it needs a moon", symptom="no moon")
    server = msgspec.structs.replace(CATALOG.servers["bjoern"], unsupported={"cython": never})
    declared = msgspec.structs.replace(CATALOG, servers=CATALOG.servers | {"bjoern": server})
    for variant in ("cython", "cython@cpython-3.13"):
        assert pairing.unsupported(declared, Stack(variant=variant, framework="bare", server="bjoern")) == never
    assert pairing.unsupported(declared, Stack(variant="cpython", framework="bare", server="bjoern")) is None

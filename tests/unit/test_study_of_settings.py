"""A study with `settings` measures each server without and with each tuning, and compares the two."""

from pathlib import Path

import pytest
from rich.console import Console

from bench import catalog
from bench.build import beside
from bench.errors import LabError, UnpinnedError
from bench.progress import Progress
from bench.readiness import servers
from tests.declared import CATALOG, planned

STUDY = """
name = "tiny"
title = "Tiny"
question = "Which?"
baseline = "cython"
variants = ["cython"]
servers = ["bjoern", "granian-rsgi"]
workloads = ["small"]

[frameworks_of]
granian-rsgi = ["bare-rsgi"]

[settings]
tunings = ["metrics", "prometheus-client"]

[macro]
loads = ["glance"]
runs = 1
"""


def test_each_server_is_measured_without_and_with_each_tuning(checkout: Path) -> None:
    (checkout / "bench/studies/tiny.toml").write_text(STUDY)
    study = catalog.read().studies["tiny"]
    assert study.servers == (
        *("bjoern", "bjoern+metrics", "bjoern+prometheus-client"),
        *("granian-rsgi", "granian-rsgi+metrics", "granian-rsgi+prometheus-client"),
    )
    assert [study.frameworks_on(name) for name in study.servers[1::3]] == [("falcon",), ("bare-rsgi",)]
    assert [(each.title, each.stack, each.against and each.against.stack) for each in study.targets] == [
        ("bjoern, metrics", "cython/falcon/bjoern+metrics", "cython/falcon/bjoern"),
        ("bjoern, metrics by prometheus_client", "cython/falcon/bjoern+prometheus-client", "cython/falcon/bjoern"),
        ("Granian on RSGI, metrics", "cython/bare-rsgi/granian-rsgi+metrics", "cython/bare-rsgi/granian-rsgi"),
    ]  # and none of a tuning that a server does not support


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('["metrics", ', '["metric", ', "settings.tunings: unknown tuning 'metric'; did you mean 'metrics'?"),
        ('["bjoern", ', '["bjoern+metrics", ', "servers: name bjoern+metrics without its tuning"),
    ],
)
def test_a_wrong_setting_is_named(checkout: Path, old: str, new: str, told: str) -> None:
    (checkout / "bench/studies/tiny.toml").write_text(STUDY.replace(old, new))
    with pytest.raises(LabError, match=r"bench/studies/tiny\.toml: ") as caught:
        catalog.read()
    assert told in str(caught.value)


def test_a_tuning_whose_packages_are_not_here_leaves_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def provide(variant: str, names: tuple[str, ...]) -> None:
        asked.append((variant, names))
        if names == ("ecs-logging",):
            raise UnpinnedError("measured.txt does not pin ecs-logging")

    monkeypatch.setattr(beside, "provide", provide)
    study = CATALOG.studies["statistics"]
    lacks = servers.packages_missing(planned(study), "cython", Progress(Console(quiet=True)))
    assert lacks.keys() == {name for name in study.servers if name.endswith("+ecs-logging")}
    assert {each.reason for each in lacks.values()} == {"measured.txt does not pin ecs-logging"}
    assert set(asked) >= {("cython", ("ecs-logging",)), ("cython", ("prometheus-client",))}

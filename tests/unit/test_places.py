"""Places: their names in stacks, what they need, and the control groups that containers leave."""

from pathlib import Path

import msgspec
import pytest

from bench import catalog
from bench.build import layers
from bench.catalog import pairing
from bench.errors import LabError, MissingError
from bench.host.cgroup import group
from bench.model import ServerName, SettingsPlan, Stack, Unavailable, server_name
from bench.paths import PREFIXES
from bench.plan import selection
from bench.provision import engine
from bench.serve.container import Container
from tests.declared import CATALOG

STACK = Stack(variant="cython", framework="falcon", server="bjoern@podman")


def test_the_name_of_a_server_has_its_tuning_and_its_place() -> None:
    assert server_name("bjoern") == ServerName("bjoern", "", "")
    assert server_name("bjoern+nginx@podman") == ServerName("bjoern", "nginx", "podman")
    assert server_name("bjoern+nginx@podman").on_host == "bjoern+nginx"
    assert (STACK.label, STACK.place, str(STACK.on_host)) == ("bjoern", "podman", "cython/falcon/bjoern")
    assert pairing.parse_stack(CATALOG, "cython@cpython-3.13/falcon/bjoern@podman").place == "podman"


def test_a_missing_server_is_missing_at_each_place() -> None:
    lack = Unavailable(what="bjoern", reason="not here", server="bjoern")
    assert lack.covers("cython", "falcon", "bjoern@podman")
    at_place = msgspec.structs.replace(lack, server="bjoern@podman")
    assert at_place.covers("cython", "falcon", "bjoern@podman")
    assert not at_place.covers("cython", "falcon", "bjoern")


def test_a_proxy_stands_before_a_server_where_containers_share_a_folder() -> None:
    assert pairing.unsupported(CATALOG, msgspec.structs.replace(STACK, server="bjoern+nginx@podman")) is None
    why = pairing.unsupported(CATALOG, msgspec.structs.replace(STACK, server="bjoern+nginx@gvisor"))
    assert why is not None
    assert "share no folder" in why.reason


def test_a_stack_with_packages_of_a_tuning_has_no_image() -> None:
    why = pairing.unsupported(CATALOG, msgspec.structs.replace(STACK, server="bjoern+ecs-logging@podman"))
    assert why is not None
    assert "ecs-logging" in why.reason


def test_a_study_compares_each_place_with_the_host(checkout: Path) -> None:
    (checkout / "bench/studies/tiny.toml").write_text(
        """
name = "tiny"
title = "Tiny"
question = "Which?"
baseline = "cython"
variants = ["cython"]
servers = ["bjoern"]
workloads = ["small"]
settings = { places = ["podman"], also = ["memory"] }
macro = { loads = ["glance"], runs = 1 }
"""
    )
    study = catalog.read().studies["tiny"]
    assert study.servers == ("bjoern", "bjoern@podman")
    assert selection.servers(study) == ("bjoern",)
    assert [(each.stack, each.metric, each.against and each.against.stack) for each in study.targets] == [
        ("cython/falcon/bjoern@podman", metric, "cython/falcon/bjoern") for metric in ("cpu", "memory")
    ]


def test_settings_need_a_setting() -> None:
    with pytest.raises(ValueError, match="tunings or places"):
        SettingsPlan()


def test_a_command_of_the_host_runs_in_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "HOME", tmp_path / "engine")
    prefix = str(PREFIXES / "cython")
    with group() as own:
        if own is None:
            pytest.skip("this user may not create control groups")
        place = CATALOG.places["podman"]
        folder, image = tmp_path, "localhost/statements:x"
        contained = Container(place=place, stack=STACK, image=image, folder=folder, host="127.0.0.1", port=8000)
        argv, _ = contained.command([f"{prefix}/bin/python", "-V"], {"HOME": prefix}, own, frozenset({0, 1}))
        assert argv[argv.index("--cgroup-parent") + 1] == own.path
    assert argv[-3:] == ["localhost/statements:x", f"{layers.PREFIX}/bin/python", "-V"]
    assert argv[argv.index("--cpuset-cpus") + 1] == "0,1"
    assert (tmp_path / "engine/runtimes/runc").read_text().endswith(f'exec runc --root {tmp_path}/engine/states "$@"\n')
    assert (tmp_path / "env").read_text() == f"HOME={layers.PREFIX}\n"


def test_groups_that_an_engine_made_are_removed() -> None:
    with group() as own:
        if own is None:
            pytest.skip("this user may not create control groups")
        others = [hierarchy / own.path[1:] for hierarchy in own.mount.parent.iterdir() if hierarchy.is_dir()]
        made = [each / "conmon" for each in others if own.version == 1]
        for folder in made:
            folder.mkdir(parents=True, exist_ok=True)
    assert [folder for folder in (*made, *others) if folder.exists()] == []


def test_a_file_without_a_package_makes_no_image(tmp_path: Path) -> None:
    (tmp_path / "libmine.so").write_bytes(b"")
    with pytest.raises(MissingError, match=r"none of them has .*libmine\.so"):
        layers.owners([tmp_path / "libmine.so"])


def test_an_unknown_place_is_named() -> None:
    with pytest.raises(LabError, match="unknown place 'podmn'; did you mean 'podman'"):
        pairing.parse_stack(CATALOG, "cython/falcon/bjoern@podmn")

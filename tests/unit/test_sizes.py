"""Artifact size on made-up prefixes: a file that a stack requires counts once, in the first part that requires it."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from bench.build import artifacts, contents
from bench.errors import LabError
from bench.measure.instruments import sizes
from bench.measure.instruments.sizes import Size
from bench.model import Artifact, BuiltPeer, Catalog, SizeCase, Stack
from bench.paths import ROOT
from tests.declared import CATALOG
from tests.unit.made import artifact, interpreter

STACK = Stack(variant="cpython", framework="falcon", server="gunicorn-sync")
KIB = 1024


def write(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"#" * size)


class Prefix:
    """A made-up interpreter, and the prefix of a variant with the distributions that a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.base = folder / "base"
        self.library = self.base / "lib" / "python3.11"
        self.site = folder / "prefixes" / STACK.variant / "lib" / "python3.11" / "site-packages"
        self.python = self.base / "bin" / "python3"
        self.site.mkdir(parents=True)
        write(self.library / "os.py", 3 * KIB)
        answer = json.dumps([str(self.python), str(self.library)])
        self.python.parent.mkdir(parents=True)
        self.python.write_text(f"#!/bin/sh\necho '{answer}'\n".ljust(KIB))
        self.python.chmod(0o755)

    def add(self, name: str, size: int, requires: tuple[str, ...] = ()) -> None:
        """Install a distribution of one module of `size` bytes."""
        info = f"{name.replace('-', '_')}-1.0.dist-info"
        write(self.site / f"{name}.py", size)
        text = "".join(f"Requires-Dist: {need}\n" for need in requires)
        (self.site / info).mkdir()
        (self.site / info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{text}")
        (self.site / info / "RECORD").write_text(f"{name}.py,,\n__pycache__/{name}.cpython-311.pyc,,\n")
        write(self.site / "__pycache__" / f"{name}.cpython-311.pyc", 50 * KIB)

    def artifact(self) -> Artifact:
        found = interpreter(executable=str(self.python))
        return artifact(STACK.variant, wheel_bytes=777, build_seconds=2.5, interpreter=found)


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prefix:
    made = Prefix(tmp_path)
    made.add("statements-cpython", 2 * KIB)
    made.add("falcon", 5 * KIB)
    made.add("gunicorn", 7 * KIB, ("packaging",))
    made.add("packaging", 1 * KIB)
    monkeypatch.setattr(contents, "PREFIXES", tmp_path / "prefixes")
    monkeypatch.setattr(artifacts, "require", lambda name: made.artifact())
    monkeypatch.setattr(contents, "_interpreter", contents._interpreter.__wrapped__)  # without its cache
    return made


def unpacked(stack: Stack = STACK, declared: Catalog = CATALOG) -> dict[str, float]:
    return {part: size.unpacked / KIB for part, size in sizes.sizes(declared, stack).items()}


def test_each_part_counts_its_requirements(prefix: Prefix) -> None:
    assert unpacked() == {"interpreter": 4, "framework": 5, "server": 8, "core": 2}


def test_an_installed_package_that_is_not_required_does_not_count(prefix: Prefix) -> None:
    prefix.add("uwsgi", 900 * KIB)
    assert unpacked()["server"] == 8


def test_what_a_layer_needs_does_not_count(prefix: Prefix) -> None:
    """Layers are off by default. Gevent requires cffi only on Windows, and cryptography brings it."""
    shutil.rmtree(prefix.site / "gunicorn-1.0.dist-info")
    prefix.add("gunicorn", 7 * KIB, ("packaging", "cffi; sys_platform == 'win32'"))
    for name in (*CATALOG.layers["identity"].packages("cpython"), "cffi"):
        prefix.add(name, 900 * KIB)
    assert unpacked() == {"interpreter": 4, "framework": 5, "server": 8, "core": 2}


def test_a_package_that_two_parts_require_counts_in_the_first(prefix: Prefix) -> None:
    shutil.rmtree(prefix.site / "falcon-1.0.dist-info")
    prefix.add("falcon", 5 * KIB, ("packaging>=20",))
    assert unpacked() == {"interpreter": 4, "framework": 6, "server": 7, "core": 2}


def test_requirements_with_cycles_extras_and_markers_are_resolved(prefix: Prefix) -> None:
    shutil.rmtree(prefix.site / "packaging-1.0.dist-info")
    prefix.add("packaging", KIB, ("gunicorn", "Deep_Down>=1", "absent; python_version < '3'", "tests; extra == 'test'"))
    prefix.add("deep-down", 16 * KIB)
    prefix.add("tests", 900 * KIB)
    assert unpacked()["server"] == 24


def test_a_variants_own_requirements_are_its_libraries(prefix: Prefix) -> None:
    own = msgspec.structs.replace(CATALOG.variant("cpython"), requirements=("codec",))
    declared = msgspec.structs.replace(CATALOG, variants={"cpython": own})
    prefix.add("codec", 32 * KIB)
    assert unpacked(declared=declared) == {"interpreter": 4, "libraries": 32, "framework": 5, "server": 8, "core": 2}


def test_only_parts_of_the_standard_library_that_a_service_loads_count(prefix: Prefix) -> None:
    for unneeded in (
        "test/test_os.py",
        "idlelib/run.py",
        "site-packages/pip.py",
        "__pycache__/os.pyc",
        "config-3.11/x",
    ):
        write(prefix.library / unneeded, 64 * KIB)
    write(prefix.library / "json" / "decoder.py", 8 * KIB)
    assert unpacked()["interpreter"] == 12


def test_a_file_that_the_server_declares_counts_and_must_exist(prefix: Prefix) -> None:
    linked = msgspec.structs.replace(CATALOG.servers["gunicorn-sync"], files=("{base}/bin/gun*",))
    declared = msgspec.structs.replace(CATALOG, servers={"gunicorn-sync": linked})
    with pytest.raises(LabError, match=r"files: \{base\}/bin/gun\* matches no file of the interpreter of cpython"):
        unpacked(declared=declared)
    write(prefix.base / "bin" / "gun-core", 10 * KIB)
    assert unpacked(declared=declared)["server"] == 18


def test_shared_libraries_count_with_the_part_that_loads_them(prefix: Prefix) -> None:
    """A real extension module instead of the made-up core adds the C library that it is linked to."""
    extension = Path(msgspec._core.__file__)
    shutil.copy(extension, prefix.site / "statements-cpython.py")
    assert unpacked()["core"] > extension.stat().st_size / KIB + 500


def test_compressed_is_the_size_of_an_image_layer(prefix: Prefix) -> None:
    (prefix.site / "falcon.py").write_bytes(os.urandom(64 * KIB))
    write(prefix.site / "gunicorn.py", 64 * KIB)
    found = sizes.sizes(CATALOG, STACK)
    assert found["framework"].compressed > 64 * KIB
    assert found["server"].compressed < 8 * KIB
    assert found["framework"].stripped == found["framework"].unpacked, "there is nothing to strip"


def test_measuring_does_not_change_the_prefix(prefix: Prefix) -> None:
    before = {path: path.stat() for path in prefix.site.rglob("*")}
    sizes.sizes(CATALOG, STACK)
    after = {path: path.stat() for path in prefix.site.rglob("*")}
    assert {path: (stat.st_size, stat.st_mtime_ns) for path, stat in before.items()} == {
        path: (stat.st_size, stat.st_mtime_ns) for path, stat in after.items()
    }


def test_a_run_has_every_part_the_wheel_and_the_build_time(prefix: Prefix, tmp_path: Path) -> None:
    seen = sizes.observe(CATALOG, SizeCase(stack=STACK), tmp_path / "none")
    assert seen.values("wheel") == (777.0,)
    assert seen.values("build") == (2.5,)
    assert seen.values("server.unpacked") == (8 * KIB,)
    parts = {measurement.metric.split(".")[0] for measurement in seen.measurements}
    assert parts == {"wheel", "build", "source", "dependencies", "interpreter", "framework", "server", "core"}


def test_the_price_of_a_variant_is_its_own_source_and_what_it_requires(prefix: Prefix, tmp_path: Path) -> None:
    codec = CATALOG.variant("orjson")
    own = msgspec.structs.replace(CATALOG.variant("cpython"), source=codec.source, requirements=("codec", "packaging"))
    declared = msgspec.structs.replace(CATALOG, variants={"cpython": own})
    prefix.add("codec", KIB, ("tables",))
    prefix.add("tables", KIB)
    seen = sizes.observe(declared, SizeCase(stack=STACK), tmp_path / "none")
    text = (ROOT / "builds" / "orjson" / "orjson_codec.py").read_text()
    assert seen.values("source") == (sum(bool(line.strip()) for line in text.splitlines()),)
    assert seen.values("dependencies") == (2,), "the server requires packaging, too"
    plain = sizes.observe(CATALOG, SizeCase(stack=STACK), tmp_path / "none")
    assert (plain.values("source"), plain.values("dependencies")) == ((0,), (0,))


def test_equal_parts_are_packed_once_in_whatever_prefix(
    prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed: list[set[str]] = []

    def pack(by_image_path: Mapping[str, Path]) -> Size:
        packed.append(set(by_image_path))
        return Size(1, 1, 1)

    monkeypatch.setattr(sizes, "_PACKED", {})
    monkeypatch.setattr(sizes, "_pack", pack)
    sizes.sizes(CATALOG, STACK)
    count = len(packed)
    assert count == len(unpacked())
    assert {"lib/python3.11/site-packages/falcon.py"} in packed, "the path does not depend on the prefix"
    shutil.copytree(tmp_path / "prefixes" / STACK.variant, tmp_path / "prefixes" / "pypy")
    sizes.sizes(CATALOG, msgspec.structs.replace(STACK, variant="pypy"))
    assert len(packed) == count, "all parts of the copy were packed before"
    write(prefix.site / "falcon.py", 6 * KIB)
    sizes.sizes(CATALOG, STACK)
    assert len(packed) == count + 1, "a changed part is packed again"


def test_one_stack_per_variant_is_measured_unless_all_are_requested() -> None:
    peer = BuiltPeer(build="nodejs", fingerprint="f" * 64, version="v24", build_seconds=1.0, built="")
    made: dict[str, Artifact | BuiltPeer] = {"cpython": artifact("cpython"), "node-expert": peer}
    assert [stack.variant for stack in sizes.stacks(CATALOG, made)] == ["cpython", "node-expert"]
    every = sizes.stacks(CATALOG, made, every=True)
    assert every[0] == sizes.stacks(CATALOG, made)[0]
    assert len({(stack.framework, stack.server) for stack in every}) == len(every) > 20

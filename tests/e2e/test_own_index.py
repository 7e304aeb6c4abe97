"""An index of one's own: every wheel goes there, a stack comes from there, and nothing else takes its place."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from bench import verify
from bench.build import artifacts, contents, publishing
from bench.catalog import pairing
from bench.host.pinning import cores
from bench.model import Stack
from bench.paths import PREFIXES, ROOT, TOOLS
from bench.progress import Progress
from bench.provision import locks, stamp
from bench.provision.interpreters import MEASURED_LOCK
from bench.readiness import building
from bench.serve import http_client, life_cycle, start_command
from bench.serve.ports import free_port
from tests import own_index, signatures, tools
from tests.absent import expect_none
from tests.declared import CATALOG
from tests.indexes import CREDENTIALS, PASSWORD, Devpi, Index, devpi, files, tampered, wheel

pytestmark = [pytest.mark.slow, pytest.mark.long]

STACKS = tuple(
    pairing.parse_stack(CATALOG, name) for name in ("cpython/falcon/gunicorn-sync", "cython/falcon/waitress")
)
VARIANT, NAME = "cpython", "statements-cpython"
SECONDS = 120


def run(*words: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command in the checkout."""
    argv = [str(word) for word in words]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=SECONDS)


def bench(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "bench", *words, env=os.environ | env)


def uv_pip(python: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Install without settings, variables and caches of this machine."""
    options = ("--no-config", "--no-cache", "--python", python)
    return run(find_uv_bin(), "pip", "install", *options, *words, env={"PATH": os.defpath})


def page(index: Index, project: str) -> Any:
    """What an index says of a project."""
    *_, text = own_index.asked(index, project, own_index.JSON)
    return json.loads(text)


@pytest.fixture(scope="module")
def built() -> None:
    expect_none(building.build_all(CATALOG, {stack.variant for stack in STACKS}, Progress())[1])


@pytest.fixture(scope="module")
def others(built: None) -> Path:
    """The wheels that the stacks need beside their own, downloaded once by their hashes."""
    needed = {name for stack in STACKS for name in contents.required(CATALOG, stack)}
    pins = locks.entries(MEASURED_LOCK, sorted(needed))
    folder, python = TOOLS / "index-others", artifacts.python(VARIANT)
    made_of = stamp.of(pins)
    if not stamp.is_current(folder, made_of):
        with stamp.rebuilding(folder, made_of):
            (folder / "requirements.txt").write_text(pins, encoding="utf-8")
            pip = (tools.python("index"), "-m", "pip", "--python", python, "download")
            options = ("--require-hashes", "--no-deps", "--only-binary", ":all:")
            done = run(*pip, *options, "--dest", folder, "--requirement", folder / "requirements.txt")
            assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def server(others: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devpi]:
    """devpi, before an outside that has the same wheels as version 99.0."""
    folder = tmp_path_factory.mktemp("index")
    for stack in STACKS:
        wheel(folder / "outside/files", f"statements-{stack.variant}", own_index.OUTSIDE)
    for path in others.glob("*.whl"):
        shutil.copy(path, folder / "outside/files")
    with files(folder / "outside") as outside, devpi(folder, outside) as started:
        yield started


@pytest.fixture(scope="module")
def published(server: Devpi) -> Index:
    """The team's index, to which all that is built is uploaded."""
    done = bench("publish", server.index().upload, **CREDENTIALS)
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return server.index()


def requirements(stack: Stack, folder: Path) -> Path:
    """The requirements file of a stack."""
    done = bench("requirements", str(stack))
    assert done.returncode == 0, done.stderr
    path = folder / "requirements.txt"
    path.write_text(done.stdout, encoding="utf-8")
    return path


def environment(variant: str, folder: Path) -> Path:
    """An empty environment of the variant's interpreter."""
    executable = artifacts.require(variant).interpreter.executable
    run(find_uv_bin(), "venv", "--quiet", "--no-config", "--python", executable, folder / "env").check_returncode()
    return folder / "env"


# ---------------------------------------------------------------- publish


def test_every_built_wheel_is_on_the_index_with_the_hash_of_its_artifact(published: Index) -> None:
    wheels = {each.wheel: each.wheel_sha256 for each in artifacts.artifacts() if publishing.has_wheel(each)}
    projects = {path.partition("-")[0].replace("_", "-") for path in wheels}
    listed = [file for project in projects for file in page(published, project)["files"]]
    assert {file["filename"]: file["hashes"]["sha256"] for file in listed} == wheels


def test_an_identical_wheel_may_be_published_again(published: Index) -> None:
    assert bench("publish", published.upload, VARIANT, **CREDENTIALS).returncode == 0


def test_a_wrong_password_is_refused_in_one_line(published: Index) -> None:
    done = bench("publish", published.upload, VARIANT, **CREDENTIALS | {"UV_PUBLISH_PASSWORD": "guessed"})
    assert done.returncode == 2
    assert "401 Unauthorized" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "guessed" not in done.stderr


def test_a_published_version_never_changes(published: Index, tmp_path: Path) -> None:
    built = artifacts.require(VARIANT)
    changed = tampered(publishing.wheel_of(built), tmp_path)
    done = own_index.Clients(tmp_path).publish(published, changed)
    assert done.returncode != 0
    assert "409 Conflict" in done.stderr


# ---------------------------------------------------------------- install


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_a_stack_comes_from_the_index_alone_and_gives_right_answers(
    published: Index, stack: Stack, tmp_path: Path
) -> None:
    env, pins = environment(stack.variant, tmp_path), requirements(stack, tmp_path)
    done = uv_pip(env, "--require-hashes", "--default-index", published.simple, "-r", pins)
    assert done.returncode == 0, done.stderr
    port, prefix = free_port(), str(PREFIXES / stack.variant)
    argv, variables = start_command.command(CATALOG, stack, port, life_cycle.HOST, tmp_path)
    with life_cycle.launched(
        str(stack),
        [word.replace(prefix, str(env)) for word in argv],
        {name: value.replace(prefix, str(env)) for name, value in variables.items()},
        folder=env,
        first=http_client.HELLO,
        log=tmp_path / "server.log",
        cpus=cores().server,
        host=life_cycle.HOST,
        port=port,
    ):
        checked = verify.check_server(port)
    assert checked.cases > 0
    assert not checked.mismatches


def test_a_wheel_with_another_byte_is_refused_by_its_hash_alone(built: None, tmp_path: Path) -> None:
    env, pin = environment(VARIANT, tmp_path), tmp_path / "pin.txt"
    pin.write_text(locks.entries(requirements(STACKS[0], tmp_path), [NAME]), encoding="utf-8")
    tampered(publishing.wheel_of(artifacts.require(VARIANT)), tmp_path / "index/files")
    with files(tmp_path / "index") as index:
        refused = uv_pip(env, "--require-hashes", "--default-index", index.simple, "-r", pin)
        assert refused.returncode != 0
        assert "Hash mismatch" in refused.stderr
        assert uv_pip(env, "--default-index", index.simple, NAME).returncode == 0


# ---------------------------------------------------------------- whose package


def test_which_client_installs_the_package_of_the_outside(tmp_path: Path) -> None:
    clients, names = own_index.confusion(tmp_path)
    assert {(client, options) for client, options, version in clients if version == own_index.OUTSIDE} == {
        ("pip", "--index-url A --extra-index-url B"),
        ("pip", "--index-url B --extra-index-url A"),
        ("uv pip", "--index-url A --extra-index-url B"),
        ("uv pip", "--default-index B --index A --index-strategy unsafe-best-match"),
    }
    assert {version for *_, version in clients} == {own_index.OUTSIDE, own_index.OWN}
    assert names == {
        "uploaded": own_index.OWN,
        "uploaded to a base of the index": own_index.OWN,
        "not uploaded yet": own_index.OUTSIDE,
        "reserved, and not uploaded yet": own_index.NOTHING,
        "deleted, with `?force`": own_index.OUTSIDE,
        "uploaded, with `mirror_whitelist` `*`": own_index.OUTSIDE,
        "a name of others": own_index.PUBLIC,
        "a name of others, by a base of the index": own_index.PUBLIC,
    }


def test_what_each_index_can_do(tmp_path: Path) -> None:
    able, changed = own_index.indexes(tmp_path)
    assert able == [
        ("devpi", "yes", "refused", "yes", "yes", "mirrored", own_index.OUTSIDE),
        ("pypiserver", "yes", "refused", "no", "yes", "redirected", own_index.OUTSIDE),
        ("pypiserver --disable-fallback", "yes", "refused", "no", "yes", "no", own_index.NOTHING),
        ("files, by dumb-pypi", "no", "–", "no", "yes", "no", own_index.NOTHING),
    ]
    said = {(client, how): installed for client, how, installed in changed}
    assert said["pip", "without hashes"].version == said["uv pip", "without hashes"].version == own_index.OWN
    assert "DO NOT MATCH THE HASHES" in said["pip", "with hashes"].said
    assert "Hash mismatch" in said["uv pip", "with hashes"].said


def test_a_signature_counts_for_its_key_its_file_and_its_purpose(tmp_path: Path) -> None:
    right = wheel(tmp_path, NAME, own_index.OWN)
    judged = signatures.judged(right, tampered(right, tmp_path / "changed"), tmp_path)
    assert list(judged.values()) == [True, False, False, False]

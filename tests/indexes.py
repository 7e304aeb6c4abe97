"""Package indexes on loopback: devpi, pypiserver and files. None of them reaches the internet.

Their programs come from `bench/locks/index.txt`, in `.lab/tools/index`.
"""

import hashlib
import json
import os
import secrets
import signal
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlencode
from zipfile import ZipFile, ZipInfo

from bench.monitoring.asking import is_ready
from bench.paths import ROOT
from bench.serve.ports import LOOPBACK, free_port
from bench.serve.process import Program, Started, running
from tests import tools

INTERNAL = json.loads((ROOT / "deploy/index/internal.json").read_text(encoding="utf-8"))
TEAM, PASSWORD = "team", secrets.token_hex(16)
CREDENTIALS = {"UV_PUBLISH_USERNAME": TEAM, "UV_PUBLISH_PASSWORD": PASSWORD}
# By default devpi computes for ten seconds at each start, so that nobody guesses its secret.
QUICK = ["--argon2-time-cost", "1", "--argon2-memory-cost", "8", "--argon2-parallelism", "1"]
START_SECONDS = 30.0
STOP_SECONDS = 10.0


class Index(NamedTuple):
    """What clients install from, and what `uv publish` uploads to."""

    simple: str
    upload: str


@dataclass(frozen=True)
class Devpi:
    """A devpi with the index `team/internal` of `deploy/index`, in which `root/pypi` mirrors a given index."""

    port: int

    def index(self, name: str = "internal") -> Index:
        url = f"http://{LOOPBACK}:{self.port}/{TEAM}/{name}/"
        return Index(simple=f"{url}+simple/", upload=url)

    def make(self, name: str, **settings: object) -> Index:
        """Another index of the team, with other settings."""
        self.put(f"/{TEAM}/{name}", INTERNAL | settings)
        return self.index(name)

    def reserve(self, project: str) -> None:
        """Register the name of a project that has no file yet."""
        form = {":action": "submit", "name": project, "version": "0", "metadata_version": "2.1"}
        self._ask("POST", f"/{TEAM}/internal/", urlencode(form), "application/x-www-form-urlencoded", TEAM)

    def delete(self, project: str, version: str) -> None:
        """Delete a version by force: the index is not volatile."""
        self._ask("DELETE", f"/{TEAM}/internal/{project}/{version}?force", "", "application/json", TEAM)

    def put(self, path: str, document: object) -> None:
        self._ask("PUT", path, json.dumps(document), "application/json", "root")

    def _ask(self, method: str, path: str, body: str, kind: str, user: str) -> None:
        known = b64encode(f"{user}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {known}", "Content-Type": kind}
        with closing(HTTPConnection(LOOPBACK, self.port, timeout=START_SECONDS)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            assert answer.status in {200, 201}, answer.read().decode()


@contextmanager
def devpi(folder: Path, outside: Index) -> Iterator[Devpi]:
    """A new devpi of which only root changes users and indexes."""
    port, data = free_port(), ["--serverdir", str(folder / "devpi")]
    env = _environment(folder) | {"DEVPISERVER_ROOT_PASSWD": PASSWORD}
    subprocess.run([_program("devpi-init"), *data, "--no-root-pypi"], env=env, check=True, capture_output=True)
    argv = [_program("devpi-server"), *data, "--host", LOOPBACK, "--port", str(port), "--restrict-modify", "root"]
    with _serving("devpi-server", [*argv, *QUICK], folder, port, "/+api"):
        server = Devpi(port)
        server.put("/root/pypi", {"type": "mirror", "mirror_url": outside.simple, "mirror_cache_expiry": 0})
        server.put(f"/{TEAM}", {"password": PASSWORD})
        server.make("internal")
        yield server


@contextmanager
def pypiserver(folder: Path, *options: str) -> Iterator[Index]:
    """pypiserver with the wheels of `folder`/packages; anybody may upload."""
    port, packages = free_port(), folder / "packages"
    packages.mkdir(parents=True)
    argv = [_program("pypi-server"), "run", "--interface", LOOPBACK, "--port", str(port)]
    argv += ["--authenticate", ".", "--passwords", ".", *options, str(packages)]
    with _serving("pypi-server", argv, folder, port, "/"):
        url = f"http://{LOOPBACK}:{port}/"
        yield Index(simple=f"{url}simple/", upload=url)


@contextmanager
def files(folder: Path) -> Iterator[Index]:
    """A server of files, with the pages that dumb-pypi makes of the wheels in `folder`/files."""
    listed = [{"filename": path.name, "hash": f"sha256={sha256(path)}"} for path in (folder / "files").glob("*.whl")]
    (folder / "list.json").write_text("".join(f"{json.dumps(each)}\n" for each in listed), encoding="utf-8")
    argv = [_program("dumb-pypi"), "--package-list-json", str(folder / "list.json"), "--packages-url", "../../files/"]
    subprocess.run([*argv, "--output-dir", str(folder)], env=_environment(folder), check=True)
    with ThreadingHTTPServer((LOOPBACK, 0), partial(_Silent, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"http://{LOOPBACK}:{server.server_port}/"
        try:
            yield Index(simple=f"{url}simple/", upload=url)
        finally:
            server.shutdown()
            thread.join()


def wheel(folder: Path, project: str, version: str, note: str = "") -> Path:
    """A wheel that holds nothing but its name and version."""
    stem = f"{project.replace('-', '_')}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"{stem}-py3-none-any.whl", f"{stem}.dist-info"
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n\n{note}",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "".join(f"{info}/{name},,\n" for name in ("METADATA", "WHEEL", "RECORD")),
    }
    with ZipFile(path, "w") as packed:
        for name, text in texts.items():
            packed.writestr(ZipInfo(f"{info}/{name}"), text)  # without the time, so that its hash is always the same
    return path


def tampered(path: Path, folder: Path) -> Path:
    """A copy of a wheel with one other byte, in the time of its first file: nothing but a hash tells them apart."""
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 12] ^= 2
    folder.mkdir(parents=True, exist_ok=True)
    (folder / path.name).write_bytes(content)
    return folder / path.name


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def _program(name: str) -> str:
    return str(tools.python("index").with_name(name))


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8"}


def _serving(name: str, argv: list[str], folder: Path, port: int, path: str) -> AbstractContextManager[Started]:
    program = Program(
        name=name,
        argv=argv,
        folder=folder,
        env=_environment(folder),
        log=folder / f"{name}.log",
        is_ready=partial(is_ready, LOOPBACK, port, path),
        ready_seconds=START_SECONDS,
        poll_seconds=0.05,
        signal=signal.SIGTERM,
        stop_seconds=STOP_SECONDS,
    )
    return running(program)

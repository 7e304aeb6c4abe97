"""What a project seems to be, read from its files; and what an application is, asked in its interpreter."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import LabError
from bench.model import Interface
from bench.own import detect, init
from bench.paths import SUBJECT
from tests.declared import CATALOG

PROJECTS = {
    "flask": ({"shop/__init__.py": "from flask import Flask\napp = Flask(__name__)\n"}, "shop:app", "Flask", "wsgi"),
    "django": (
        {"manage.py": "", "shop/wsgi.py": "application = get_wsgi_application()\n"},
        "shop.wsgi:application", "Django", "wsgi",
    ),
    "django asgi": (
        {"shop/asgi.py": "application = get_asgi_application()\n"},
        "shop.asgi:application", "Django", "asgi",
    ),
    "fastapi": ({"src/shop/main.py": "app: FastAPI = FastAPI()\n"}, "shop.main:app", "FastAPI", "asgi"),
    "starlette": ({"main.py": "app = starlette.applications.Starlette()\n"}, "main:app", "Starlette", "asgi"),
    "litestar": ({"main.py": "app = Litestar([])\n"}, "main:app", "Litestar", "asgi"),
    "falcon": ({"api.py": "import falcon\nserver = falcon.App()\n"}, "api:server", "Falcon", "wsgi"),
    "falcon asgi": ({"api.py": "import falcon.asgi\napp = falcon.asgi.App()\n"}, "api:app", "Falcon", "asgi"),
    "bare wsgi": (
        {"w.py": "def application(environ, start_response): ...\n"},
        "w:application", "a bare callable", "wsgi",
    ),
    "bare asgi": ({"a.py": "async def app(scope, receive, send): ...\n"}, "a:app", "a bare callable", "asgi"),
    "bare rsgi": ({"r.py": "async def app(scope, proto): ...\n"}, "r:app", "a bare callable", "rsgi"),
    "made by a factory": ({"service.py": "app = create_app(['x'])\n"}, "service:app", "made by create_app", None),
    "factory": ({"shop/__init__.py": "def create_app(config=None): ...\n"}, "shop:create_app", "a factory", None),
    "the usual name in the shallowest module": (
        dict.fromkeys(("shop/api/v1.py", "shop/wsgi.py", "tests/conftest.py"), "app = Flask('shop')\n"),
        "shop.wsgi:app", "Flask", "wsgi",
    ),
}  # fmt: skip


def made(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("name", PROJECTS)
def test_an_application_is_found(tmp_path: Path, name: str) -> None:
    files, app, framework, interface = PROJECTS[name]
    first = detect.candidates(made(tmp_path, files))[0]
    assert (first.app, first.framework, first.interface) == (app, framework, interface)
    assert first.source == ("src" if "src/shop/main.py" in files else ".")


def test_init_writes_what_try_reads_and_no_other_file_changes(tmp_path: Path) -> None:
    files = PROJECTS["django"][0] | {"requirements.txt": "Django\ngranian\n", ".python-version": "3.13\n"}
    written = init.write(made(tmp_path, files), CATALOG)
    assert [path.name for path in written.files] == ["lab.toml", "first.http"]
    text = (tmp_path / "lab.toml").read_text()
    for line in ('server = "granian-wsgi"', 'interpreter = "cpython-3.13"', '"manage.py", "migrate"'):
        assert line in text
    assert {path.name for path in tmp_path.rglob("*")} == {
        "lab.toml", "requests", "first.http", "manage.py", "shop", "wsgi.py", "requirements.txt", ".python-version",
    }  # fmt: skip
    with pytest.raises(LabError, match=r"lab.toml exists: edit it"):
        init.write(tmp_path, CATALOG)


def test_a_dockerfile_tells_server_and_interpreter(tmp_path: Path) -> None:
    stages = (
        "node:24 AS page",
        "python:3.12 AS builder",
        "--platform=linux/amd64 docker.io/python:3.14-slim AS runtime",
    )
    image = "".join(f"FROM {stage}\n" for stage in stages) + "CMD gunicorn\n"
    made(tmp_path, PROJECTS["flask"][0] | {"Dockerfile": image})
    assert "interpreter: cpython-3.14" in init.write(tmp_path, CATALOG).found
    text = (tmp_path / "lab.toml").read_text()
    assert 'interpreter = "cpython-3.14"' in text
    assert 'server = "gunicorn-sync"' in text


@pytest.mark.parametrize(
    ("file", "text", "interface", "server"),
    [
        ("requirements.txt", "fastapi\nuvicorn[standard]\n", "asgi", "uvicorn-httptools"),
        ("Procfile", "web: gunicorn -k uvicorn_worker.UvicornWorker main:app\n", "asgi", "gunicorn-uvicorn"),
        ("Dockerfile", 'CMD ["hypercorn", "main:app"]\n', "asgi", "hypercorn"),
        ("pyproject.toml", '[project]\ndependencies = ["waitress"]\n', "wsgi", "waitress"),
        ("Procfile", "web: granian --interface rsgi main:app\n", "rsgi", "granian-rsgi"),
        ("requirements.txt", "uvicorn\n", "wsgi", None),
    ],
)
def test_a_server_is_recognised_by_its_program(
    tmp_path: Path, file: str, text: str, interface: Interface, server: str | None
) -> None:
    assert detect.server(made(tmp_path, {file: text}), interface) == server
    assert server is None or CATALOG.labels()[server].interface == interface


def test_init_refuses_what_makes_no_application(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no WSGI, ASGI or RSGI application found"):
        init.write(made(tmp_path, {"main.py": "print('hello')\n"}), CATALOG)
    with pytest.raises(LabError, match="no such folder"):
        init.write(tmp_path / "gone", CATALOG)


OBJECTS = """
class Wsgi:
    def __call__(self, environ, start_response): ...
class Asgi:
    async def __call__(self, scope, receive, send): ...
class Rsgi:
    async def __rsgi__(self, scope, protocol): ...
class AsgiAndRsgi(Asgi, Rsgi): ...
class WsgiAndRsgi(Wsgi, Rsgi): ...
wsgi, asgi, rsgi, asgi_and_rsgi, wsgi_and_rsgi = Wsgi(), Asgi(), Rsgi(), AsgiAndRsgi(), WsgiAndRsgi()
def plain(environ, start_response): ...
async def coroutine(scope, receive, send): ...
async def with_protocol(scope, protocol): ...
def create_app(config=None): return Asgi()
def needs(config): ...
class space: inner = Wsgi()
number = 7
"""


@pytest.mark.parametrize(
    ("name", "interface", "factory"),
    [
        ("wsgi", "wsgi", False),
        ("asgi", "asgi", False),
        ("plain", "wsgi", False),
        ("coroutine", "asgi", False),
        ("rsgi", "rsgi", False),
        ("with_protocol", "rsgi", False),
        ("asgi_and_rsgi", "asgi", False),
        ("wsgi_and_rsgi", "wsgi", False),
        ("Rsgi", "rsgi", True),
        ("create_app", "asgi", True),
        ("needs", None, False),
        ("space.inner", "wsgi", False),
        ("number", None, False),
    ],
)
def test_an_object_says_what_it_is(tmp_path: Path, name: str, interface: str | None, factory: bool) -> None:
    (tmp_path / "objects.py").write_text(OBJECTS)
    found = looked(tmp_path, f"objects:{name}")
    assert (found["interface"], found["factory"]) == (interface, factory)


def test_what_does_not_import_says_why_in_a_short_traceback(tmp_path: Path) -> None:
    (tmp_path / "objects.py").write_text("import os\nKEY = os.environ['SECRET_KEY']\n")
    error = str(looked(tmp_path, "objects:app")["error"])
    assert "objects.py" in error
    assert error.rstrip().endswith("KeyError: 'SECRET_KEY'")


def looked(folder: Path, name: str) -> dict[str, object]:
    argv = [sys.executable, str(SUBJECT / "look.py"), name]
    said = subprocess.run(argv, env={"PYTHONPATH": str(folder)}, capture_output=True, check=True, text=True).stdout
    found: dict[str, object] = json.loads(said)
    return found

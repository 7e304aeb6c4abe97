"""A user's application, measured by one command: its answers, its folder, and what is wrong with it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.build.project import fingerprint
from bench.paths import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.long]

WSGI = """
import json
from itertools import count

calls = count(1)

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    number = next(calls)
    wrong = LIMIT and number > LIMIT
    return [json.dumps({"path": environ["PATH_INFO"], "number": number, "right": not wrong}).encode()]
"""
ASGI = """
async def create_app_inner(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": scope["path"].encode()})

def create_app():
    return create_app_inner
"""
MANIFEST = """
app = "{app}"
server = "{server}"
interpreter = "cpython-3.11"

[answers]
ignore = ["/number"]
"""
# Keeps a value in a file of its folder: `set VALUE` changes it, and each line is answered with it.
BEHIND = """
import socketserver, sys
from pathlib import Path

store = Path(sys.argv[2], "value")

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line.startswith(b"set "):
                store.write_bytes(line[4:])
            self.wfile.write(store.read_bytes() if store.exists() else b"nothing\\n")

socketserver.ThreadingTCPServer.daemon_threads = True
with socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    server.serve_forever()
"""
ASKS = """
import os, socket, sys

connection = socket.create_connection(("127.0.0.1", int(os.environ["PORT"])))  # an import may connect
answers = connection.makefile("rb")

def asked(line):
    connection.sendall(line + b"\\n")
    return answers.readline().strip()

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [asked(b"get") + b" of " + os.environ["ADDRESS"].partition(":")[0].encode()]

if __name__ == "__main__":
    asked(b"set " + sys.argv[1].encode())
    with open(os.environ["COUNT"], "a") as count:
        count.write("prepared\\n")
"""
BESIDE = """
app = "shop:application"
server = "gunicorn-sync"
prepare = [["{{python}}", "shop.py", "seven"]]

[env]
PORT = "{{port}}"
ADDRESS = "{{dsn}}"
COUNT = "{count}"

[backend]
argv = ["{python}", "{{project}}/behind.py", "{{port}}", "{{folder}}"]
ready = ["{python}", "-c", "import socket, sys; socket.create_connection(('127.0.0.1', {{port}}))"]
dsn = "mock:127.0.0.1:{{port}}"
persistent = {persistent}
"""


def project(folder: Path, source: str, app: str, server: str) -> Path:
    (folder / "requests").mkdir(parents=True)
    (folder / "requests" / "mix.http").write_text("### one\nGET /one\n\n### two\n# @weight 2\nPOST /two\n\n{}\n")
    (folder / "shop.py").write_text(source)
    (folder / "lab.toml").write_text(MANIFEST.format(app=app, server=server))
    return folder


def tried(folder: Path, *words: str) -> tuple[int, str, str]:
    argv = [sys.executable, "-m", "bench", "try", str(folder), *words]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("source", "app", "server"),
    [
        (f"LIMIT = 0\n{WSGI}", "shop:application", "gunicorn-sync"),
        (ASGI, "shop:create_app", "gunicorn-uvicorn"),
    ],
    ids=["wsgi", "asgi from a factory"],
)
def test_an_application_has_three_cards_and_its_folder_stays_as_it_is(
    tmp_path: Path, source: str, app: str, server: str
) -> None:
    folder = project(tmp_path / f"own-{server}", source, app, server)
    before = fingerprint(folder)
    status, output, errors = tried(folder, "--servers", server, "--rate", "50", "--json")
    assert status == 0, errors
    found = json.loads(output)
    assert [card["title"] for card in found["cards"]] == [
        "What to change today",
        "Latency at 50.0 requests per second",
        "Memory under load",
    ]
    assert found["cards"][0]["lead"] == f"Keep {server}: no other stack was measured."
    (stack,) = found["stacks"]
    assert stack["verdict"] == "pass"
    assert stack["cpu"]["value"] > 0
    assert fingerprint(folder) == before
    assert not list(folder.rglob("__pycache__"))


@pytest.mark.parametrize("persistent", [True, False])
def test_each_server_has_a_prepared_backend_of_its_own(tmp_path: Path, persistent: bool) -> None:
    folder, count = project(tmp_path / "own-backend", ASKS, "", ""), tmp_path / "count"
    (folder / "behind.py").write_text(BEHIND)
    words = {"count": count, "python": sys.executable, "persistent": str(persistent).lower()}
    (folder / "lab.toml").write_text(BESIDE.format_map(words))
    status, _, errors = tried(folder, "--servers", "gunicorn-sync", "--rate", "50")
    assert status == 0, errors
    assert re.search(r"\n +one +GET /one +200  text/plain  13 B  seven of mock\n", errors), errors
    times = count.read_text().count("prepared")
    assert times == 1 if persistent else times > 5


def test_workers_without_cores_and_missing_programs_are_refused_before_anything_is_built(tmp_path: Path) -> None:
    folder = project(tmp_path / "own-refused", WSGI, "shop:application", "gunicorn-sync")
    assert tried(folder, "--workers", "999")[0] == 2
    (folder / "lab.toml").write_text('app = "a:b"\n[backend]\nargv = ["gone-server"]\nready = ["true"]\ndsn = ""\n')
    status, _, errors = tried(folder)
    assert (status, len(errors.splitlines())) == (2, 1)
    assert errors.startswith("bench: gone-server: gone-server is not installed in /usr/local/bin, /usr/bin, /bin: ")


def test_a_wrong_answer_late_in_the_load_is_caught_with_its_request(tmp_path: Path) -> None:
    folder = project(tmp_path / "own-late", f"LIMIT = 1000\n{WSGI}", "shop:application", "gunicorn-sync")
    status, output, errors = tried(folder, "--servers", "gunicorn-sync")
    assert status == 1
    told = " ".join((output + errors).split())
    assert "GET /one: differs at /right" in told or "POST /two: differs at /right" in told


@pytest.mark.parametrize(
    ("source", "app", "words"),
    [
        ("import os\nKEY = os.environ['SECRET_KEY']\n", "shop:application", "KeyError: 'SECRET_KEY'"),
        (WSGI.replace("LIMIT", "0"), "shop:gone", "has no attribute 'gone'"),
        ("application = 7\n", "shop:application", "is no WSGI, ASGI or RSGI application"),
        (
            "def application(environ, start_response):\n 1 / 0\n",
            "shop:application",
            "GET /one (one) fails on the baseline",
        ),
    ],
    ids=["a variable that is not set", "no such object", "no application", "it fails"],
)
def test_what_is_wrong_is_one_clear_message_with_status_2(tmp_path: Path, source: str, app: str, words: str) -> None:
    folder = project(tmp_path / "own-wrong", source, app, "gunicorn-sync")
    status, output, errors = tried(folder, "--servers", "gunicorn-sync")
    assert status == 2, output
    assert words in errors
    assert 'Traceback (most recent call last):\n  File "' not in errors.partition("does not import")[0]

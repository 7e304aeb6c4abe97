"""`python -m tests.own_index confusion`, or `indexes`: who installs which package, and what an index can do.

The team has version 1.2.0 of a project, and the outside version 99.0 of one of the same name. Both hold nothing but
their version. Each row is an installation into an empty folder.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from importlib.metadata import distributions
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlsplit

from uv import find_uv_bin

from tests import signatures, tools
from tests.indexes import CREDENTIALS, Devpi, Index, devpi, files, pypiserver, sha256, tampered, wheel

OURS, OWN, OUTSIDE = "statements-cpython", "1.2.0", "99.0"
NEXT, LATER, GONE = (f"{OURS}-{when}" for when in ("next", "later", "gone"))  # names of the team without a file
THEIRS, PUBLIC = "falcon", "4.0.0"
JSON = "application/vnd.pypi.simple.v1+json"  # PEP 691
NOTHING = "nothing"
SECONDS = 60
WAYS = (  # A: the team's index, B: the outside
    ("pip", "--index-url A --extra-index-url B"),
    ("pip", "--index-url B --extra-index-url A"),
    ("pip", "--index-url A"),
    ("uv pip", "--index-url A --extra-index-url B"),
    ("uv pip", "--index-url B --extra-index-url A"),
    ("uv pip", "--default-index B --index A"),
    ("uv pip", "--default-index B --index A --index-strategy unsafe-best-match"),
    ("uv pip", "--default-index A"),
)
Row = tuple[str, ...]


class Installed(NamedTuple):
    """The version that an installation brought, `nothing` without one, and what the client said."""

    version: str
    said: str


class Clients:
    """pip and uv without settings and caches of this machine. Each installs into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folders = (folder / f"installed-{number}" for number in count())
        self._env = {"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8"}
        self._argv = {
            "pip": [str(tools.python("index")), "-m", "pip", "--isolated", "--disable-pip-version-check"],
            "uv pip": [find_uv_bin(), "pip"],
        }
        self._options = {"pip": ["--no-cache-dir"], "uv pip": ["--no-config", "--no-cache", "--python", sys.executable]}

    def install(self, client: str, *words: str, project: str = OURS) -> Installed:
        """Install what `words` name, without its dependencies."""
        folder = next(self._folders)
        argv = [*self._argv[client], "install", *self._options[client], "--no-deps", "--target", str(folder), *words]
        done = subprocess.run(argv, env=self._env, capture_output=True, text=True, check=False, timeout=SECONDS)
        found = {each.name: each.version for each in distributions(path=[str(folder)])}
        assert (done.returncode == 0) == (project in found), done.stderr
        return Installed(found.get(project, NOTHING), done.stdout + done.stderr)

    def publish(self, index: Index, path: Path) -> subprocess.CompletedProcess[str]:
        """Upload a wheel by `uv publish`."""
        argv = [find_uv_bin(), "publish", "--no-config", "--trusted-publishing", "never"]
        argv += ["--publish-url", index.upload, str(path)]
        env = self._env | CREDENTIALS | {"UV_HTTP_RETRIES": "0"}
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=SECONDS)


@contextmanager
def outside(folder: Path) -> Iterator[Index]:
    """The index of everybody: projects of others, and some who took the names of ours."""
    for project in (OURS, NEXT, LATER, GONE):
        wheel(folder / "files", project, OUTSIDE)
    wheel(folder / "files", THEIRS, PUBLIC)
    with files(folder) as index:
        yield index


def ways(clients: Clients, own: Index, others: Index) -> list[tuple[str, str, str]]:
    """Which version each client installs of a name that the own index has."""
    urls = {"A": own.simple, "B": others.simple}
    rows = []
    for client, options in WAYS:
        words = [urls.get(word, word) for word in options.split()]
        rows.append((client, options, clients.install(client, *words, OURS).version))
    return rows


def names(clients: Clients, server: Devpi, path: Path) -> dict[str, str]:
    """Which version devpi gives of a name, by what it knows of it."""
    staging = server.make("staging", bases=["team/internal"])
    mixed = server.make("mixed", mirror_whitelist=["*"])
    clients.publish(mixed, path).check_returncode()
    server.reserve(LATER)
    clients.publish(server.index(), wheel(path.parent, GONE, OWN)).check_returncode()
    server.delete(GONE, OWN)
    given = (
        ("uploaded", server.index(), OURS),
        ("uploaded to a base of the index", staging, OURS),
        ("not uploaded yet", server.index(), NEXT),
        ("reserved, and not uploaded yet", server.index(), LATER),
        ("deleted, with `?force`", server.index(), GONE),
        ("uploaded, with `mirror_whitelist` `*`", mixed, OURS),
        ("a name of others", server.index(), THEIRS),
        ("a name of others, by a base of the index", staging, THEIRS),
    )
    return {
        state: clients.install("uv pip", "--default-index", index.simple, project, project=project).version
        for state, index, project in given
    }


def abilities(clients: Clients, index: Index, folder: Path) -> Row:
    """What an index does when it is asked to."""
    first = clients.publish(index, wheel(folder / "first", "statements-published", OWN))
    second = clients.publish(index, wheel(folder / "second", "statements-published", OWN, "changed"))
    kind, page = asked(index, OURS, JSON)[1:]
    status, *_ = asked(index, THEIRS, "text/html")
    found = clients.install("uv pip", "--default-index", index.simple, NEXT, project=NEXT)
    return (
        "yes" if first.returncode == 0 else "no",
        "–" if first.returncode else "replaced" if second.returncode == 0 else "refused",
        "yes" if kind.startswith(JSON) else "no",
        "yes" if "sha256" in page else "no",
        {200: "mirrored", 303: "redirected", 404: "no"}[status],
        found.version,
    )


def asked(index: Index, project: str, kind: str) -> tuple[int, str, str]:
    """Status, type and text of a project's page; no redirection is followed."""
    url = urlsplit(index.simple)
    with closing(HTTPConnection(url.hostname or "", url.port, timeout=SECONDS)) as connection:
        connection.request("GET", f"{url.path}{project}/", headers={"Accept": kind})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read().decode()


def byte(clients: Clients, index: Index, right: Path, folder: Path) -> list[tuple[str, str, Installed]]:
    """What a client does with a wheel of which `index` has another byte, without and with the hash of the right one."""
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{OURS}=={OWN} --hash=sha256:{sha256(right)}\n", encoding="utf-8")
    chosen = {"without hashes": [f"{OURS}=={OWN}"], "with hashes": ["--require-hashes", "--requirement", str(pinned)]}
    return [
        (client, how, clients.install(client, option, index.simple, *words))
        for how, words in chosen.items()
        for client, option in (("pip", "--index-url"), ("uv pip", "--default-index"))
    ]


def confusion(folder: Path) -> tuple[list[tuple[str, str, str]], dict[str, str]]:
    """What `ways` and `names` say."""
    clients = Clients(folder)
    path = wheel(folder / "wheels", OURS, OWN)
    with outside(folder / "outside") as others, devpi(folder, others) as server:
        clients.publish(server.index(), path).check_returncode()
        return ways(clients, server.index(), others), names(clients, server, path)


def indexes(folder: Path) -> tuple[list[Row], list[tuple[str, str, Installed]]]:
    """The rows of `abilities` for each index, and of `byte` for the index of files."""
    clients = Clients(folder)
    right = wheel(folder / "wheels", OURS, OWN)
    tampered(right, folder / "static/files")
    with (
        outside(folder / "outside") as others,
        devpi(folder, others) as server,
        pypiserver(folder / "open", "--fallback-url", others.simple) as redirecting,
        pypiserver(folder / "closed", "--disable-fallback") as closed,
        files(folder / "static") as static,
    ):
        kinds = {
            "devpi": server.index(),
            "pypiserver": redirecting,
            "pypiserver --disable-fallback": closed,
            "files, by dumb-pypi": static,
        }
        for index in (server.index(), redirecting, closed):
            clients.publish(index, right).check_returncode()
        rows = [(kind, *abilities(clients, index, folder / kind)) for kind, index in kinds.items()]
        return rows, byte(clients, static, right, folder)


def table(heads: Row, rows: Iterable[Row]) -> None:
    """Print a table."""
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in (lines[0], tuple("-" * width for width in widths), *lines[1:]):
        print("  ".join(map(str.ljust, line, widths)).rstrip())


def show_confusion(folder: Path) -> None:
    clients, states = confusion(folder)
    table(("client", "options", "installs"), clients)
    print()
    table(("a name in devpi", "installs"), states.items())


def show_indexes(folder: Path) -> None:
    able, refused = indexes(folder)
    table(("index", "upload", "changed", "JSON", "sha256", "of others", "not uploaded"), able)
    print()
    table(("another byte", "requirements", "installs"), ((*way, each.version) for *way, each in refused))
    print()
    right = wheel(folder / "signed", OURS, OWN)
    judged = signatures.judged(right, tampered(right, folder / "changed"), folder)
    table(("signed by", "verified"), ((how, "yes" if is_right else "no") for how, is_right in judged.items()))


SHOWN: dict[str, Callable[[Path], None]] = {"confusion": show_confusion, "indexes": show_indexes}


def main(words: list[str]) -> int:
    """Print the tables of that name. Returns the exit status."""
    if len(words) != 1 or words[0] not in SHOWN:
        print(f"use one of: {', '.join(SHOWN)}", file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="own-index-") as name:
        SHOWN[words[0]](Path(name))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A user's project → its applications, server and interpreter, read from its files. Nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.build.project import LEFT_OUT
from bench.model import Argv, Interface
from bench.own.manifest import REQUIREMENTS

# Callables that return an application, by full name or its last part: the framework and its interface.
MAKERS: dict[str, tuple[str, Interface]] = {
    "Flask": ("Flask", "wsgi"),
    "get_wsgi_application": ("Django", "wsgi"),
    "get_asgi_application": ("Django", "asgi"),
    "FastAPI": ("FastAPI", "asgi"),
    "Starlette": ("Starlette", "asgi"),
    "Litestar": ("Litestar", "asgi"),
    "Quart": ("Quart", "asgi"),
    "Bottle": ("Bottle", "wsgi"),
    "falcon.App": ("Falcon", "wsgi"),
    "falcon.API": ("Falcon", "wsgi"),
    "falcon.asgi.App": ("Falcon", "asgi"),
}
CALLABLES: dict[tuple[str, ...], Interface] = {
    ("environ", "start_response"): "wsgi",
    ("env", "start_response"): "wsgi",
    ("scope", "receive", "send"): "asgi",
    ("scope", "proto"): "rsgi",
    ("scope", "protocol"): "rsgi",
}
FACTORIES = {"create_app", "make_app", "get_app", "create_application", "build_app"}
USUAL = ("application", "app", "wsgi", "asgi", "api")  # names of modules and objects, the likeliest first
ASIDE = LEFT_OUT | {"tests", "test", "docs", "examples", "migrations", "scripts"}
DEEPEST = 4  # folders below the project's
MANAGE: Argv = ("{python}", "manage.py", "migrate", "--no-input")
SERVERS: dict[str, dict[Interface, str]] = {  # programs that a Procfile, a Dockerfile or requirements name
    "gunicorn": {"wsgi": "gunicorn-sync", "asgi": "gunicorn-uvicorn"},
    "uwsgi": {"wsgi": "uwsgi-processes"},
    "granian": {"wsgi": "granian-wsgi", "asgi": "granian-asgi", "rsgi": "granian-rsgi"},
    "bjoern": {"wsgi": "bjoern"},
    "waitress": {"wsgi": "waitress"},
    "hypercorn": {"asgi": "hypercorn"},
    "uvicorn": {"asgi": "uvicorn-httptools"},
}


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A likely application. `app`: MODULE:NAME, importable from the folder `source`, relative to the project."""

    app: str
    framework: str
    interface: Interface | None
    source: str


def candidates(project: Path) -> list[Candidate]:
    """Return the likely applications of a project, the likeliest first."""
    found = [each for path in _modules(project) for each in _in_module(project, path)]
    return sorted(found, key=_likelihood)


def prepare(project: Path) -> tuple[Argv, ...]:
    """Return the commands that prepare a fresh copy: the migrations of a Django project."""
    return (MANAGE,) if (project / "manage.py").is_file() else ()


def server(project: Path, interface: Interface | None) -> str | None:
    """Return the label of the server, with its usual worker, that a Procfile, Dockerfile or requirements file names."""
    for name in ("Procfile", "Dockerfile", *REQUIREMENTS):
        path = project / name
        text = path.read_text(encoding="utf-8", errors="replace").lower() if path.is_file() else ""
        for program, labels in SERVERS.items():
            if re.search(rf"\b{program}\b", text) and interface in labels:
                return labels[interface]
    return None


def python(project: Path) -> str | None:
    """Return the Python version that `.python-version` or the last Python image of a Dockerfile pins."""
    for name, version in (
        (".python-version", re.compile(r"\A\s*(3\.\d+)")),
        ("Dockerfile", re.compile(r"^FROM\s+(?:--\S+\s+)*(?:\S+/)?python:(3\.\d+)", re.MULTILINE)),
    ):
        path = project / name
        pinned = version.findall(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else []
        if pinned:
            return str(pinned[-1])
    return None


def _modules(project: Path) -> Iterator[Path]:
    for path in sorted(project.rglob("*.py")):
        parts = path.relative_to(project).parts
        if len(parts) <= DEEPEST + 1 and not ASIDE.intersection(parts[:-1]) and not parts[-1].startswith("test_"):
            yield path


def _in_module(project: Path, path: Path) -> Iterator[Candidate]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    source, module = _place(project, path)
    for node in tree.body:
        for name, framework, interface in _made_by(node):
            yield Candidate(app=f"{module}:{name}", framework=framework, interface=interface, source=source)


def _made_by(node: ast.stmt) -> Iterator[tuple[str, str, Interface | None]]:
    """Yield the names that a statement binds to an application, with framework and interface (None: unknown)."""
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=called))
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(func=called))
        ):
            dotted = ast.unparse(called)
            made = MAKERS.get(dotted) or MAKERS.get(dotted.rpartition(".")[2])
            if made:
                yield name, *made
            elif dotted.rpartition(".")[2] in FACTORIES:
                yield name, f"made by {dotted}", None
        case ast.FunctionDef(name=name) if name in FACTORIES:
            yield name, "a factory", None
        case ast.FunctionDef(name=name, args=arguments) | ast.AsyncFunctionDef(name=name, args=arguments):
            interface = CALLABLES.get(tuple(each.arg for each in arguments.args))
            if interface:
                yield name, "a bare callable", interface


def _place(project: Path, path: Path) -> tuple[str, str]:
    """Return the folder to import from, relative to the project, and the module's name."""
    parts = list(path.relative_to(project).with_suffix("").parts)
    root = 1 if parts[0] == "src" and len(parts) > 1 else 0
    module = parts[root:-1] if parts[-1] == "__init__" else parts[root:]
    return "/".join(parts[:root]) or ".", ".".join(module)


def _likelihood(each: Candidate) -> tuple[int, int, int, str]:
    """Return a sort key: objects before factories, shallow modules first, then usual names."""
    module, _, name = each.app.partition(":")
    last = module.rpartition(".")[2]
    usual = min(USUAL.index(word) if word in USUAL else len(USUAL) for word in (name, last))
    return each.framework == "a factory", module.count("."), usual, each.app

"""A user's project → what it seems to be, read from its files; nothing of it is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.model import Argv, Interface
from bench.own.manifest import REQUIREMENTS
from bench.serve.application import LEFT_OUT

# What makes an application, by the last part of the called name: the framework, and the interface that it speaks.
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
}
FACTORIES = {"create_app", "make_app", "get_app", "create_application", "build_app"}
USUAL = ("application", "app", "wsgi", "asgi", "api")  # names of files and of objects, the most telling first
ASIDE = LEFT_OUT | {"tests", "test", "docs", "examples", "migrations", "scripts"}
DEEPEST = 4  # folders below the project's
MANAGE: Argv = ("{python}", "manage.py", "migrate", "--no-input")
SERVERS: dict[str, dict[Interface, str]] = {  # what a Procfile or requirements name
    "gunicorn": {"wsgi": "gunicorn-sync", "asgi": "gunicorn-uvicorn"},
    "uwsgi": {"wsgi": "uwsgi-processes"},
    "granian": {"wsgi": "granian-wsgi", "asgi": "granian-asgi"},
    "bjoern": {"wsgi": "bjoern"},
}


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An application that a file seems to make: MODULE:NAME, by which framework; its module lies in `source`."""

    app: str
    framework: str
    interface: Interface | None
    source: str
    line: int


def candidates(project: Path) -> list[Candidate]:
    """The applications that the files of a project seem to make, the likeliest first."""
    found = [each for path in _modules(project) for each in _in_module(project, path)]
    return sorted(found, key=_likelihood)


def requirements(project: Path) -> tuple[str, ...]:
    """The file that says what the project requires, the most exact one."""
    return next(((name,) for name in REQUIREMENTS if (project / name).is_file()), ())


def prepare(project: Path) -> tuple[Argv, ...]:
    """What makes a fresh copy of a Django project ready."""
    return (MANAGE,) if (project / "manage.py").is_file() else ()


def server(project: Path, interface: Interface | None) -> str | None:
    """The server that a Procfile, a Dockerfile or the requirements name, as the lab calls it with its usual worker."""
    for name in ("Procfile", "Dockerfile", *REQUIREMENTS):
        path = project / name
        text = path.read_text(encoding="utf-8", errors="replace").lower() if path.is_file() else ""
        for program, labels in SERVERS.items():
            if re.search(rf"\b{program}\b", text) and interface in labels:
                return labels[interface]
    return None


def python(project: Path) -> str | None:
    """The version of Python that `.python-version` pins, as MAJOR.MINOR."""
    path = project / ".python-version"
    pinned = re.match(r"\s*(3\.\d+)", path.read_text(encoding="utf-8")) if path.is_file() else None
    return pinned[1] if pinned else None


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
            yield Candidate(
                app=f"{module}:{name}", framework=framework, interface=interface, source=source, line=node.lineno
            )


def _made_by(node: ast.stmt) -> Iterator[tuple[str, str, Interface | None]]:
    """Names that a statement binds to an application, with its framework and interface; unknown of a factory."""
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
    """The folder to import from, relative to the project, and the module's name."""
    parts = list(path.relative_to(project).with_suffix("").parts)
    root = 1 if parts[0] == "src" and len(parts) > 1 else 0
    module = parts[root:-1] if parts[-1] == "__init__" else parts[root:]
    return "/".join(parts[:root]) or ".", ".".join(module)


def _likelihood(each: Candidate) -> tuple[int, int, int, str]:
    """The smaller the likelier: what is no factory, in a shallow module, by a usual name."""
    module, _, name = each.app.partition(":")
    last = module.rpartition(".")[2]
    usual = min(USUAL.index(word) if word in USUAL else len(USUAL) for word in (name, last))
    return each.framework == "a factory", module.count("."), usual, each.app

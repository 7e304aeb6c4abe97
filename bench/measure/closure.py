"""A module of the lab → the files that its work depends on: what it imports, and what it names for other processes.

Imports are read, not carried out: those inside functions count, too. Packages from elsewhere are left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import resolve_name
from itertools import accumulate
from pathlib import Path

from bench import paths


@cache
def files(root: Path, *modules: str) -> tuple[Path, ...]:
    """What `modules` and all that they import from the checkout at `root` consist of, by path in it, sorted.

    Beside the source of a module stands what it reads or starts: files of its own name with another suffix, and what it
    spells out below `bench`, such as `SUBJECT / "micro.py"`, of a folder all files.
    """
    sources: dict[str, Path] = {}
    todo = list(modules)
    while todo:
        name = todo.pop()
        path = _source(root, name)
        if path and name not in sources:
            sources[name] = path
            todo += _imported(name, path)
    found = {file for name, path in sources.items() for place in _beside(root, name, path) for file in below(place)}
    return tuple(sorted(file.relative_to(root) for file in found))


def below(path: Path) -> list[Path]:
    """The file at `path`, or all files of that folder, sorted, but for what Python writes there."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _source(root: Path, module: str) -> Path | None:
    """The file of a module of the checkout; None for any other name."""
    place = root.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def _imported(module: str, path: Path) -> Iterator[str]:
    """Names that may be modules: what is imported, from where, and every package on the way there."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(_tree(path)):
        match node:
            case ast.Import(names=names):
                found = [each.name for each in names]
            case ast.ImportFrom(module=of, names=names, level=level):
                origin = resolve_name("." * level + (of or ""), package)
                found = [f"{origin}.{each.name}" for each in names]
            case _:
                continue
        yield from (part for name in found for part in accumulate(name.split("."), "{}.{}".format))


def _beside(root: Path, module: str, path: Path) -> Iterator[Path]:
    """The files and folders of a module: its source, its siblings of the same name, and what it spells out."""
    yield from path.parent.glob(f"{path.stem}.*")
    if module == paths.__name__:  # it names places for others
        return
    chains = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)]
    inner = {node.left for node in chains}
    for place in (_place(node) for node in chains if node not in inner):
        own = place.relative_to(paths.ROOT) if place else Path()
        if len(own.parts) > 1 and own.parts[0] == "bench":
            yield root / own


def _place(node: ast.expr) -> Path | None:
    """The path that an expression such as `SUBJECT / "micro.py"` spells; the folder, where a name in it is computed."""
    match node:
        case ast.Name(id=name):
            place = getattr(paths, name, None)
            return place if isinstance(place, Path) else None
        case ast.BinOp(left=left, op=ast.Div(), right=ast.Constant(value=str(part))):
            folder = _place(left)
            return folder / part if folder else None
        case ast.BinOp(left=left, op=ast.Div()):
            return _place(left)
    return None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())

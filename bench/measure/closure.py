"""The files that a module of the lab depends on: its imports, and the files that it names for other processes.

Imports are parsed, not executed, so imports inside functions count. Third-party packages do not.
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
    """Return the files of `modules` and of everything they import from the checkout at `root`, as sorted paths in it.

    The files of a module are its source, files of the same name with another suffix, and the files and folders below
    `bench` that it names in expressions such as `SUBJECT / "micro.py"`.
    """
    sources: dict[str, Path] = {}
    todo = list(modules)
    while todo:
        name = todo.pop()
        path = _source(root, name)
        if path and name not in sources:
            sources[name] = path
            todo += _imported(name, path)
    found = {
        file for name, path in sources.items() for named in _files_of(root, name, path) for file in files_below(named)
    }
    return tuple(sorted(file.relative_to(root) for file in found))


def files_below(path: Path) -> list[Path]:
    """Return the file at `path`, or the sorted files of the folder at `path` without bytecode."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _source(root: Path, module: str) -> Path | None:
    """Return the source file of a module of the checkout, or None for any other name."""
    base = root.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _imported(module: str, path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports, and each of their parent packages. Some may not be modules."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(_tree(path)):
        match node:
            case ast.Import(names=names):
                found = [each.name for each in names]
            case ast.ImportFrom(module=relative, names=names, level=level):
                origin = resolve_name("." * level + (relative or ""), package)
                found = [f"{origin}.{each.name}" for each in names]
            case _:
                continue
        yield from (part for name in found for part in accumulate(name.split("."), "{}.{}".format))


def _files_of(root: Path, module: str, path: Path) -> Iterator[Path]:
    """Yield the files and folders of a module: its source, files of the same name, and the paths that it names."""
    yield from path.parent.glob(f"{path.stem}.*")
    if module == paths.__name__:  # it names paths for other modules
        return
    chains = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)]
    inner = {node.left for node in chains}
    for named in (_path_of(node) for node in chains if node not in inner):
        relative = named.relative_to(paths.ROOT) if named else Path()
        if len(relative.parts) > 1 and relative.parts[0] == "bench":
            yield root / relative


def _path_of(node: ast.expr) -> Path | None:
    """Return the path of an expression such as `SUBJECT / "micro.py"`, up to its first computed part."""
    match node:
        case ast.Name(id=name):
            value = getattr(paths, name, None)
            return value if isinstance(value, Path) else None
        case ast.BinOp(left=left, op=ast.Div(), right=ast.Constant(value=str(part))):
            folder = _path_of(left)
            return folder / part if folder else None
        case ast.BinOp(left=left, op=ast.Div()):
            return _path_of(left)
    return None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())

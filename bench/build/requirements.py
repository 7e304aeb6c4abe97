"""A user's requirements files and all they name on this machine: other files, and packages in folders and archives.

Each local package becomes a wheel, built from a copy: building in its folder would leave files there.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.build import project
from bench.build.requirement_lines import NAMED, PROJECTS, Included, Line, Local, is_local, parsed, read
from bench.errors import MissingError
from bench.model import Provisioned
from bench.provision import system
from bench.provision.interpreters import EPOCH, require_success, uv

LOCAL_SOURCES = {"path", "workspace"}  # of [tool.uv.sources]
LOCK = "uv.lock"


def parts(files: Sequence[Path]) -> list[str | Path]:
    """Return what the pins of the requirements `files` depend on: files, and the hashes of local packages.

    Raises MissingError for a line that is unsupported or names a missing file.
    """
    found: list[str | Path] = list(files)
    for path in files:
        if path.name == LOCK:
            found += [_state(package) for package in _locked_packages(path)]
        elif path.name in PROJECTS:
            found += [_state(path.parent)] if _is_dynamic(path) else []
        else:
            texts = read(path)
            found += [each for each in texts if each != path]
            found += [_state(local.path) for local in _locals(texts.values())]
    return found


def prepared(files: Sequence[Path], folder: Path, interpreter: Provisioned) -> list[Path]:
    """Write copies of requirements `files` into `folder`, in which local packages are wheels. Returns their paths.

    Raises MissingError if a local package cannot be built.
    """
    texts: dict[Path, list[Line]] = {}
    for path in files:
        if path.name == LOCK:
            text = _exported(path, folder).read_text(encoding="utf-8")
            texts[path] = parsed(path, text)
        elif path.name not in PROJECTS:
            texts |= read(path)
    wheels = _wheels(_locals(texts.values()), folder / "wheels", interpreter)
    copies = {path: folder / f"{number}-{path.name.removesuffix('.txt')}.txt" for number, path in enumerate(texts)}
    for path, lines in texts.items():
        written = [_written(line, copies, wheels) for line in lines]
        copies[path].write_text("\n".join([*written, ""]), encoding="utf-8")
    return [copies[path] if path in copies else _project(path, folder) for path in files]


def require_no_local(pins: str, folder: Path) -> None:
    """Raise MissingError if `pins` name a package on this machine outside of `folder`."""
    for line in pins.splitlines():
        words = line.partition(" #")[0].strip()
        if ("file:" in words and folder.as_uri() not in words) or words.startswith(("/", ".", "-e ")):
            raise MissingError(f"{words}: a dependency names this local package: list it in the requirements file")


def _locals(texts: Iterable[Sequence[Line]]) -> list[Local]:
    return [line for lines in texts for line in lines if isinstance(line, Local)]


def _state(package: Path) -> str:
    """Return the hash of a folder or of a file."""
    return project.fingerprint(package) if package.is_dir() else hashlib.sha256(package.read_bytes()).hexdigest()


def _written(line: Line, copies: dict[Path, Path], wheels: dict[Path, Path]) -> str:
    match line:
        case Included(option, path):
            return f"{option} {copies[path].name}"
        case Local(name, extras, path, after):
            wheel = wheels[path]  # its hash in the pins makes the artifact depend on its content
            address = f"{wheel.as_uri()}#sha256={_state(wheel)}"
            return f"{name or wheel.name.partition('-')[0]}{extras} @ {address} {after}".rstrip()
        case _:
            return line


def _wheels(packages: Sequence[Local], folder: Path, interpreter: Provisioned) -> dict[Path, Path]:
    """Return a wheel of each local package, by its path."""
    wheels: dict[Path, Path] = {}
    for path in dict.fromkeys(package.path for package in packages):
        out = folder / str(len(wheels))
        out.mkdir(parents=True)
        wheels[path] = _wheel(path, out, interpreter)
    names = {_normal(wheel.name.partition("-")[0]) for wheel in wheels.values()}
    for path in wheels:
        absent = [name for name in _local_sources(path / "pyproject.toml") if _normal(name) not in names]
        if absent:
            told = f"[tool.uv.sources] names the local package {absent[0]}: list it in the requirements file, too"
            raise MissingError(f"{path / 'pyproject.toml'}: {told}")
    return wheels


def _wheel(path: Path, out: Path, interpreter: Provisioned) -> Path:
    if path.suffix == ".whl":
        return Path(shutil.copy2(path, out))
    origin = path
    if path.is_dir():
        origin = out / "source" / path.name
        project.copy(path, origin)
    how = ["--wheel", "--no-config", "--no-sources", "--python", interpreter.executable, "--out-dir", str(out)]
    done = uv("build", *how, str(origin), env=EPOCH)
    made = sorted(out.glob("*.whl"))
    if done.returncode != 0 or not made:
        raise MissingError(f"{path}: cannot be built for {interpreter.name}: {system.error_message(done)}")
    return made[0]


def _project(file: Path, folder: Path) -> Path:
    """Copy a `pyproject.toml`, or the whole project if only a build knows its requirements. Returns the file's copy."""
    copy = folder / f"project-{file.name}"
    if _is_dynamic(file):
        project.copy(file.parent, copy)
    else:
        copy.mkdir()
        shutil.copyfile(file, copy / file.name)
    return copy / file.name


def _is_dynamic(file: Path) -> bool:
    """Return True if only a build knows the requirements. Raises MissingError if they name a local package."""
    if file.name != "pyproject.toml":
        return True
    own = _toml(file).get("project")
    named = [name for text in (own or {}).get("dependencies", ()) if (name := NAMED.fullmatch(text))]
    local = [name[1] for name in named if is_local(name[3], is_path=True)] + _local_sources(file)
    if local:
        raise MissingError(f"{file}: {local[0]} is a local package: run `uv lock`, and use its uv.lock in lab.toml")
    return own is None or not {"dependencies", "optional-dependencies"}.isdisjoint(own.get("dynamic", ()))


def _local_sources(file: Path) -> list[str]:
    """Return the names of the packages for which a `pyproject.toml` names a folder or an archive."""
    sources = _toml(file).get("tool", {}).get("uv", {}).get("sources", {}) if file.is_file() else {}
    each = ((name, entry if isinstance(entry, list) else [entry]) for name, entry in sources.items())
    return [name for name, entries in each if any(LOCAL_SOURCES & entry.keys() for entry in entries)]


def _locked_packages(lock: Path) -> list[Path]:
    """Return the folders and archives of the local packages in a `uv.lock`, except the project itself."""
    sources = [package.get("source", {}) for package in _toml(lock).get("package", ())]
    names = [source[kind] for source in sources for kind in ("editable", "directory", "path") if kind in source]
    paths = [(lock.parent / name).resolve() for name in names if name != "."]
    return [path for path in paths if path.exists()]


def _exported(lock: Path, folder: Path) -> Path:
    """Export a `uv.lock` as a requirements file without the project itself. Returns its path."""
    copy = folder / "project"
    members = [path / "pyproject.toml" for path in _locked_packages(lock) if path.is_relative_to(lock.parent)]
    for file in (lock, lock.with_name("pyproject.toml"), *(path for path in members if path.is_file())):
        to = copy / file.relative_to(lock.parent)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
    out = folder / "exported.txt"
    how = ["--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--quiet", "--output-file", str(out)]
    require_success(uv("export", "--project", str(copy), *how))
    return out


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise MissingError(f"{file}: {error}") from error


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

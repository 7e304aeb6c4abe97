"""A backend's programs: their placeholders, where they are, and the user and environment in which they run."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from bench.errors import MissingError
from bench.host.pinning import cores, pinned
from bench.model import Argv, Backend
from bench.provision import system
from bench.provision.interpreters import debian_prefix

PATH = "/usr/local/bin:/usr/bin:/bin"


def places(folder: Path, port: int) -> dict[str, str]:
    """Return the placeholders of a backend's commands and of its `dsn`."""
    return {"folder": str(folder), "port": str(port)}


def command(backend: Backend, argv: Argv, folder: Path, port: int) -> list[str]:
    """Return the command that runs `argv` on the generator's cores and ends it if the lab itself is killed.

    Under root it runs as the backend's own user.
    """
    setpriv = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0 and backend.user is not None:
        uid, gid = user(backend.user)
        setpriv += ["--reuid", str(uid), "--regid", str(gid), "--clear-groups"]
    arguments = [part.format_map(places(folder, port)) for part in argv[1:]]
    return pinned([*setpriv, "--", located(backend, argv[0]), *arguments], cores().generator)


def given_files(backend: Backend) -> list[Path]:
    """Return the files that the backend's commands name by an absolute path, alone or in a word such as --file=PATH."""
    words = [word for argv in (backend.prepare, backend.argv, backend.ready, backend.version) for word in argv]
    plain = [word.replace("{{", "{").replace("}}", "}") for word in words]
    paths = [Path(text) for word in plain for text in (word, word.partition("=")[2]) if text.startswith("/")]
    return [path for path in dict.fromkeys(paths) if path.is_file()]


def environment(backend: Backend, folder: Path) -> dict[str, str]:
    """Return the whole environment of the backend. Its home is the fresh folder, so it reads no file of the user.

    A program in Python writes no bytecode beside its modules, which may be in the user's project.
    """
    return {"PATH": _path(backend), "HOME": str(folder), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}


def _path(backend: Backend) -> str:
    """Return PATH with the backend's `paths`, the newest version first, after the folder of its provider."""
    folders = [str(path) for pattern in backend.paths for path in Path("/").glob(pattern.lstrip("/"))]
    newest = sorted(folders, key=lambda folder: [int(part) for part in folder.split("/") if part.isdecimal()])[::-1]
    provider = backend.provider
    unpacked = [str((debian_prefix(provider) / provider.executable).parent)] if provider else []
    return os.pathsep.join([*unpacked, PATH, *newest])


def located(backend: Backend, name: str) -> str:
    """Return the path of one of the backend's programs. Raises MissingError if it is not installed."""
    found = shutil.which(name, path=_path(backend))
    if found is None:
        remedies = [part.remedy for part in system.parts() if part.name in backend.needs]
        told = f"{backend.name}: {name} is not installed"
        told += "" if remedies else f" in {', '.join(PATH.split(':'))}: install it, or name its folder in `paths`"
        raise MissingError(told, next(iter(remedies), None))
    return found


def user(name: str) -> tuple[int, int]:
    """Return the user id and group id of `name`. Raises MissingError if that user does not exist."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise MissingError(
            f"cannot run the backend as root: user {name!r} does not exist", f"useradd --system {name}"
        ) from None
    return entry.pw_uid, entry.pw_gid

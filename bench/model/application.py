"""A user's own service: its source, its requirements, and how it is started."""

from __future__ import annotations

from bench.model.base import Argv, Count, Declared, Interface


class Application(Declared, frozen=True, kw_only=True):
    """A WSGI or ASGI application. `app`: MODULE:NAME in the folder `source`, called without arguments if a `factory`.

    `source_sha256` is a hash of the files in `source`: other files are another case. `requirements`: paths of files.
    `prepare`: commands that prepare a fresh copy of the source, with `{python}` replaced. `backend` names the backend
    that it waits for, if any. In `env` and `prepare`, `{dsn}`, `{folder}` and `{port}` are the backend's.
    `workers`: worker processes of each server, one for each of its cores. `debug`: its framework's debug mode is on.
    """

    name: str
    app: str
    interface: Interface
    factory: bool = False
    source: str
    source_sha256: str
    requirements: tuple[str, ...] = ()
    env: dict[str, str] = {}
    prepare: tuple[Argv, ...] = ()
    backend: str | None = None
    workers: Count = 1
    debug: bool = False

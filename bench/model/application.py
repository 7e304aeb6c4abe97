"""A service that its user brings: where it lies, what it needs, how it is started, and what it is asked."""

from __future__ import annotations

from bench.model.base import Argv, Declared, Interface


class Application(Declared, frozen=True, kw_only=True):
    """A WSGI or ASGI application: `app` is MODULE:NAME in the folder `source`, called without arguments if a `factory`.

    `requirements` are its files of requirements by path, `prepare` the commands that make a fresh copy of the source
    ready to serve, with `{python}` replaced. In `env` and `prepare`, `{dsn}` is the backend's address.
    """

    name: str
    app: str
    interface: Interface
    factory: bool = False
    source: str
    requirements: tuple[str, ...] = ()
    env: dict[str, str] = {}
    prepare: tuple[Argv, ...] = ()

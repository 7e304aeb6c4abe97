"""Layers around the service: absent when switched off, and a context for each request when on."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from app import context, layers
from app.contract import load_core
from bench.paths import ROOT

SEEN: ContextVar[str] = ContextVar("SEEN")


def test_without_layers_the_application_is_the_frameworks_own() -> None:
    application = object()
    assert layers.around(application, "wsgi", []) is application


def test_a_layer_that_is_switched_off_is_not_even_imported() -> None:
    tell = "import sys, app.layers, app.http, app.wsgi.bare_app, app.rsgi.bare_app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", tell], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("app.")}
    assert loaded == {"app.contract", "app.core", "app.http", "app.layers", "app.rsgi", "app.rsgi.bare_app",
                      "app.wsgi", "app.wsgi.bare_app"}  # fmt: skip


def doubled(transform: Any) -> Any:
    return lambda document: 2 * transform(document)


def test_a_layer_that_is_named_twice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped: list[Any] = []
    layer = SimpleNamespace(TRANSFORM=f"{__name__}.doubled", wsgi=wrapped.append)
    monkeypatch.setitem(sys.modules, "app.doubling", layer)
    core, application = replace(load_core("app.core"), transform=bytes.upper), object()
    assert layers.around_core(core, ["doubling", "doubling"]).transform(b"a") == b"AA"
    layers.around(application, "wsgi", ["doubling", "doubling"])
    assert wrapped == [application]


def test_a_transform_that_two_layers_name_is_around_the_core_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("doubling", "tripling"):
        monkeypatch.setitem(sys.modules, f"app.{name}", SimpleNamespace(TRANSFORM=f"{__name__}.doubled"))
    core = replace(load_core("app.core"), transform=bytes.upper)
    assert layers.around_core(core, ["doubling", "tripling"]).transform(b"a") == b"AA"


def test_an_unknown_layer_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^STATEMENTS_LAYERS: no layer 'health,drain'; separate names by spaces$"):
        layers.around(object(), "wsgi", ["health,drain"])


def test_a_layer_that_does_not_support_the_interface_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^STATEMENTS_LAYERS: the layer drain does not support ASGI$"):
        layers.around(object(), "asgi", ["drain"])


@pytest.mark.parametrize(("module", "interface"), [("app.asgi.falcon_app", "asgi"), ("app.wsgi.bare_app", "wsgi")])
def test_the_interface_is_the_frameworks(module: str, interface: str) -> None:
    assert layers.interface_of(module) == interface


def answers(environ: dict[str, Any], _start_response: object) -> list[bytes]:
    seen = SEEN.get("nobody")
    SEEN.set(environ["asks"])
    return [seen.encode()]


def test_a_variable_ends_with_its_wsgi_request() -> None:
    application = context.wsgi(answers)
    assert [list(application({"asks": name}, print)) for name in "ab"] == [[b"nobody"], [b"nobody"]]
    assert SEEN.get("nobody") == "nobody"


def test_a_body_made_while_it_is_sent_keeps_the_context_of_its_request() -> None:
    closed = []

    class Lazy:
        def __init__(self, name: str) -> None:
            SEEN.set(name)

        def __iter__(self) -> Iterator[bytes]:
            yield SEEN.get("nobody").encode()
            yield SEEN.get("nobody").encode()

        def close(self) -> None:
            closed.append(SEEN.get("nobody"))

    application = context.wsgi(lambda environ, _: Lazy(environ["asks"]))
    one, other = (application({"asks": name}, print) for name in "ab")
    assert list(zip(one, other, strict=True)) == [(b"a", b"b")] * 2  # sent alternately
    for body in (one, other):
        body.close()  # type: ignore[attr-defined]
    assert closed == ["a", "b"]


def test_a_variable_ends_with_its_asgi_request() -> None:
    seen = []

    async def application(scope: dict[str, str], _receive: object, _send: object) -> None:
        seen.append(SEEN.get("nobody"))
        SEEN.set(scope["asks"])
        await asyncio.sleep(0)
        seen.append(SEEN.get("nobody"))

    async def pipelined() -> None:
        for name in "ab":
            await context.asgi(application)({"asks": name}, None, None)

    asyncio.run(pipelined())
    assert seen == ["nobody", "a", "nobody", "b"]


def test_an_error_of_an_asgi_request_reaches_the_server() -> None:
    async def application(*_: object) -> None:
        await asyncio.sleep(0)
        raise KeyError

    with pytest.raises(KeyError):
        asyncio.run(context.asgi(application)(None, None, None))


def test_the_end_of_a_task_reaches_its_request_in_its_context() -> None:
    seen = []

    async def application(scope: str, _protocol: object) -> None:
        SEEN.set(scope)
        try:
            await asyncio.sleep(10)
        finally:
            seen.append(SEEN.get("nobody"))

    async def cancelled() -> None:
        task = asyncio.create_task(context.rsgi(application)("a", None))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert seen == ["a"]


def test_a_layered_application_is_no_factory() -> None:
    """Uvicorn calls an application without arguments: if that works, it serves what it gets."""
    served: Any = context.asgi(lambda *_: None)  # type: ignore[arg-type, return-value, unused-ignore]
    with pytest.raises(TypeError):
        served()

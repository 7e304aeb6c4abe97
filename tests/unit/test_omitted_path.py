"""WSGI lets servers omit an empty PATH_INFO (PEP 3333), as bjoern does for CONNECT: each framework answers 404."""

import time
from importlib import import_module
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from app.contract import load_core
from tests.declared import CATALOG

WSGI = [each for each in CATALOG.frameworks.values() if each.interface == "wsgi"]


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
@pytest.mark.parametrize("method", ["GET", "CONNECT"])
@pytest.mark.parametrize("framework", WSGI, ids=lambda framework: framework.name)
def test_an_omitted_path_is_unknown(framework: Any, method: str) -> None:
    application = import_module(framework.module).make(load_core("app.core"), {}, time.sleep, 1_000)
    environ: dict[str, Any] = {"wsgi.input": BytesIO()}
    setup_testing_defaults(environ)
    environ["REQUEST_METHOD"] = method
    del environ["PATH_INFO"]
    statuses: list[str] = []
    b"".join(application(environ, lambda status, headers, *_: statuses.append(status)))
    assert statuses[0][:3] in {"404", "400", "405"}

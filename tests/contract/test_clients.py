"""Clients generated from spec/openapi.json: each is the same every time, compiles, and passes the golden cases.

`clients/departures.toml` declares what a client cannot do. A departure that does not occur fails, too.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from app import contract
from app.core import transform
from app.wsgi import bare_app
from bench.errors import MissingError
from bench.model import Unavailable
from bench.readiness import building
from tests import clients
from tests.absent import absent
from tests.contract.changing import serving
from tests.contract.conftest import require_built, served
from tests.languages import CLIENTS, LANGUAGES, Language, built, generated

pytestmark = pytest.mark.long
CORE = contract.load_core("app.core")


def answering(answer: Callable[[bytes], bytes]) -> AbstractContextManager[str]:
    """The URL of a service whose statements are made by `answer`."""
    return serving(bare_app.make(dataclasses.replace(CORE, transform=answer), {}, time.sleep))


def renaming(document: bytes) -> bytes:
    """A statement whose `totals` have another name."""
    return transform(document).replace(b'"totals":', b'"sums":')


@pytest.fixture(scope="module", params=LANGUAGES.values(), ids=list(LANGUAGES))
def language(request: pytest.FixtureRequest) -> Language:
    """A language whose client is built."""
    try:
        built(request.param)
    except MissingError as error:
        absent(str(error), error.remedy)
    return request.param


@pytest.fixture(scope="module", params=[clients.STACK], ids=str)
def service(
    request: pytest.FixtureRequest,
    prepared: tuple[building.Built, list[Unavailable]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The URL of a stack."""
    require_built(prepared, request.param)
    for server in served(request.param, tmp_path_factory.mktemp("server") / "log"):
        yield f"http://{server.host}:{server.port}"


def test_generating_again_gives_the_same_files(language: Language, tmp_path: Path) -> None:
    language.generate(tmp_path)
    again = generated(language, tmp_path)
    assert len(again) > 10
    assert again == generated(language, CLIENTS / language.name)


def test_golden_cases(language: Language, service: str) -> None:
    assert clients.surprises(language, clients.outcomes(language, service)) == []


def test_a_renamed_member_is_noticed_or_declared(language: Language) -> None:
    with answering(transform) as right, answering(renaming) as wrong:
        assert not clients.caught(language.name, right)
        assert clients.caught(language.name, wrong) != bool(clients.declared(language).unnoticed)

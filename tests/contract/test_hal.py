"""The layer `hal` on real servers, behind `identity` and around `events`: what clients reach, and what they do not.

One server for each framework; `long` tests have all servers, and a client in JavaScript. Both clients know only `/`.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from app.core import transform
from app.relations import RELATIONS
from app.resources import Resources
from bench.build import peers
from bench.errors import MissingError
from bench.model import Artifact, FromNpm, Stack, Unavailable
from bench.paths import TOOLS
from bench.provision import npm
from bench.readiness import building
from bench.serve import life_cycle
from tests.absent import absent
from tests.contract.broker import Broker, broker, worker
from tests.contract.conftest import PLAIN, missing, on_every_server, require_built
from tests.contract.deferring import JSON, Reply, Service
from tests.contract.test_identity import order
from tests.declared import CATALOG
from tests.following import Reached, client, reach
from tests.hal import HAL, checked, href
from tests.issuer import AUDIENCE, ISSUER, Issuer
from tests.unit.test_hal import Renamed
from tests.unit.test_hal_clients import served

EVERY = on_every_server(PLAIN["cpython"])
STACKS = list({stack.framework: stack for stack in reversed(EVERY)}.values())  # one for each framework
OTHERS = [pytest.param(stack, marks=pytest.mark.long) for stack in EVERY if stack not in STACKS]
CUSTOMERS = 45  # three pages
ORDERS = [order(number) for number in range(1, CUSTOMERS + 1)]
DOCUMENT = json.dumps({"batch": "b", "currency": "EUR", "orders": ORDERS}).encode()
MADE = transform(DOCUMENT)
ALL = "statements customers:all"
KETTING = FromNpm(folder="tests/contract/ketting", executable="node_modules/ketting/package.json")
REACH = Path(__file__).parent / "ketting" / "reach.cjs"
SECONDS = 60  # of the client in JavaScript


class Guarded(NamedTuple):
    """A service with the three layers, and the issuer of its tokens."""

    service: Service
    issuer: Issuer

    @property
    def url(self) -> str:
        return f"http://{life_cycle.HOST}:{self.service.port}"

    def authorization(self, subject: str = "anna", scope: str = ALL) -> str:
        return f"Bearer {self.issuer.token(sub=subject, scope=scope)}"

    def get(self, path: str, headers: dict[str, str] | None = None) -> Reply:
        """The answer to anna, who accepts HAL, unless the headers say otherwise; an empty one is not sent."""
        return self.ask("GET", path, headers)

    def post(self, body: bytes, headers: dict[str, str] | None = None) -> Reply:
        return self.ask("POST", "/statements", headers, body)

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Reply:
        given = {**JSON, "Accept": HAL, "Authorization": self.authorization(), **(headers or {})}
        return self.service.ask(method, path, body, {name: value for name, value in given.items() if value})


@pytest.fixture(scope="module")
def queue(
    prepared: tuple[building.Built, list[Unavailable]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A broker, and a consumer of its queue."""
    if not isinstance(prepared[0].get(PLAIN["cpython"]), Artifact):
        missing(prepared[1], PLAIN["cpython"])
    folder = tmp_path_factory.mktemp("queue")
    with broker(folder / "broker") as running, worker(PLAIN["cpython"], running.url, folder):
        yield running


@pytest.fixture(scope="module")
def issuer() -> Iterator[tuple[Issuer, str]]:
    """An issuer, and the URL of its keys."""
    made = Issuer()
    with made.served() as url:
        yield made, url


@pytest.fixture(scope="module", params=[*STACKS, *OTHERS], ids=str)
def guarded(
    request: pytest.FixtureRequest,
    prepared: tuple[building.Built, list[Unavailable]],
    queue: Broker,
    issuer: tuple[Issuer, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Guarded]:
    """Each stack with the three layers, running."""
    stack: Stack = request.param
    require_built(prepared, stack)
    env = {
        "STATEMENTS_LAYERS": "identity hal events",
        "STATEMENTS_ISSUER": ISSUER,
        "STATEMENTS_AUDIENCE": AUDIENCE,
        "STATEMENTS_JWKS": issuer[1],
    }
    folder = tmp_path_factory.mktemp("guarded")
    service = Service(stack, queue, None, folder, workers=1, env=env)
    with service.life:
        service.start()
        yield Guarded(service, issuer[0])


def require_all(reached: Reached) -> None:
    """A client has found all that the document becomes."""
    plain = json.loads(MADE)
    customers = plain.pop("customers")
    assert reached.statement == plain
    assert reached.customers == customers
    for name, text in reached.documented.items():
        assert RELATIONS[name].summary in text


def test_json_keeps_its_bytes(guarded: Guarded) -> None:
    for accept in ("", "*/*", "application/json", f"{HAL};q=0.5, application/json"):
        reply = guarded.post(DOCUMENT, {"Accept": accept})
        assert (reply.status, reply.body) == (200, MADE)
        assert (reply.headers["content-type"], reply.headers["vary"]) == ("application/json", "Accept")


def test_every_answer_in_hal_is_checked(guarded: Guarded) -> None:
    home = guarded.get("/", {"Authorization": ""})
    assert "lab:statements" in checked(home.body)["_links"]
    answer = guarded.post(DOCUMENT)
    assert (answer.status, answer.headers["content-type"], answer.headers["vary"]) == (200, HAL, "Accept")
    assert checked(answer.body)["_embedded"]["lab:customer"] == json.loads(MADE)["customers"]
    for reply in (home, answer):
        assert reply.headers["content-length"] == str(len(reply.body))
    for path, status in (("/statements", 405), (f"/statements/{'0' * 32}", 404), ("/rels/none", 404)):
        refused = guarded.get(path)
        assert (refused.status, refused.headers["content-type"]) == (status, "application/problem+json")
    assert guarded.post(b"{}").status == 422
    head = guarded.ask("HEAD", "/")
    assert (head.status, head.headers["content-type"], head.body) == (200, HAL, b"")


def test_a_client_that_knows_only_home_reaches_everything(guarded: Guarded) -> None:
    reached = reach(client(guarded.url, guarded.authorization()), DOCUMENT)
    require_all(reached)
    assert reached.answer["_embedded"]["lab:customer"] == reached.customers


def test_resources_are_private_to_who_made_them(guarded: Guarded) -> None:
    pending = guarded.post(DOCUMENT, {"Prefer": "respond-async"})
    location = pending.headers["location"]
    paths = (location, f"{location}/customers", f"{location}/customers?page=2", f"{location}/customers/1")
    for _ in range(2):  # before and after it is made
        for path in paths:
            for other in (guarded.authorization("bert"), ""):
                for accept in (HAL, "application/json"):
                    assert guarded.get(path, {"Accept": accept, "Authorization": other}).status == 404
        guarded.service.result(location, {"Authorization": guarded.authorization()})
    assert [guarded.get(path).status for path in paths] == [200] * 4
    assert guarded.get(f"{location}/customers?page=x").status == 400
    assert guarded.post(DOCUMENT, {"Authorization": ""}).status == 401


def test_pages_have_what_their_reader_may_see(guarded: Guarded) -> None:
    location = guarded.post(DOCUMENT, {"Prefer": "respond-async"}).headers["location"]
    some = {"Authorization": guarded.authorization(scope="statements customer:7")}
    guarded.service.result(location, some)
    statement = checked(guarded.get(location, some).body)
    page = checked(guarded.get(href(statement, "lab:customers"), some).body)
    assert [each["id"] for each in page["_embedded"]["lab:customer"]] == [7]
    assert guarded.get(f"{location}/customers/8", some).status == 404


@pytest.mark.long
def test_a_client_in_javascript_reaches_everything(guarded: Guarded) -> None:
    require_all(by_ketting(guarded.url, guarded.authorization(), DOCUMENT))


@pytest.mark.long
@pytest.mark.parametrize("resources", [Resources, Renamed])
def test_a_client_in_javascript_notices_no_renamed_path(resources: type[Resources]) -> None:
    with served(resources) as url:
        require_all(by_ketting(url, "", DOCUMENT))


def by_ketting(url: str, authorization: str, document: bytes) -> Reached:
    """What ketting reaches on the lab's NodeJS."""
    try:
        node = peers.provision(CATALOG.peers["node-ordinary"])
        npm.unpack(KETTING, TOOLS / "ketting")
    except MissingError as error:
        absent(str(error), error.remedy)
    argv = [str(node), str(REACH), str(TOOLS / "ketting" / "node_modules" / "ketting"), url, authorization]
    done = subprocess.run(argv, input=document, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return Reached(**json.loads(done.stdout))

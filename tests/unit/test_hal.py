"""The layer `hal` on each interface: which media type, what links where, who sees it, what a renamed path breaks."""

import json
import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest

from app import contract, events, hal
from app.asgi import falcon_app
from app.core import transform
from app.deferred import Events
from app.nats import NoBroker
from app.negotiation import prefers_hal
from app.principal import Principal
from app.relations import RELATIONS
from app.resources import PAGE_CUSTOMERS, Resources
from app.rsgi import bare_app as rsgi_app
from app.wsgi import bare_app as wsgi_app
from bench.paths import ROOT
from tests.cores import GOLDEN, document, order
from tests.hal import HAL, checked, documentation, href
from tests.unit.interfaces import INTERFACES, Answer, ask_as
from tests.unit.test_events import ALL, BROKER, MAX_BYTES, MadeUpWork

CORE = contract.load_core("app.core")
JSON = "application/json"
PROBLEM = "application/problem+json"
SERVICES: dict[str, Any] = {"wsgi": wsgi_app, "asgi": falcon_app, "rsgi": rsgi_app}
CUSTOMERS = 45  # three pages
SENT = document(*(order(number, customer={"id": number, "name": f"n {number}"}) for number in range(1, CUSTOMERS + 1)))
ONE = Principal("one", ALL)


class Renamed(Resources):
    """The same resources, whose customers have another path."""

    customers = "buyers"


class Service:
    """The service with the layer, and with `events` and a made-up broker unless `are_kept` is False."""

    def __init__(self, interface: str, resources: type[Resources] = Resources, *, are_kept: bool = True) -> None:
        self.interface = interface
        self.work = MadeUpWork()
        application = SERVICES[interface].make(CORE, {}, time.sleep, MAX_BYTES * 1000)
        if are_kept:
            made = Events(self.work, BROKER, is_guarded=False, max_bytes=MAX_BYTES * 1000)  # type: ignore[arg-type]
            application = getattr(events, interface)(application, made)
        self.application = getattr(hal, interface)(application, hal.Hal(resources(are_kept=are_kept)))

    def ask(self, method: str, path: str, body: bytes = b"", by: Principal | None = None, **headers: str) -> Answer:
        return ask_as(by, self.interface, self.application, method, path, body, **headers)

    def get(self, path: str, by: Principal | None = None) -> dict[str, Any]:
        """A resource in HAL."""
        answer = self.ask("GET", path, by=by, Accept=HAL)
        assert (answer.status, answer.headers["content-type"]) == (200, HAL), answer
        assert answer.headers["content-length"] == str(len(answer.body))
        return checked(answer.body)

    def post(self, body: bytes = SENT, by: Principal | None = None, **headers: str) -> Answer:
        return self.ask("POST", "/statements", body, by, **{"Content_Type": JSON, **headers})

    def made(self, body: bytes = SENT, by: Principal | None = None) -> str:
        """The path of a statement that was made later."""
        answer = self.post(body, by, Prefer="respond-async", Accept=HAL)
        assert answer.status == 202
        self.work.compute()
        return answer.headers["location"]


@pytest.fixture(params=INTERFACES)
def service(request: pytest.FixtureRequest) -> Service:
    return Service(request.param)


@pytest.fixture(params=INTERFACES)
def stateless(request: pytest.FixtureRequest) -> Service:
    return Service(request.param, are_kept=False)


def is_problem(answer: Answer, status: int) -> bool:
    found = (answer.status, answer.headers["content-type"], json.loads(answer.body)["status"])
    return found == (status, PROBLEM, status)


# ---------------------------------------------------------------- which media type


@pytest.mark.parametrize(
    ("accept", "is_hal"),
    [
        ("", False),
        ("*/*", False),
        ("application/*", False),
        ("application/json", False),
        ("text/html", False),
        (HAL, True),
        ("Application/HAL+JSON", True),
        (f"{HAL}, {JSON}", True),
        (f"{JSON}, {HAL}", True),
        (f"{JSON}, {HAL};q=0.9", False),
        (f"{HAL}, application/json;q=0.9, */*;q=0.8", True),
        (f"{HAL};q=0.5, */*", False),
        (f"{HAL};q=0.5, */*;q=0.4", True),
        (f"{HAL};q=0, */*", False),
        (f"{HAL};q=0", False),
        (f"{HAL};q=0.001, {JSON};q=0", True),
        (f"{JSON};q=0.1, */*", True),
        (f"{JSON};q=0.1, application/*;q=0.2, */*;q=0", True),
        (f"{HAL} ; Q=1.000", True),
        (f"{HAL};q=1.001", False),
        (f"{HAL};q=2", False),
        (f"{HAL};q=-1", False),
        (f"{HAL};q=", False),
        (f"{HAL};q=nan", False),
        (f"text/plain, {HAL};profile=\"a, {JSON};q=1\";q=0.3", True),
        (f"text/plain;x=\"{HAL}\"", False),
        (f" ,, {HAL}\t; q=0.7 , */*;q=0.1", True),
        ("application/hal", False),
        (f"text/plain;x=\", {HAL}", False),
        (f"{HAL}, text/plain;x=\"", True),
    ],
)  # fmt: skip
def test_the_media_type_is_negotiated_by_quality_and_specificity(accept: str, is_hal: bool) -> None:
    assert prefers_hal(accept) is is_hal


@pytest.mark.parametrize("accept", [JSON, "*/*", "", f"{HAL};q=0.1, {JSON}"])
def test_json_keeps_its_bytes(service: Service, accept: str) -> None:
    answer = service.post(Accept=accept)
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, JSON, transform(SENT))
    assert answer.headers["vary"] == "Accept"
    kept = service.ask("GET", service.made(), Accept=accept)
    assert (kept.status, kept.headers["content-type"], kept.body) == (200, JSON, transform(SENT))
    assert kept.headers["vary"] == "Accept"


@pytest.mark.parametrize("accept", [HAL, JSON])
def test_problems_stay_problems(service: Service, accept: str) -> None:
    for answer in (
        service.post(b"{}", Accept=accept),
        service.ask("GET", "/statements", Accept=accept),
        service.ask("GET", f"/statements/{'0' * 32}", Accept=accept),
    ):
        assert is_problem(answer, answer.status)
        assert answer.status in {404, 405, 422}
        assert answer.headers["vary"] == "Accept"


def test_other_paths_are_the_applications(service: Service) -> None:
    answer = service.ask("GET", "/hello", Accept=HAL)
    assert (answer.body, "vary" in answer.headers) == (b"Hello, world!\n", False)
    for path in ("/nope", "/statements/x", "/statements/" + "g" * 32, f"/statements/{'0' * 32}/customers/x"):
        assert is_problem(service.ask("GET", path, Accept=HAL), 404)


# ---------------------------------------------------------------- what is made at once


def test_an_answer_embeds_its_customers_and_links_to_what_is_stateless(stateless: Service) -> None:
    answer = stateless.post(Accept=HAL)
    assert (answer.status, answer.headers["content-type"]) == (200, HAL)
    assert answer.headers.get("content-length", str(len(answer.body))) == str(len(answer.body))
    resource, plain = checked(answer.body), json.loads(transform(SENT))
    links, embedded = resource.pop("_links"), resource.pop("_embedded")
    assert embedded == {"lab:customer": plain.pop("customers")}
    assert resource == plain
    assert {relation: link["href"] for relation, link in links.items() if relation != "curies"} == {
        "self": "/statements",
        "index": "/",
    }


VALID = [path for path in GOLDEN if path.parent.name == "valid"]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_every_answer_keeps_its_members_in_hal(path: Any) -> None:
    made = transform(path.read_bytes())
    resource, plain = checked(Resources(are_kept=False).answer(made)), json.loads(made)
    assert resource.pop("_embedded")["lab:customer"] == plain.pop("customers")
    del resource["_links"]
    assert resource == plain


TRAPS = (',"customers":[', '],"totals":{', '"', "\\", ',\\"customers\\":[')


@pytest.mark.parametrize("trap", TRAPS)
def test_text_that_looks_like_a_member_is_text(trap: str) -> None:
    lines = [{"sku": "A", "quantity": 1, "price": 1, "tags": [trap]}]
    one = {"customer": {"id": 7, "name": trap}, "lines": lines, "channel": trap}
    made = transform(json.dumps({"batch": trap, "currency": "EUR", "orders": [order(1, **one)]}).encode())
    resource, plain = checked(Resources(are_kept=False).answer(made)), json.loads(made)
    assert resource["_embedded"]["lab:customer"] == plain["customers"]
    assert (resource["batch"], resource["totals"]) == (trap, plain["totals"])


def test_home_links_to_a_template_only_where_statements_are_kept(service: Service, stateless: Service) -> None:
    assert service.get("/")["_links"]["lab:statements"] == {"href": "/statements{/id}", "templated": True}
    assert stateless.get("/")["_links"]["lab:statements"] == {"href": "/statements"}


# ---------------------------------------------------------------- what is made later


def test_a_statement_that_waits_says_so(service: Service) -> None:
    answer = service.post(Prefer="respond-async", Accept=HAL)
    location = answer.headers["location"]
    for each in (answer, service.ask("GET", location, Accept=HAL), service.ask("GET", f"{location}/customers")):
        assert (each.status, each.headers["content-type"], each.headers["retry-after"]) == (202, HAL, "1")
        assert checked(each.body) == {"_links": {"self": {"href": location}}, "state": "pending"}
    assert answer.headers["preference-applied"] == "respond-async"
    assert service.ask("GET", location).body == b'{"state":"pending"}'


def test_a_client_that_knows_only_home_reaches_everything(service: Service) -> None:
    home = service.get("/")
    made = service.made()
    assert home["_links"]["lab:statements"]["href"].replace("{/id}", made.removeprefix("/statements")) == made
    statement, plain = service.get(made), json.loads(transform(SENT))
    assert href(statement, "self") == made
    assert {name: value for name, value in statement.items() if name != "_links"} == {
        name: value for name, value in plain.items() if name != "customers"
    }
    assert service.get(href(statement, "index")) == home
    found = list(customers(service, statement))
    assert found == plain["customers"]
    for relation in ("lab:customers", "lab:statements", "lab:customer"):
        page = service.ask("GET", documentation(statement, relation), Accept="text/html")
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert f"<h1>{relation}</h1>" in page.body.decode()


def customers(service: Service, statement: dict[str, Any]) -> Any:
    """The customers of a statement, page by page, each as its own URL has it; only links are followed."""
    page = service.get(href(statement, "lab:customers"))
    assert "prev" not in page["_links"]
    while True:
        for embedded in page["_embedded"]["lab:customer"]:
            own = service.get(href(embedded, "self"))
            assert href(own, "collection") == href(page, "self")
            members = {name: value for name, value in own.items() if name != "_links"}
            assert members == {name: value for name, value in embedded.items() if name != "_links"}
            yield members
        if "next" not in page["_links"]:
            return
        following = service.get(href(page, "next"))
        assert href(following, "prev") == href(page, "self")
        page = following


def test_pages_have_their_links_and_counts(service: Service) -> None:
    base = f"{service.made()}/customers"
    pages = [service.get(f"{base}?page={number}") for number in (1, 2, 3)]
    assert service.get(base) == pages[0]
    for number, page in enumerate(pages, 1):
        assert (page["page"], page["pages"], page["customers"]) == (number, 3, CUSTOMERS)
        assert [href(page, name) for name in ("first", "last", "self")] == [
            f"{base}?page={each}" for each in (1, 3, number)
        ]
        assert href(page, "up") == base.removesuffix("/customers")
    assert [len(page["_embedded"]["lab:customer"]) for page in pages] == [PAGE_CUSTOMERS, PAGE_CUSTOMERS, 5]
    assert [("prev" in page["_links"], "next" in page["_links"]) for page in pages] == [
        (False, True), (True, True), (True, False),
    ]  # fmt: skip


def test_a_statement_without_customers_has_one_empty_page(service: Service) -> None:
    page = service.get(href(service.get(service.made(document())), "lab:customers"))
    assert (page["pages"], page["customers"], page["_embedded"]) == (1, 0, {"lab:customer": []})
    assert {"prev", "next"}.isdisjoint(page["_links"])


@pytest.mark.parametrize(
    "query", ["page=0", "page=01", "page=", "page=x", "page=-1", "page=1&page=2", "page=1&x=1", "x=1", "page",
              "page=%30", "Page=1", "page=9999999", "page=1;", "page=\u0661"],
)  # fmt: skip
def test_a_wrong_query_is_a_problem(service: Service, query: str) -> None:
    assert is_problem(service.ask("GET", f"{service.made()}/customers?{query}"), 400)


def test_there_is_no_page_and_no_customer_beyond_the_last(service: Service) -> None:
    base = f"{service.made()}/customers"
    for path in (f"{base}?page=4", f"{base}?page=999999", f"{base}/{CUSTOMERS + 1}", f"{base}/0"):
        answer = service.ask("GET", path)
        assert is_problem(answer, 404)
        assert answer.headers["cache-control"] == "no-store"
    assert is_problem(service.ask("GET", f"{base}/1?x=1"), 400)


@pytest.mark.parametrize("path", ["/", "/rels/customers", "/statements/" + "0" * 32 + "/customers"])
def test_what_is_read_takes_no_other_method(service: Service, path: str) -> None:
    answer = service.ask("POST", path)
    assert is_problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD"


def test_head_tells_the_headers_alone(service: Service) -> None:
    made = service.made()
    for path in ("/", made, f"{made}/customers?page=2", "/rels/customer"):
        whole = service.ask("GET", path, Accept=HAL)
        assert service.ask("HEAD", path, Accept=HAL) == whole._replace(body=b"")


def test_a_refused_document_is_the_problem_of_all_its_resources(service: Service) -> None:
    refused = service.post(b"{}")
    location = service.post(b"{}", Prefer="respond-async").headers["location"]
    service.work.compute(status="422 Unprocessable Content", body=refused.body)
    for path in (location, f"{location}/customers", f"{location}/customers/1"):
        assert is_problem(service.ask("GET", path, Accept=HAL), 422)


def test_while_the_broker_is_away_resources_are_problems(service: Service) -> None:
    made = service.made()
    service.work.error = NoBroker("the broker does not answer")
    for path in (made, f"{made}/customers"):
        answer = service.ask("GET", path, Accept=HAL)
        assert is_problem(answer, 503)
        assert answer.headers["retry-after"] == "1"
    assert service.get("/")


def test_resources_are_private_to_who_made_them(service: Service) -> None:
    made = service.made(by=ONE)
    assert service.get(made, by=ONE)
    for path in (made, f"{made}/customers", f"{made}/customers?page=2", f"{made}/customers/1"):
        assert service.ask("GET", path, by=ONE, Accept=HAL).status == 200
        for other in (Principal("other", ALL), None):
            for accept in (HAL, JSON):
                assert is_problem(service.ask("GET", path, by=other, Accept=accept), 404)
        unknown = path.replace(made, "/statements/" + "0" * 32)
        hidden, absent = (service.ask("GET", each, by=Principal("other", ALL), Accept=HAL) for each in (path, unknown))
        assert hidden.body == absent.body.replace(b"0" * 32, made.removeprefix("/statements/").encode())


# ---------------------------------------------------------------- documentation


class Reader(HTMLParser):
    """What a person sees: text, and where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name == "href"]


def test_each_relation_is_documented_and_leads_to_the_others(service: Service) -> None:
    for name, relation in RELATIONS.items():
        reader = Reader()
        reader.feed(service.ask("GET", f"/rels/{name}").body.decode())
        assert relation.summary in reader.text
        assert {*reader.links} == {*RELATIONS} - {name} | {"/"}
    assert is_problem(service.ask("GET", "/rels/none"), 404)


def test_every_relation_of_the_service_is_documented() -> None:
    source = (ROOT / "app" / "resources.py").read_text(encoding="utf-8")
    assert set(re.findall(r"lab:(\w+)", source)) == set(RELATIONS)


# ---------------------------------------------------------------- what a client gains


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_renamed_path_breaks_only_clients_that_know_it(interface: str) -> None:
    for resources, fixed in ((Resources, 200), (Renamed, 404)):
        service = Service(interface, resources)
        made = service.made()
        assert [*customers(service, service.get(made))] == json.loads(transform(SENT))["customers"]
        assert service.ask("GET", f"{made}/customers?page=1", Accept=HAL).status == fixed


# ---------------------------------------------------------------- configuration


def test_the_layer_shows_what_events_answers_and_stands_around_it() -> None:
    assert hal.configured({"STATEMENTS_LAYERS": "identity hal events"}).resources.are_kept
    assert not hal.configured({"STATEMENTS_LAYERS": "hal"}).resources.are_kept
    with pytest.raises(ValueError, match=r"^STATEMENTS_LAYERS: put hal before events: it shows what events answers$"):
        hal.configured({"STATEMENTS_LAYERS": "events hal"})

"""HAL as a client reads it: each representation is checked against the schema before it is used."""

import json
from collections.abc import Iterator
from typing import Any, TypeVar

from jsonschema import Draft202012Validator

from bench.paths import SPEC

SCHEMA = json.loads((SPEC / "hal.schema.json").read_text(encoding="utf-8"))
HAL = "application/hal+json"
_errors = Draft202012Validator(SCHEMA).iter_errors


Resource = TypeVar("Resource", bound=dict[str, Any])


def checked(body: bytes) -> dict[str, Any]:
    """A representation; see `required`."""
    resource: dict[str, Any] = json.loads(body)
    return required(resource)


def required(resource: Resource) -> Resource:
    """The resource. Fails if it breaks the schema, or uses a CURIE that it does not define."""
    assert not [f"{error.json_path}: {error.message}" for error in _errors(resource)]
    defined = {curie["name"] for curie in resource["_links"].get("curies", ())}
    assert {relation.partition(":")[0] for relation in relations(resource) if ":" in relation} <= defined
    return resource


def relations(resource: dict[str, Any]) -> Iterator[str]:
    """The relations of a resource and of those that it embeds."""
    yield from resource.get("_links", ())
    for relation, embedded in resource.get("_embedded", {}).items():
        yield relation
        for each in embedded if isinstance(embedded, list) else [embedded]:
            yield from relations(each)


def href(resource: dict[str, Any], relation: str) -> str:
    """Where a link that is no template leads."""
    link = resource["_links"][relation]
    assert not link.get("templated")
    found: str = link["href"]
    return found


def documentation(resource: dict[str, Any], relation: str) -> str:
    """Where a relation is documented."""
    prefix, _, name = relation.partition(":")
    (curie,) = [each for each in resource["_links"]["curies"] if each["name"] == prefix]
    found: str = curie["href"].replace("{rel}", name)
    return found

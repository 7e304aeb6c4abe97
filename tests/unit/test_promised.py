"""The OpenAPI document that a service serves: it has the operations of the layers that are on, and no others."""

from copy import deepcopy

import pytest

from app.about import with_operations_of
from tests.openapi import Operation, Promises, written
from tests.unit.layered import LAYERS

CORE = {"/hello", "/statements", "/wait", "/__version__", "/openapi.json"}
HOME = {"/", "/rels/{relation}"}
PROBES = {"/healthz", "/readyz"}
KEPT = {"/statements/{id}"}
CUSTOMERS = {"/statements/{id}/customers", "/statements/{id}/customers/{customer}"}


def offered(*layers: str) -> Promises:
    return Promises(with_operations_of(deepcopy(written()), layers))


@pytest.mark.parametrize(
    ("layers", "paths"),
    [
        ([], CORE),
        (["request_id", "identity"], CORE),
        (["health"], CORE | PROBES),
        (["hal"], CORE | HOME),
        (["events"], CORE | KEPT),
        (["hal", "events"], CORE | HOME | KEPT | CUSTOMERS),
        (LAYERS, CORE | HOME | KEPT | CUSTOMERS | PROBES),
    ],
)
def test_paths_of_layers_that_are_off_are_left_out(layers: list[str], paths: set[str]) -> None:
    assert {operation.path for operation in offered(*layers).operations} == paths


def test_all_layers_offer_the_whole_document() -> None:
    assert offered(*LAYERS).document == written()


def test_a_link_leads_to_no_operation_that_is_off() -> None:
    def links(promises: Promises) -> set[str]:
        return set(promises.operations[Operation("GET", "/statements/{id}")]["responses"]["200"]["links"])

    assert links(offered("events")) == set()
    assert links(offered("hal", "events")) == {"customers"}

"""The environment of a process of the service that has the driver of PostgreSQL."""

from bench.build import artifacts
from bench.errors import MissingError
from bench.host import exclusive
from bench.serve import backend
from tests.absent import absent
from tests.declared import CATALOG

POSTGRES = CATALOG.backends["postgres"]


def environment_of(variant: str) -> dict[str, str]:
    """The environment; the test is skipped if PostgreSQL or its driver is unavailable."""
    try:
        with exclusive.building(lambda _: None):
            backend.provision(CATALOG, POSTGRES, variant)
    except MissingError as error:
        absent(str(error), error.remedy)
    driver = backend._driver(POSTGRES, variant)
    return artifacts.environment(CATALOG, CATALOG.variant(variant)) | {"PYTHONPATH": str(driver)}

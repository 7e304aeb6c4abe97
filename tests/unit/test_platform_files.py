"""The files of `deploy` for platforms: schemas from the platforms' documentation accept them, and no typo in them."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec import yaml

from bench.build import bundles
from bench.paths import ROOT
from bench.provision import locks
from tests.platforms import PLATFORMS, PROCESS, WITH_PORT, Azure, Deployed, Platform

SCHEMAS = ROOT / "tests/data/platforms"
DEPLOY = bundles.DEPLOY
FILES = {  # by the name of its schema
    "heroku-app": ("heroku/statements/app.json", "heroku/billing/app.json"),
    "heroku-procfile": ("heroku/statements/Procfile", "heroku/billing/Procfile"),
    "cloud-foundry-manifest": ("cloud-foundry/manifest.yml",),
    "app-engine-app": ("app-engine/statements/app.yaml", "app-engine/billing/app.yaml"),
    "azure-settings": ("azure/statements/settings.json", "azure/billing/settings.json"),
}
CASES = [(schema, file) for schema, files in FILES.items() for file in files]
WRONG = [  # a file, where in it, and a value that its platform does not take
    ("cloud-foundry/manifest.yml", ("applications", 0, "memory"), 512),
    ("cloud-foundry/manifest.yml", ("applications", 0, "health-check-type"), "https"),
    ("cloud-foundry/manifest.yml", ("applications", 0, "env", "WEB_CONCURRENCY"), 2),
    ("app-engine/statements/app.yaml", ("instance_class",), "F3"),
    ("app-engine/statements/app.yaml", ("env_variables", "WEB_CONCURRENCY"), 2),
    ("app-engine/statements/app.yaml", ("runtime",), "python"),
    ("heroku/statements/app.json", ("formation", "web", "size"), "standard-3x"),
    ("heroku/statements/app.json", ("env", "STATEMENTS_WAIT", "value"), True),
    ("azure/statements/settings.json", (0, "value"), True),
    ("azure/statements/settings.json", (0, "name"), "SCM_DO_BUILD_DURING_DEPLOYMENTS"),
]
Way = tuple[str | int, ...]


def read(file: str) -> Any:
    """What a file declares."""
    text = (DEPLOY / file).read_text(encoding="utf-8")
    if file.endswith("Procfile"):
        return dict(PROCESS.findall(text))
    return json.loads(text) if file.endswith(".json") else yaml.decode(text)


def validator(schema: str) -> Draft202012Validator:
    loaded = json.loads((SCHEMAS / f"{schema}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(loaded)
    return Draft202012Validator(loaded)


def keys(document: Any, way: Way = ()) -> Iterator[Way]:
    """Yield the way to each key of a document."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield (*way, key)
            yield from keys(value, (*way, key))
    elif isinstance(document, list):
        for place, value in enumerate(document):
            yield from keys(value, (*way, place))


def changed(document: Any, way: Way, key: str | int, value: Any = None) -> Any:
    """A copy in which the last key of a way is another one, or has another value."""
    copy = deepcopy(document)
    inside = copy
    for step in way[:-1]:
        inside = inside[step]
    old = inside.pop(way[-1]) if key != way[-1] else None
    inside[key] = old if value is None else value
    return copy


@pytest.mark.parametrize(("schema", "file"), CASES, ids=[file for _, file in CASES])
def test_a_file_is_what_its_platform_takes(schema: str, file: str) -> None:
    validator(schema).validate(read(file))


@pytest.mark.parametrize(("schema", "file"), CASES, ids=[file for _, file in CASES])
def test_a_typo_in_any_key_is_refused(schema: str, file: str) -> None:
    document, check = read(file), validator(schema)
    ways = list(keys(document))
    assert ways
    assert [way for way in ways if check.is_valid(changed(document, way, f"{way[-1]}x"))] == []


@pytest.mark.parametrize(("file", "way", "value"), WRONG, ids=[f"{file}-{way[-1]}" for file, way, _ in WRONG])
def test_a_wrong_value_is_refused(file: str, way: Way, value: Any) -> None:
    schema = next(name for name, files in FILES.items() if file in files)
    assert not validator(schema).is_valid(changed(read(file), way, way[-1], value))


@pytest.mark.parametrize("schema", FILES)
def test_a_schema_names_its_source(schema: str) -> None:
    assert re.search(r"\S, https://\S+", json.loads((SCHEMAS / f"{schema}.schema.json").read_text())["$comment"])


def test_every_file_that_is_data_has_a_schema() -> None:
    found = {str(path.relative_to(DEPLOY)) for each in PLATFORMS for path in (DEPLOY / each.name).rglob("*.[jy]*ml")}
    found |= {str(path.relative_to(DEPLOY)) for each in PLATFORMS for path in (DEPLOY / each.name).rglob("*.json")}
    assert found <= {file for _, file in CASES}


def test_all_ask_for_the_python_of_the_wheel() -> None:
    for application in bundles.APPLICATIONS:
        assert (DEPLOY / f"heroku/{application}/.python-version").read_text() == f"{bundles.PYTHON}\n"
        assert (DEPLOY / f"cloud-foundry/{application}/runtime.txt").read_text() == f"python-{bundles.PYTHON}.x\n"
        assert read(f"app-engine/{application}/app.yaml")["runtime"] == f"python{bundles.PYTHON.replace('.', '')}"


def test_the_service_runs_there_on_the_packages_that_are_measured() -> None:
    pinned, measured = ((locks.FOLDER / f"{name}.txt").read_text() for name in ("statements", "measured"))
    version = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
    known = dict(version.findall(measured))
    assert {name: found for name, found in version.findall(pinned) if known.get(name) != found} == {}


@pytest.mark.parametrize("application", bundles.APPLICATIONS)
@pytest.mark.parametrize("platform", WITH_PORT, ids=lambda platform: platform.name)
def test_requests_end_before_the_platform_kills(platform: Platform, application: str) -> None:
    home = DEPLOY / platform.name / application
    it = Deployed(application, home, home, 8000)
    command = (home / "startup.sh").read_text() if isinstance(platform, Azure) else platform.argv(it)[-1]
    graceful = int(re.search(r"--graceful-timeout (\d+)", command)[1])
    assert graceful + 1 < (platform.stop_seconds or 10)


@pytest.mark.parametrize("application", bundles.APPLICATIONS)
def test_azure_waits_as_long_as_its_settings_say(application: str) -> None:
    home = DEPLOY / "azure" / application
    settings = Azure().settings(Deployed(application, home, home, 8000))
    assert settings["WEBSITES_CONTAINER_STOP_TIME_LIMIT"] == str(Azure.stop_seconds)

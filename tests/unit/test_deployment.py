"""The deployment: what each platform's variables tell, what overrules them, and what is an error."""

import json
import subprocess
import sys

import pytest

from app.deployment import Deployment, deployed
from bench.paths import ROOT

COMMIT = "2c3a0b24069af49b3de35b8e8c26765c1dba9ff0"
# The variables as the platforms' documentation shows them; docs/versions.md names the pages.
HEROKU = {"DYNO": "web.1", "HEROKU_APP_NAME": "statements", "HEROKU_RELEASE_VERSION": "v42"}
CLOUD_FOUNDRY = {
    "CF_INSTANCE_INDEX": "0",
    "VCAP_APPLICATION": json.dumps(
        {
            "application_id": "fa05c1a9-0fc1-4fbd-bae1-139850dec7a3",
            "application_name": "statements",
            "application_uris": ["statements.example.com"],
            "application_version": "fb8fbcc6-8d58-479e-bcc7-3b4ce5a7f0ca",
            "limits": {"disk": 1024, "fds": 16384, "mem": 256},
            "users": None,
        }
    ),
}
GOOGLE = {"GAE_SERVICE": "default", "GAE_VERSION": "20261129t093000", "GAE_INSTANCE": "00c61b117c"}
AZURE = {"WEBSITE_SITE_NAME": "statements", "WEBSITE_INSTANCE_ID": "3b1fe6d6", "WEBSITE_PLATFORM_VERSION": "98.0.7"}
KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "HOSTNAME": "statements-6d4cf56db6-k7xqz"}


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, Deployment()),
        ({"HOSTNAME": "a-laptop", "PORT": "8000"}, Deployment()),
        (HEROKU, Deployment("heroku", "statements", "v42", None, "web.1")),
        (HEROKU | {"HEROKU_SLUG_COMMIT": COMMIT}, Deployment("heroku", "statements", "v42", COMMIT, "web.1")),
        (
            HEROKU | {"HEROKU_BUILD_COMMIT": COMMIT, "HEROKU_SLUG_COMMIT": "0" * 40},
            Deployment("heroku", "statements", "v42", COMMIT, "web.1"),
        ),
        ({"DYNO": "web.1"}, Deployment("heroku", instance="web.1")),
        (
            CLOUD_FOUNDRY,
            Deployment("cloud-foundry", "statements", "fb8fbcc6-8d58-479e-bcc7-3b4ce5a7f0ca", None, "0"),
        ),
        (GOOGLE, Deployment("google-app-engine", "default", "20261129t093000", None, "00c61b117c")),
        (AZURE, Deployment("azure-app-service", "statements", None, None, "3b1fe6d6")),
        (KUBERNETES, Deployment("kubernetes", None, None, None, "statements-6d4cf56db6-k7xqz")),
    ],
)
def test_each_platform_tells_what_it_knows(env: dict[str, str], expected: Deployment) -> None:
    assert deployed(env) == expected


@pytest.mark.parametrize("env", [{}, HEROKU, CLOUD_FOUNDRY, GOOGLE, AZURE, KUBERNETES])
def test_the_own_variables_are_stronger_on_every_platform(env: dict[str, str]) -> None:
    theirs = deployed(env)
    own = deployed(env | {"DEPLOYMENT_VERSION": "7", "DEPLOYMENT_COMMIT": COMMIT})
    assert own == theirs._replace(version="7", commit=COMMIT)
    assert deployed(env | {"DEPLOYMENT_VERSION": "", "DEPLOYMENT_COMMIT": ""}) == theirs, "an empty variable is none"


@pytest.mark.parametrize("text", ["{", "[]", "null", "secret", '"secret"', "[" * 100_000])
def test_a_broken_application_of_cloud_foundry_is_an_error_that_does_not_quote_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"^VCAP_APPLICATION is no JSON object$") as refused:
        deployed({"VCAP_APPLICATION": text})
    assert refused.value.__cause__ is refused.value.__context__ is None


def test_an_application_cannot_pass_for_another_platform() -> None:
    told = {"application_name": "orders", "DYNO": "web.1", "DEPLOYMENT_COMMIT": COMMIT}
    found = deployed({"VCAP_APPLICATION": json.dumps(told), "application_name": "other"})
    assert found == Deployment("cloud-foundry", name="orders")


def test_what_is_told_is_bounded() -> None:
    assert deployed({"DEPLOYMENT_VERSION": "x" * 1000}).version == "x" * 256


@pytest.mark.parametrize("name", ["DEPLOYMENT_VERSION", "DEPLOYMENT_COMMIT"])
def test_a_text_that_would_break_a_log_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} has characters that cannot be printed$"):
        deployed({name: "7\nERROR: all is lost"})


def test_the_module_prints_what_is_known() -> None:
    printed = subprocess.check_output([sys.executable, "-m", "app.deployment"], cwd=ROOT, env=HEROKU, text=True)
    assert json.loads(printed) == {"platform": "heroku", "name": "statements", "version": "v42", "instance": "web.1"}

"""What the deployment is, by the variables of the platform that runs it.

DEPLOYMENT_VERSION  the name of the deployment, such as a number; the default is the platform's
DEPLOYMENT_COMMIT   the commit that is to run; the default is the platform's

A platform is known by a variable that it alone sets. docs/versions.md has the source of each variable.
`python -m app.deployment` prints what is known.
"""

import json
from collections.abc import Mapping
from os import environ
from typing import NamedTuple

LONGEST = 256  # characters of what is told


class Deployment(NamedTuple):
    """What is known of a deployment; None is unknown. `name`: of the application; `instance`: which of its copies."""

    platform: str | None = None
    name: str | None = None
    version: str | None = None
    commit: str | None = None
    instance: str | None = None

    def known(self) -> dict[str, str]:
        """Its members that are known."""
        return {name: text for name, text in self._asdict().items() if text is not None}


class Variables(NamedTuple):
    """What a platform calls the members of its deployments; the first that is set counts. `sign` is always set."""

    sign: str
    name: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    commit: tuple[str, ...] = ()
    instance: tuple[str, ...] = ()


PLATFORMS = {
    "heroku": Variables(
        "DYNO",
        name=("HEROKU_APP_NAME",),
        version=("HEROKU_RELEASE_VERSION",),
        commit=("HEROKU_BUILD_COMMIT", "HEROKU_SLUG_COMMIT"),
        instance=("DYNO",),
    ),
    "cloud-foundry": Variables(
        "VCAP_APPLICATION",
        name=("application_name",),
        version=("application_version",),
        instance=("CF_INSTANCE_INDEX",),
    ),
    "google-app-engine": Variables(
        "GAE_VERSION", name=("GAE_SERVICE",), version=("GAE_VERSION",), instance=("GAE_INSTANCE",)
    ),
    "azure-app-service": Variables("WEBSITE_SITE_NAME", name=("WEBSITE_SITE_NAME",), instance=("WEBSITE_INSTANCE_ID",)),
    "kubernetes": Variables("KUBERNETES_SERVICE_HOST", instance=("HOSTNAME",)),
}
OWN = Variables("", version=("DEPLOYMENT_VERSION",), commit=("DEPLOYMENT_COMMIT",))


def deployed(env: Mapping[str, str]) -> Deployment:
    """The deployment that an environment describes. Raises ValueError, which names the variable, never its value."""
    known = {**env, **_application(env.get("VCAP_APPLICATION", ""))}
    platform = next((name for name, variables in PLATFORMS.items() if env.get(variables.sign)), None)
    theirs = PLATFORMS[platform] if platform else Variables("")
    members = (_first(known, own + others) for own, others in zip(OWN[1:], theirs[1:], strict=True))
    return Deployment(platform, *members)


def _first(known: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    for name in names:
        text = known.get(name)
        if text and not text.isprintable():
            raise ValueError(f"{name} has characters that cannot be printed")
        if text:
            return text[:LONGEST]
    return None


def _application(text: str) -> dict[str, str]:
    """The members of Cloud Foundry's `VCAP_APPLICATION` that are told, if they are texts."""
    try:
        members = json.loads(text or "{}")
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise ValueError("VCAP_APPLICATION is no JSON object")
    named = ("application_name", "application_version")
    return {name: members[name] for name in named if isinstance(members.get(name), str)}


if __name__ == "__main__":
    print(json.dumps(deployed(environ).known(), indent=1))

"""How each platform of `deploy` starts an application: its own variables, and the command in the application's files.

No platform was asked. What each class does is said in the documentation, the source or the logs that it names.
"""

import json
import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from msgspec import yaml

from bench.build import bundles
from bench.paths import PREFIXES
from bench.serve.life_cycle import HOST
from tests import tools

VARIANT = "cpython"
PROCESS = re.compile(r"^([A-Za-z0-9_-]+):\s*(.+)$", re.MULTILINE)  # of a Procfile


class Deployed(NamedTuple):
    """An application in the folder `home` of a bundle, with the environment of its packages.

    `port` is what the platform says, and `statements` the address of the other application.
    """

    application: str
    home: Path
    packages: Path
    port: int | str
    statements: str = ""


class Platform(ABC):
    """A platform. `stop_seconds` is its time between SIGTERM and SIGKILL, if anything that was read tells it."""

    name: ClassVar[str]
    stop_seconds: ClassVar[int | None] = None

    @abstractmethod
    def settings(self, it: Deployed) -> dict[str, str]:
        """The variables that the application's files set."""

    @abstractmethod
    def own(self, it: Deployed) -> dict[str, str]:
        """The variables that the platform sets by itself."""

    @abstractmethod
    def argv(self, it: Deployed) -> list[str]:
        """The command that the platform executes in `home`, from the application's files."""

    def path(self, it: Deployed) -> Path:
        """Where the packages' commands are found."""
        return it.packages / "bin"

    def environment(self, it: Deployed) -> dict[str, str]:
        """All variables of the process."""
        common = {"PATH": f"{self.path(it)}:/usr/bin:/bin", "HOME": str(it.home), "LANG": "C.UTF-8"}
        return common | self.own(it) | self.settings(it)


class Heroku(Platform):
    """`bash -c` in a dyno, after the scripts of the buildpack.

    https://devcenter.heroku.com/articles/dyno-startup-behavior, .../dyno-shutdown-behavior;
    vendor/WEB_CONCURRENCY.sh and vendor/python.gunicorn.sh of https://github.com/heroku/heroku-buildpack-python
    """

    name, stop_seconds = "heroku", 30

    def settings(self, it: Deployed) -> dict[str, str]:
        declared = json.loads((it.home / "app.json").read_text())["env"]
        return {name: each["value"] for name, each in declared.items()}

    def own(self, it: Deployed) -> dict[str, str]:
        return {
            "DYNO": "web.1",
            "PORT": str(it.port),
            "WEB_CONCURRENCY": "2",  # of a dyno with 512 MB
            "DYNO_RAM": "512",
            "FORWARDED_ALLOW_IPS": "*",
            "GUNICORN_CMD_ARGS": "--access-logfile -",
            "PYTHONUNBUFFERED": "true",
        }

    def argv(self, it: Deployed) -> list[str]:
        return ["bash", "-c", dict(PROCESS.findall((it.home / "Procfile").read_text()))["web"]]


class Honcho(Heroku):
    """Heroku's files by `honcho start`, which reads the Procfile itself."""

    def argv(self, it: Deployed) -> list[str]:
        return [str(tools.python("platforms").with_name("honcho")), "start", "web"]


class CloudFoundry(Platform):
    """`bash -c` in a container.

    https://docs.cloudfoundry.org/devguide/deploy-apps/environment-variable.html, .../manifest-attributes.html
    (command), .../app-lifecycle.html (shutdown)
    """

    name, stop_seconds = "cloud-foundry", 10

    def declared(self, it: Deployed) -> dict[str, Any]:
        """The application's part of the manifest."""
        manifest = yaml.decode((it.home.parent / "manifest.yml").read_bytes())
        return next(each for each in manifest["applications"] if each["path"] == it.home.name)

    def settings(self, it: Deployed) -> dict[str, str]:
        env: dict[str, str] = self.declared(it)["env"]
        return env

    def own(self, it: Deployed) -> dict[str, str]:
        declared = self.declared(it)
        bound = [_user_provided(name, it.statements) for name in declared.get("services", ())]
        about = {"application_name": declared["name"], "application_version": "fb8fbcc6-8d58-479e-bcc7-3b4ce5a7f0ca"}
        return {
            "CF_INSTANCE_GUID": "41653aa4-3a3a-486a-4431-ef258b39f042",
            "CF_INSTANCE_INDEX": "0",
            "CF_INSTANCE_INTERNAL_IP": "127.0.0.1",
            "MEMORY_LIMIT": declared["memory"],
            "PORT": str(it.port),
            "TMPDIR": "/tmp",
            "USER": "vcap",
            "VCAP_APPLICATION": json.dumps(about),
            "VCAP_SERVICES": json.dumps({"user-provided": bound} if bound else {}),
        }

    def argv(self, it: Deployed) -> list[str]:
        return ["bash", "-c", self.declared(it)["command"]]


class AppEngine(Platform):
    """`/bin/sh -c "exec ENTRYPOINT"` in a container of gVisor.

    https://cloud.google.com/appengine/docs/standard/python3/runtime (variables); its logs show the shell:
    https://github.com/kamalgill/cloud-starterkit-flask-appengine/issues/7
    """

    name = "app-engine"

    def declared(self, it: Deployed) -> dict[str, Any]:
        """The application's app.yaml."""
        found: dict[str, Any] = yaml.decode((it.home / "app.yaml").read_bytes())
        return found

    def settings(self, it: Deployed) -> dict[str, str]:
        env: dict[str, str] = self.declared(it)["env_variables"]
        return env

    def own(self, it: Deployed) -> dict[str, str]:
        declared = self.declared(it)
        return {
            "GAE_APPLICATION": "e~yours",
            "GAE_DEPLOYMENT_ID": "430000000000000000",
            "GAE_ENV": "standard",
            "GAE_INSTANCE": "00c61b117c2f308b49d49eb7912e6d4e36b889",
            "GAE_MEMORY_MB": "768",
            "GAE_RUNTIME": declared["runtime"],
            "GAE_SERVICE": declared["service"],
            "GAE_VERSION": "20261129t093000",
            "GOOGLE_CLOUD_PROJECT": "yours",
            "PORT": str(it.port),
        }

    def argv(self, it: Deployed) -> list[str]:
        return ["/bin/sh", "-c", f"exec {self.declared(it)['entrypoint']}"]


class Azure(Platform):
    """A script of Oryx that runs the startup file. It puts packages on Python's path, and their commands on none.

    https://learn.microsoft.com/azure/app-service/reference-app-settings (variables); the script:
    src/startupscriptgenerator/src/python/scriptgenerator.go of https://github.com/microsoft/Oryx. There, its shell
    waits for the startup file. Here, it becomes the startup file: who gets SIGTERM in App Service is not known.
    """

    name, stop_seconds = "azure", 30  # by WEBSITES_CONTAINER_STOP_TIME_LIMIT of the settings; the default is 5

    def settings(self, it: Deployed) -> dict[str, str]:
        return {each["name"]: each["value"] for each in json.loads((it.home / "settings.json").read_text())}

    def own(self, it: Deployed) -> dict[str, str]:
        return {f"APPSETTING_{name}": value for name, value in self.settings(it).items()} | {
            "PORT": str(it.port),
            "PYTHONPATH": str(it.packages / f"lib/python{bundles.PYTHON}/site-packages"),
            "REGION_NAME": "West Europe",
            "WEBSITE_HOSTNAME": "yours.azurewebsites.net",
            "WEBSITE_INSTANCE_ID": "0a1b2c",
            "WEBSITE_RESOURCE_GROUP": "yours",
            "WEBSITE_SITE_NAME": "yours",
            "WEBSITE_SKU": "Basic",
        }

    def path(self, it: Deployed) -> Path:
        return it.packages / "bare"

    def argv(self, it: Deployed) -> list[str]:
        return ["/bin/sh", "-c", f'PATH="$PATH:{it.home}" exec startup.sh']


class PythonAnywhere(Platform):
    """uWSGI with the WSGI file, in forked workers without threads. The socket is the platform's: here, the test's.

    https://help.pythonanywhere.com/pages/HowManyHitsCanMySiteHandle (workers), .../GlobalStateAndWebApps (fork),
    .../AsyncInWebApps (no threads), .../ErrorReloadingWebApp (harakiri)
    """

    name = "pythonanywhere"

    def settings(self, it: Deployed) -> dict[str, str]:
        return {}  # the WSGI file sets them

    def own(self, it: Deployed) -> dict[str, str]:
        return {"USER": "yours"}

    def argv(self, it: Deployed) -> list[str]:
        return [
            str(PREFIXES / VARIANT / "bin" / "uwsgi"),
            *("--http-socket", f"{HOST}:{it.port}", "--die-on-term"),
            *("--master", "--processes", "2", "--harakiri", "300"),
            *("--virtualenv", str(it.packages), "--wsgi-file", str(it.home / "wsgi.py")),
        ]


WITH_PORT: tuple[Platform, ...] = (Heroku(), CloudFoundry(), AppEngine(), Azure())  # they hand the application a port
PLATFORMS: tuple[Platform, ...] = (*WITH_PORT, PythonAnywhere())


def _user_provided(name: str, url: str) -> dict[str, Any]:
    """What `cf create-user-provided-service NAME -p '{"url": URL}'` binds."""
    about = {"label": "user-provided", "name": name, "instance_name": name, "binding_name": None, "tags": []}
    return about | {"credentials": {"url": url}}

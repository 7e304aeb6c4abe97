"""Cloud Foundry's three forms of the same bindings, and what readers of bindings find in each.

python -m tests.bindings    print a table
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.paths import ROOT
from tests import tools

SECRET = "canary/@:%"  # noqa: S105 - invented; it has to be escaped in an address
ESCAPED = "canary%2F%40%3A%25"
MARK = "canary"  # in whatever shows a part of the secret

DATABASE: dict[str, Any] = {
    "label": "postgresql",
    "name": "orders-db",
    "tags": ["postgresql", "relational"],
    "instance_guid": "fa05c1a9-0fc1-4fbd-bae1-139850dec7a3",
    "instance_name": "orders-db",
    "binding_guid": "41653aa4-3a3a-486a-4431-ef258b39f042",
    "binding_name": None,
    "credentials": {"uri": f"postgres://lab:{ESCAPED}@10.0.0.7:5432/orders", "name": "orders", "pool": {"size": 4}},
    "syslog_drain_url": None,
    "volume_mounts": [],
}
BROKER = DATABASE | {
    "label": "messaging",
    "name": "events",
    "tags": ["nats"],
    "credentials": {"host": "10.0.0.8", "port": 4222, "username": "lab", "password": SECRET, "cluster": None},
}
ISSUER = DATABASE | {
    "label": "user-provided",
    "name": "sign-in",
    "tags": [],
    "credentials": {"issuer": "https://issuer.example", "jwks_uri": "https://issuer.example/keys", "secret": SECRET},
}
STATEMENTS = ISSUER | {"name": "statements", "credentials": {"url": "https://statements.example"}}
MAIL = DATABASE | {
    "label": "sendgrid",
    "name": "mail",
    "tags": ["smtp"],
    "credentials": {"hostname": "smtp.example", "username": "lab", "password": SECRET},
}
Services = Mapping[str, list[dict[str, Any]]]
ALL: Services = {
    "postgresql": [DATABASE],
    "messaging": [BROKER],
    "user-provided": [ISSUER, STATEMENTS],
    "sendgrid": [MAIL],
}


def forms(services: Services, folder: Path) -> dict[str, dict[str, str]]:
    """The environment of an application under each form, by the name of its variable. The files are below `folder`."""
    text = json.dumps(services)
    file, root = folder / "vcap_services", folder / "bindings"
    file.write_text(text)
    write_files(services, root)
    return {
        variable: {variable: value}
        for variable, value in {
            "VCAP_SERVICES": text,
            "VCAP_SERVICES_FILE_PATH": str(file),
            "SERVICE_BINDING_ROOT": str(root),
        }.items()
    }


def write_files(services: Services, root: Path) -> None:
    """Write the files of the form SERVICE_BINDING_ROOT.

    As the Cloud Controller does: lib/cloud_controller/diego/service_binding_files_builder.rb in
    https://github.com/cloudfoundry/cloud_controller_ng. Attributes overwrite credentials of the same name.
    """
    root.mkdir()
    for service in chain.from_iterable(services.values()):
        attributes = {name: value for name, value in service.items() if name != "credentials"}
        renamed = {name.replace("_", "-"): value for name, value in attributes.items()}
        entries = {**service["credentials"], **renamed, "type": service["label"], "provider": service["label"]}
        (root / service["name"]).mkdir()
        for name, value in entries.items():
            if value not in (None, [], {}):
                text = value if isinstance(value, str) else json.dumps(value)
                (root / service["name"] / name).write_text(text)


READERS = {
    "app.bindings": """
from app.bindings import bound
from app.platforms import bindings_of
found = bound(os.environ).get("STATEMENTS_DATABASE")
print(*sorted(each.name for each in bindings_of(os.environ) if "postgresql" in each.kinds) if found else ["None"])
""",
    "cfenv": """
from cfenv import AppEnv
found = AppEnv().get_service(label="postgresql")
print(found and found.name)
""",
    "pyservicebinding": """
from pyservicebinding.binding import ServiceBinding
print(*sorted(each["name"] for each in ServiceBinding().bindings("postgresql")))
""",
}


def said(reader: str, env: Mapping[str, str]) -> str:
    """The names of the databases that a reader finds, "None", or the class of its error."""
    python = sys.executable if reader == "app.bindings" else str(tools.python("bindings"))
    argv = [python, "-c", f"import os, sys\n{READERS[reader]}"]
    done = subprocess.run(argv, cwd=ROOT, env=dict(env), capture_output=True, text=True, check=False, timeout=30)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1].partition(":")[0].rpartition(".")[2]


def table() -> dict[str, dict[str, str]]:
    """What each reader says in each case."""
    cases = {
        "": {"postgresql": [DATABASE]},
        ", two databases": {"postgresql": [DATABASE, other("reports-db")]},
        ", no credentials": {"postgresql": [DATABASE | {"credentials": {}}]},
    }
    found: dict[str, dict[str, str]] = {}
    for case, services in cases.items():
        with TemporaryDirectory() as folder:
            for form, env in forms(services, Path(folder)).items():
                found[form + case] = {reader: said(reader, env) for reader in READERS}
    return found


def other(name: str) -> dict[str, Any]:
    """Another database."""
    uri = DATABASE["credentials"]["uri"].replace("orders", "reports")
    return DATABASE | {"name": name, "instance_name": name, "credentials": {"uri": uri}}


if __name__ == "__main__":
    lock = (ROOT / "bench/locks/bindings.txt").read_text(encoding="utf-8")
    versions = dict(re.findall(r"^(\w+)==(\S+)", lock, re.MULTILINE))
    heads = {reader: f"{reader} {versions.get(reader, '')}" for reader in READERS}
    for row, cells in {"": heads, **table()}.items():
        print(f"{row:42}{''.join(f'{cells[reader]:20}' for reader in READERS)}".rstrip())

"""A password that has to be escaped, in each form of a binding: a real PostgreSQL takes what the service is given."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from bench.build import artifacts
from bench.paths import ROOT
from bench.serve import backend
from tests.bindings import DATABASE, ESCAPED, SECRET, forms
from tests.contract.conftest import PLAIN
from tests.contract.database import POSTGRES, environment_of

pytestmark = [pytest.mark.long, pytest.mark.parametrize("name", [PLAIN["cpython"]], indirect=True)]

ENDS_SECONDS = 30.0
SETS_UP = """
import sys
import psycopg.sql
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute(psycopg.sql.SQL("CREATE ROLE bound LOGIN PASSWORD {}").format(sys.argv[2]))
    connection.execute("SELECT pg_reload_conf()")
"""
ASKS = """
from app import postgres
from app.http import Problem
try:
    postgres.on_one_connection(0)
    print("answered")
except Problem as problem:
    print(problem.status)
"""


@pytest.fixture
def environment(name: str) -> dict[str, str]:
    return environment_of(name)


@pytest.fixture
def socket(name: str, environment: dict[str, str], tmp_path: Path) -> Iterator[Path]:
    """The folder of the socket of a database that asks the role `bound` for a password."""
    with backend.run_backend(POSTGRES, tmp_path / "log") as running:
        rules = running.folder / "data/pg_hba.conf"
        rules.write_text(f"local all bound scram-sha-256\n{rules.read_text()}")
        argv = [str(artifacts.python(name)), "-P", "-c", SETS_UP, running.dsn, SECRET]
        subprocess.run(argv, env=environment, check=True, timeout=ENDS_SECONDS)
        yield running.folder


def answered(name: str, env: dict[str, str]) -> str:
    """What a process of the service says that `app.bindings` has executed."""
    service = [str(artifacts.python(name)), "-P", "-c", ASKS]  # -P: the checkout is not on its path
    argv = [sys.executable, "-m", "app.bindings", *service]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=ENDS_SECONDS)
    assert SECRET not in done.stderr
    assert ESCAPED not in done.stderr
    return done.stdout.strip()


def test_postgresql_takes_the_password_of_each_form(
    name: str, environment: dict[str, str], socket: Path, tmp_path: Path
) -> None:
    address = f"postgres://bound:{ESCAPED}@{quote(str(socket), safe='')}/postgres"
    parts = {"host": str(socket), "username": "bound", "password": SECRET, "database": "postgres"}
    given = {
        **forms({"postgresql": [DATABASE | {"credentials": {"uri": address}}]}, tmp_path),
        "*_URL": {"DATABASE_URL": address},
        "parts": {"VCAP_SERVICES": json.dumps({"postgresql": [DATABASE | {"credentials": parts}]})},
        "a wrong password": {"DATABASE_URL": address.replace(ESCAPED, "canary")},
    }
    found = {form: answered(name, environment | env) for form, env in given.items()}
    assert found.pop("a wrong password") == "503 Service Unavailable"
    assert found == dict.fromkeys(found, "answered")

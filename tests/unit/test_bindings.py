"""The platform's bindings: which variables follow, what is refused, and that nothing shows a secret."""

import json
import logging
import os
import re
import subprocess
import sys
import tomllib
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.bindings import WANTS, bound, main
from app.nats import Address
from app.platforms import Binding, BindingError, bindings_of
from bench.paths import ROOT
from tests.bindings import ALL, DATABASE, ESCAPED, ISSUER, MARK, SECRET, STATEMENTS, forms, other

EXAMPLES = tomllib.loads((ROOT / "tests/data/bindings/examples.toml").read_text(encoding="utf-8"))["example"]
ADDRESS = f"postgresql://lab:{ESCAPED}@10.0.0.7:5432/orders"
VALUES = {
    "STATEMENTS_DATABASE": ADDRESS,
    "STATEMENTS_BROKER": f"nats://lab:{ESCAPED}@10.0.0.8:4222",
    "STATEMENTS_ISSUER": "https://issuer.example",
    "STATEMENTS_JWKS": "https://issuer.example/keys",
    "BILLING_STATEMENTS": "https://statements.example",
}
FORMS = ("VCAP_SERVICES", "VCAP_SERVICES_FILE_PATH", "SERVICE_BINDING_ROOT")
LIBPQ = "postgresql://a:b?#%20c@h,[::1]:1/d?sslmode=require"  # its name and password end at the @
Entries = Mapping[str, str | bytes]


def folders(root: Path, files: Mapping[str, Entries]) -> dict[str, str]:
    """The environment with these folders of bindings."""
    for binding, entries in files.items():
        (root / binding).mkdir(parents=True)
        for name, content in entries.items():
            (root / binding / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return {"SERVICE_BINDING_ROOT": str(root)} if files else {}


def vcap(*services: Mapping[str, Any]) -> dict[str, str]:
    return {"VCAP_SERVICES": json.dumps({"label": services})}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_cloud_foundry_gives_the_same(form: str, tmp_path: Path) -> None:
    env = forms(ALL, tmp_path)
    assert bound(env[form]) == VALUES
    by_name = {each.name: each for each in bindings_of(env[form])}
    assert by_name == {each.name: each for each in bindings_of(env["VCAP_SERVICES"])}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_examples_of_the_platforms(example: dict[str, Any], tmp_path: Path) -> None:
    env = {**example.get("env", {}), **folders(tmp_path, example.get("folders", {}))}
    if refused := example.get("refused"):
        with pytest.raises(BindingError, match=refused):
            bound(env)
    else:
        assert bound(env) == example["gives"]
    assert example["source"].startswith("https://")


def test_without_bindings_there_is_nothing_to_set(tmp_path: Path) -> None:
    nothing = forms({}, tmp_path)
    assert [bound({}), *map(bound, nothing.values())] == [{}] * 4


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"NATS_URL": "nats://lab:x@host:4222"}, {"STATEMENTS_BROKER": "nats://lab:x@host:4222"}),
        ({"ISSUER_URL": "https://issuer.example"}, {"STATEMENTS_ISSUER": "https://issuer.example"}),
        ({"JWKS_URL": "https://issuer.example/keys"}, {"STATEMENTS_JWKS": "https://issuer.example/keys"}),
        ({"STATEMENTS_URL": "http://statements.internal"}, {"BILLING_STATEMENTS": "http://statements.internal"}),
        ({"DATABASE_URL": LIBPQ}, {"STATEMENTS_DATABASE": LIBPQ}),
        ({"DATABASE_URL": "host=/cloudsql/x dbname=y"}, {"STATEMENTS_DATABASE": "host=/cloudsql/x dbname=y"}),
        ({"DATABASE_URL": "mysql2://lab:x@host/db", "REDIS_URL": "redis://host", "HOME_URL": "https://host/"}, {}),
    ],
    ids=["NATS", "the issuer", "its keys", "the other application", "as libpq reads it", "a socket", "others"],
)
def test_addresses_in_variables(env: dict[str, str], expected: dict[str, str]) -> None:
    assert bound(env) == expected


def test_an_address_in_parts(tmp_path: Path) -> None:
    parts = {"type": "postgresql\n", "host": "::1", "user": "a b", "password": SECRET + "\n", "dbname": "a/b"}
    assert bound(folders(tmp_path, {"db": parts})) == {
        "STATEMENTS_DATABASE": f"postgresql://a%20b:{ESCAPED}@[::1]/a%2Fb"
    }


def test_a_password_without_a_user_is_no_user(tmp_path: Path) -> None:
    env = folders(tmp_path, {"db": {"type": "postgresql", "host": "host", "password": "x"}})
    assert bound(env) == {"STATEMENTS_DATABASE": "postgresql://:x@host"}


def test_a_password_arrives_as_it_is(tmp_path: Path) -> None:
    assert Address.of(bound(forms(ALL, tmp_path)["VCAP_SERVICES"])["STATEMENTS_BROKER"]).login["pass"] == SECRET


def test_a_host_alone_is_no_database() -> None:
    assert bound({"CUSTOMCONNSTR_cache": "host=cache.example port=6379 password=x"}) == {}


def test_a_carriage_return_in_a_file_stays(tmp_path: Path) -> None:
    entries: Entries = {"type": "postgresql", "host": "h", "username": "lab", "password": b"a\rb"}
    assert bound(folders(tmp_path, {"db": entries}))["STATEMENTS_DATABASE"] == "postgresql://lab:a%0Db@h"


def test_kubernetes_own_folders_and_other_entries_are_left_out(tmp_path: Path) -> None:
    entries: Entries = {"type": "nats", "uri": "nats://host", "keystore.jks": b"\xfe\xed"}
    env = folders(tmp_path, {"events": entries, "..2026_11_29": {"uri": "nats://old"}})
    assert bound(env) == {"STATEMENTS_BROKER": "nats://host"}


def test_a_database_that_is_named_as_the_other_application_is_a_database() -> None:
    named = DATABASE | {"name": "statements"}
    assert bound(vcap(named)) == {"STATEMENTS_DATABASE": ADDRESS}
    parts = {"host": "host", "dbname": "orders"}
    assert bound(vcap(named | {"credentials": parts})) == {"STATEMENTS_DATABASE": "postgresql://host/orders"}


def test_one_database_under_two_names_is_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    repeated = DATABASE["credentials"]["uri"]  # as Cloud Foundry sets it
    assert bound({**vcap(DATABASE), "DATABASE_URL": repeated}) == {"STATEMENTS_DATABASE": ADDRESS}
    assert "STATEMENTS_DATABASE is that of orders-db" in caplog.text
    caplog.clear()
    assert bound({**vcap(DATABASE), "STATEMENTS_DATABASE": repeated}) == {}
    assert caplog.text == "", "the variable says the same"


# What is refused, with what the message has to name. Each has the secret where it can stand.
REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "no JSON": ({"VCAP_SERVICES": f'{{"postgresql": [{SECRET}'}, "VCAP_SERVICES: JSON is malformed"),
    "empty": ({"VCAP_SERVICES": ""}, "VCAP_SERVICES: "),
    "no UTF-8": ({"VCAP_SERVICES": f'{{"{SECRET}\udcff": []}}'}, "VCAP_SERVICES: UnicodeEncodeError"),
    "a list": ({"VCAP_SERVICES": f'["{SECRET}"]'}, "VCAP_SERVICES: Expected `object`"),
    "no name": (vcap({"label": "x", "credentials": {"uri": SECRET}}), r"VCAP_SERVICES: label\[0\]: .*`name`"),
    "credentials are null": (vcap(DATABASE | {"credentials": None}), r"VCAP_SERVICES: label\[0\]: .*credentials"),
    "credentials are text": (vcap(DATABASE | {"credentials": SECRET}), r"VCAP_SERVICES: label\[0\]: .*credentials"),
    "deep": ({"VCAP_SERVICES": f'{{"{SECRET}": [{"[" * 100_000}'}, "VCAP_SERVICES: "),
    "no file": ({"VCAP_SERVICES_FILE_PATH": f"/{MARK}"}, "VCAP_SERVICES_FILE_PATH: No such file"),
    "JSON in place of a path": (
        {"VCAP_SERVICES_FILE_PATH": json.dumps({"postgresql": [DATABASE] * 9})},
        "VCAP_SERVICES_FILE_PATH: File name too long",
    ),
    "a path that is empty": ({"VCAP_SERVICES_FILE_PATH": ""}, "VCAP_SERVICES_FILE_PATH: Is a directory"),
    "no root": ({"SERVICE_BINDING_ROOT": f"/{MARK}"}, "SERVICE_BINDING_ROOT: No such file"),
    "a root that is empty": ({"SERVICE_BINDING_ROOT": ""}, "SERVICE_BINDING_ROOT is empty"),
    "no credentials": (vcap(DATABASE | {"credentials": {}}), "STATEMENTS_DATABASE: orders-db gives no address"),
    "credentials in CredHub": (
        vcap(DATABASE | {"credentials": {"credhub-ref": f"/{SECRET}"}}),
        "STATEMENTS_DATABASE: orders-db gives no address",
    ),
    "a password, and no host": (
        vcap(DATABASE | {"credentials": {"password": SECRET}}),
        "STATEMENTS_DATABASE: orders-db gives no address",
    ),
    "an application without an address": (
        vcap(STATEMENTS | {"credentials": {"password": SECRET}}),
        "BILLING_STATEMENTS: statements gives no address",
    ),
    "two databases": (
        vcap(DATABASE, other("reports-db")),
        "STATEMENTS_DATABASE: orders-db and reports-db differ: choose one by STATEMENTS_DATABASE_BINDING",
    ),
    "one of two is empty": (vcap(DATABASE, DATABASE | {"name": "b", "credentials": {}}), "orders-db and b differ"),
    "two issuers": (
        vcap(ISSUER, ISSUER | {"name": "b", "credentials": {"issuer": f"https://{MARK}"}}),
        "STATEMENTS_ISSUER: sign-in and b differ",
    ),
    "a variable beside a service": (
        {**vcap(DATABASE), "DATABASE_URL": f"postgres://{MARK}@other/db"},
        "orders-db and DATABASE_URL differ",
    ),
    "another name": (
        {**vcap(DATABASE), "STATEMENTS_DATABASE_BINDING": "reports-db"},
        "STATEMENTS_DATABASE_BINDING: no binding has the name reports-db",
    ),
    "a variable that is empty": ({"DATABASE_URL": ""}, "STATEMENTS_DATABASE: DATABASE_URL gives no address"),
    "an application that is empty": ({"STATEMENTS_URL": ""}, "BILLING_STATEMENTS: STATEMENTS_URL gives no address"),
    "a slash that is not escaped": (
        {"DATABASE_URL": f"postgres://lab:{MARK}/x@host/db"},
        "STATEMENTS_DATABASE: DATABASE_URL: it is no address",
    ),
    "a slash after digits": ({"DATABASE_URL": f"postgres://lab:12/{MARK}@host/db"}, "DATABASE_URL: it is no address"),
    "an at sign that is not escaped": (
        {"DATABASE_URL": f"postgres://lab:x@{MARK}@host/db"},
        "DATABASE_URL: it is no address",
    ),
    "a wrong escape": ({"DATABASE_URL": f"postgres://lab:{MARK}%zz@host"}, "DATABASE_URL: it is no address"),
    "a port in letters": ({"DATABASE_URL": f"postgres://host:{MARK}/db"}, "DATABASE_URL: it is no address"),
    "JDBC in a variable": (
        {"DATABASE_URL": f"jdbc:postgresql://host/db?password={MARK}"},
        "DATABASE_URL: it speaks of PostgreSQL",
    ),
    "quotes around an address": ({"DATABASE_URL": f'"postgres://{MARK}@h/d"'}, "DATABASE_URL: it speaks of PostgreSQL"),
    "a space before an address": ({"ORDERS_URL": f" postgres://{MARK}@h/d"}, "ORDERS_URL: it speaks of PostgreSQL"),
    "ADO.NET of Azure": (
        {"AZURE_POSTGRESQL_ORDERS_CONNECTIONSTRING": f"Server=h;Database=d;Password={MARK}"},
        "AZURE_POSTGRESQL_ORDERS_CONNECTIONSTRING: it speaks of PostgreSQL",
    ),
    "a fragment": ({"NATS_URL": f"nats://lab:12#{MARK}@broker:4222"}, "STATEMENTS_BROKER: NATS_URL: it is no URL"),
    "an end of a line": (
        vcap(DATABASE | {"credentials": {"uri": f"postgres://{MARK}@h/orders\n"}}),
        "orders-db has characters that cannot be printed",
    ),
    "a null byte": (
        vcap(DATABASE | {"credentials": {"uri": f"postgres://{MARK}@h/a\0b"}}),
        "orders-db has characters that cannot be printed",
    ),
    "a list of hosts": (
        vcap(DATABASE | {"credentials": {"host": [MARK, "h2"]}}),
        r"VCAP_SERVICES: label\[0\]: host is no text",
    ),
    "an address in place of a name": (
        {**vcap(DATABASE), "STATEMENTS_DATABASE_BINDING": f"postgres://{MARK}@h/d"},
        "STATEMENTS_DATABASE_BINDING: no binding has that name",
    ),
    "a name that forges a line": (
        vcap(DATABASE | {"name": f"db\nbindings: {MARK}"}),
        "a binding's name has characters that cannot be printed",
    ),
    "JDBC": (
        vcap(DATABASE | {"credentials": {"uri": f"jdbc:postgresql://host/db?password={MARK}"}}),
        "STATEMENTS_DATABASE: orders-db: it is no address",
    ),
    "ADO.NET": (
        {"POSTGRESQLCONNSTR_main": f"Host=x;Database=db;Password={MARK};"},
        "STATEMENTS_DATABASE: POSTGRESQLCONNSTR_main: it is no address",
    ),
    "NATS over TLS": (
        vcap(DATABASE | {"tags": ["nats"], "label": "nats", "credentials": {"uri": f"tls://lab:{MARK}@host"}}),
        "STATEMENTS_BROKER: orders-db: it is no URL like nats://HOST:PORT",
    ),
    "a port of NATS in letters": ({"NATS_URL": f"nats://lab:{SECRET}@host"}, "STATEMENTS_BROKER: NATS_URL: it is no"),
    "keys behind a password": (
        {"JWKS_URL": f"https://lab:{MARK}@issuer.example/keys"},
        "STATEMENTS_JWKS: JWKS_URL: it is no URL",
    ),
}


@pytest.fixture
def unreadable(tmp_path: Path) -> dict[str, tuple[dict[str, str], str]]:
    """What is refused of folders."""
    here = "SERVICE_BINDING_ROOT: "
    cases: dict[str, tuple[Mapping[str, Entries], str]] = {
        "no type": ({"db": {"uri": SECRET}}, f"{here}db has no type"),
        "no entries": ({"db": {}}, f"{here}db has no type"),
        "an empty type": ({"db": {"type": "\n", "uri": SECRET}}, f"{here}db has no type"),
        "no UTF-8": ({"db": {"type": "postgresql", "password": SECRET.encode() + b"\xff"}}, f"{here}db/password: "),
        "no address": ({"db": {"type": "postgresql", "password": SECRET}}, "STATEMENTS_DATABASE: db gives no address"),
    }
    found = {name: (folders(tmp_path / name, files), message) for name, (files, message) in cases.items()}
    for name in ("a file in place of a folder", "a link to nothing", "a folder in place of a file"):
        found[name] = (folders(tmp_path / name, {"db": {"type": "postgresql", "host": MARK}}), f"{here}db/uri: ")
    (tmp_path / "a link to nothing/db/uri").symlink_to(f"/{MARK}")
    (tmp_path / "a folder in place of a file/db/uri").mkdir()
    stray = tmp_path / "a file in place of a folder/README"
    stray.write_text(SECRET)
    found["a file in place of a folder"] = (
        {"SERVICE_BINDING_ROOT": str(stray.parent)},
        f"{here}README: Not a directory",
    )
    return found


def refused(env: Mapping[str, str], message: str, log: pytest.LogCaptureFixture) -> None:
    """Assert that the bindings are refused with this message, and that neither it nor the log shows a secret."""
    with pytest.raises(BindingError, match=message) as caught:
        bound(env)
    shown = "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
    assert MARK not in f"{caught.value!r}{shown}{log.text}"


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_binding_is_refused_by_name_and_shows_no_secret(case: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    refused(*REFUSED[case], caplog)


def test_a_bad_folder_is_refused_by_name_and_shows_no_secret(
    unreadable: dict[str, tuple[dict[str, str], str]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for env, message in unreadable.values():
        refused(env, message, caplog)


def test_no_log_and_no_repr_shows_a_secret(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)
    for env in forms(ALL, tmp_path).values():
        bound(env)
        bindings = bindings_of(env)
        assert MARK not in f"{caplog.text}{bindings}{bindings!r}{[str(each) for each in bindings]}"
    assert "STATEMENTS_DATABASE is that of orders-db" in caplog.text
    assert "not used: mail" in caplog.text
    assert repr(Binding("a", frozenset({"b"}), {"password": MARK})) == "Binding('a')"


@pytest.mark.parametrize("name", ["orders-db", "reports-db"])
def test_a_name_chooses_one_of_several(name: str) -> None:
    env = {**vcap(DATABASE, other("reports-db")), "STATEMENTS_DATABASE_BINDING": name}
    assert bound(env)["STATEMENTS_DATABASE"] == ADDRESS.replace("orders", name.removesuffix("-db"))


def test_a_name_chooses_what_nothing_else_tells() -> None:
    """`cf cups orders -p "host, port, dbname, username, password"` does not say that this is PostgreSQL."""
    credentials = {"host": "host", "port": "5432", "dbname": "db", "username": "lab", "password": "x"}
    env = vcap(DATABASE | {"label": "user-provided", "name": "orders", "tags": [], "credentials": credentials})
    assert bound(env) == {}
    assert bound(env | {"STATEMENTS_DATABASE_BINDING": "orders"}) == {
        "STATEMENTS_DATABASE": "postgresql://lab:x@host:5432/db"
    }


@pytest.mark.parametrize("want", WANTS, ids=lambda want: want.variable)
def test_a_variable_that_is_set_wins_and_the_conflict_is_told(
    want: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    env = forms(ALL, tmp_path)["VCAP_SERVICES"]
    assert want.variable not in bound(env | {want.variable: VALUES[want.variable]})
    assert caplog.text == "", "both say the same"
    assert want.variable not in bound(env | {want.variable: f"https://{MARK}.example"})
    assert f"{want.variable} is set, and wins over " in caplog.text
    assert MARK not in caplog.text


def test_a_variable_that_is_set_settles_which_of_several(caplog: pytest.LogCaptureFixture) -> None:
    env = {**vcap(DATABASE, other("reports-db")), "STATEMENTS_DATABASE": "host=x"}
    assert bound(env) == {}
    assert "STATEMENTS_DATABASE is set, and wins over orders-db and reports-db" in caplog.text


def run(env: Mapping[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "app.bindings", *command]
    return subprocess.run(
        argv, cwd=ROOT, env={"PATH": os.environ["PATH"], **env}, capture_output=True, text=True, check=False, timeout=30
    )


def test_it_executes_the_command_in_its_own_process(tmp_path: Path) -> None:
    script = 'echo $$; echo "$STATEMENTS_DATABASE"; exit 3'
    process = subprocess.Popen(
        [sys.executable, "-m", "app.bindings", "sh", "-c", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **forms(ALL, tmp_path)["SERVICE_BINDING_ROOT"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, told = process.communicate(timeout=30)
    assert (process.returncode, out) == (3, f"{process.pid}\n{ADDRESS}\n")
    assert told.splitlines() == [
        *(f"bindings: {variable} is that of {name}" for variable, name in zip(VALUES, NAMES, strict=True)),
        "bindings: not used: mail",
    ]


NAMES = ("orders-db", "events", "sign-in", "sign-in", "statements")


@pytest.mark.parametrize("case", ["two databases", "JSON in place of a path", "a slash that is not escaped"])
def test_it_ends_before_the_server_starts_and_shows_no_secret(case: str) -> None:
    env, message = REFUSED[case]
    done = run(env, "echo", "started")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("bindings: ")
    assert message.partition(":")[0] in done.stderr
    assert len(done.stderr.splitlines()) == 1, "no traceback"
    assert MARK not in done.stderr


def test_a_command_that_is_not_found_is_told() -> None:
    done = run({"DATABASE_URL": f"postgres://lab:{ESCAPED}@host/db"}, "no-such-server")
    assert (done.returncode, MARK in done.stderr) == (1, False)
    assert done.stderr.endswith("bindings: no-such-server: No such file or directory\n")


def test_without_a_command_it_only_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", ADDRESS)
    main([])
    assert "STATEMENTS_DATABASE" not in os.environ


def test_the_page_has_every_variable() -> None:
    page = (ROOT / "docs/paas.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `((?:STATEMENTS|BILLING)_[A-Z]+)` \|", page, re.MULTILINE)
    assert rows == [want.variable for want in WANTS]

"""The bindings that a platform tells a process of, read from its environment and its files.

VCAP_SERVICES                             Cloud Foundry: JSON
VCAP_SERVICES_FILE_PATH                   the same JSON, in a file
SERVICE_BINDING_ROOT                      a folder for each binding: Kubernetes, and Cloud Foundry
*_URL                                     an address: Heroku's add-ons, and what is set by hand
AZURE_*_CONNECTIONSTRING                  Azure's Service Connector
CUSTOMCONNSTR_*, POSTGRESQLCONNSTR_*      connection strings of Azure App Service

Cloud Foundry: https://docs.cloudfoundry.org/devguide/services/application-binding.html, RFC-0030
Kubernetes: https://servicebinding.io/spec/core/1.1.0/#workload-projection
Azure: https://learn.microsoft.com/azure/app-service/reference-app-settings#variable-prefixes
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from msgspec import DecodeError, Raw, Struct, json

READ = {  # not a name, label or tag: in the files of Cloud Foundry, those of the binding stand in their place
    *("uri", "url", "host", "hostname", "port", "username", "user", "password", "database", "dbname", "db_name"),
    *("issuer", "issuer_uri", "issuer-uri", "jwks_uri", "jwks-uri", "jwk-set-uri"),
}
NAMED = re.compile(r"(\w+)_URL|AZURE_(\w+)_CONNECTIONSTRING|(?:CUSTOM|POSTGRESQL)CONNSTR_(.+)")
LIBPQ = re.compile(r"(?:^|\s)dbname\s*=")
SUSPECT = re.compile(r"postgres|(?:^|[\W_])nats(?:$|[\W_])", re.IGNORECASE)  # what speaks of a service that we use
WEB = {"", "http", "https", "file"}  # schemes that do not say what is there
Decoded = TypeVar("Decoded")


class BindingError(ValueError):
    """A binding cannot be used. The message names it, and shows none of its contents."""


class Binding(Struct, frozen=True):
    """A binding's name, the words for what it leads to, and those of its credentials that are read."""

    name: str
    kinds: frozenset[str]
    credentials: dict[str, str]

    def __repr__(self) -> str:
        return f"Binding({self.name!r})"

    @property
    def is_suspect(self) -> bool:
        """Whether a variable speaks of PostgreSQL or NATS, in its name or its value."""
        return SUSPECT.search(f"{self.name} {self.credentials.get('uri', '')}") is not None


class _Service(Struct):
    """A binding in `VCAP_SERVICES`."""

    name: str
    label: str
    credentials: dict[str, Any]
    tags: list[str] = []


def bindings_of(env: Mapping[str, str]) -> list[Binding]:
    """All bindings. Raises BindingError for one that cannot be read."""
    return [*_services(env), *_folders(env), *_variables(env)]


def _services(env: Mapping[str, str]) -> Iterator[Binding]:
    variables = [name for name in ("VCAP_SERVICES", "VCAP_SERVICES_FILE_PATH") if name in env]
    for variable in variables:
        text = _text(Path(env[variable]), variable) if variable.endswith("_PATH") else env[variable]
        for label, services in _decoded(text, dict[str, list[Raw]], variable).items():
            for index, raw in enumerate(services):
                service = _decoded(raw, _Service, f"{variable}: {label}[{index}]")
                texts = _texts(service.credentials, f"{variable}: {label}[{index}]")
                yield _binding(service.name, (service.label, *service.tags), texts)


def _texts(credentials: dict[str, Any], where: str) -> dict[str, str]:
    """The credentials that are read, as Cloud Foundry writes them to files: without null, numbers as JSON."""
    for key in READ & credentials.keys():
        if isinstance(credentials[key], dict | list):
            raise BindingError(f"{where}: {key} is no text")
    return {
        key: value if isinstance(value, str) else json.encode(value).decode()
        for key, value in credentials.items()
        if key in READ and value is not None
    }


def _folders(env: Mapping[str, str]) -> Iterator[Binding]:
    variable = "SERVICE_BINDING_ROOT"
    if variable not in env:
        return
    if not env[variable]:
        raise BindingError(f"{variable} is empty")
    for folder in _listed(Path(env[variable]), variable):
        where = f"{variable}: {folder.name}"
        entries = {file.name: file for file in _listed(folder, where) if file.name in READ | {"type", "tags"}}
        texts = {name: _text(file, f"{where}/{name}") for name, file in entries.items()}
        kind, tags = texts.pop("type", ""), texts.pop("tags", "")  # Cloud Foundry writes tags as a list in JSON
        if not kind:
            raise BindingError(f"{where} has no type")
        yield _binding(folder.name, (kind, *re.findall(r"[\w.-]+", tags)), texts)


def _variables(env: Mapping[str, str]) -> Iterator[Binding]:
    for name, value in env.items():
        if match := NAMED.fullmatch(name):
            is_postgresql = (
                name.startswith("POSTGRESQLCONNSTR_")
                or LIBPQ.search(value) is not None
                or (name == "DATABASE_URL" and "://" not in value)
            )
            words = ("postgresql",) if is_postgresql else ()
            yield _binding(name, words, {"uri": value}, called=match[match.lastindex or 0])


def _binding(name: str, words: Iterable[str], credentials: dict[str, str], called: str = "") -> Binding:
    """A binding, whose name says what it leads to unless its address does."""
    if not name.isprintable():  # it could forge a line of a log
        raise BindingError("a binding's name has characters that cannot be printed")
    address = credentials.get("uri") or credentials.get("url") or ""
    scheme = address.partition("://")[0] if "://" in address else ""
    is_told = scheme not in WEB or not credentials.keys().isdisjoint(("host", "hostname"))
    says = (scheme,) if is_told else (scheme, called or name)
    return Binding(name, frozenset(word.lower() for word in (*words, *says) if word), credentials)


def _listed(folder: Path, where: str) -> list[Path]:
    """What is in a folder, without the hidden folders by which Kubernetes replaces files."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise BindingError(f"{where}: {error.strerror}") from None


def _text(file: Path, where: str) -> str:
    try:
        return file.read_bytes().decode("utf-8").rstrip("\n")  # each other end of a line is part of a secret
    except OSError as error:
        raise BindingError(f"{where}: {error.strerror}") from None
    except UnicodeError:  # it shows a byte
        raise BindingError(f"{where}: it is not UTF-8") from None


def _decoded(text: str | Raw, type_: type[Decoded], where: str) -> Decoded:
    try:
        return json.decode(text, type=type_)
    except DecodeError as error:  # it shows where, and no value
        raise BindingError(f"{where}: {error}") from None
    except (UnicodeError, RecursionError) as error:
        raise BindingError(f"{where}: {type(error).__name__}") from None

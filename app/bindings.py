"""Set the service's variables by what the platform binds it to, then execute a command in place of this process.

    python -m app.bindings gunicorn app.entry:application

STATEMENTS_DATABASE                  PostgreSQL, by its type, its tag, or the scheme of its address
STATEMENTS_BROKER                    NATS, likewise
STATEMENTS_ISSUER, STATEMENTS_JWKS   of a binding with `issuer` and `jwks_uri`, or of ISSUER_URL and JWKS_URL
BILLING_STATEMENTS                   the application or the binding `statements`, by its `url`

A variable that is set wins, and a binding that differs is told. Where several fit, `STATEMENTS_DATABASE_BINDING` and
its like choose one by its name. Without a command, it only tells what it would set. It requires msgspec; the service
that it executes does not. `app.platforms` says where bindings are read.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from urllib.parse import quote

from msgspec import Struct

from app.fetching import checked
from app.nats import Address
from app.platforms import Binding, BindingError, bindings_of

LOG = logging.getLogger(__name__)

HOST = r"(?:\[[^\s\]]+\]|[^\s@/?:,\[\]]*)(?::\d+)?"
POSTGRESQL = re.compile(  # as libpq reads it: a name and password end at the first @, and what follows is the host
    rf"(?!.*%(?![\da-fA-F]{{2}}))postgresql://(?:[^@/]*@)?{HOST}(?:,{HOST})*(?:[/?][^@]*)?"
    r"|(?:.*\s)?host\s*=\s*[^\s;]+(?:\s.*)?",  # the other form; a semicolon is of ADO.NET
    re.DOTALL | re.ASCII,
)


NAME = re.compile(r"[\w.-]+")


class Want(Struct, frozen=True):
    """A variable of the service, and which binding gives it: one of `kinds`, or with one of the credentials `keys`."""

    variable: str
    kinds: frozenset[str]
    check: Callable[[str], object]  # raises ValueError for what is no such address; the error shows no part of it
    keys: tuple[str, ...] = ()
    scheme: str = ""  # of an address that is given in parts

    def fits(self, binding: Binding) -> bool:
        return not self.kinds.isdisjoint(binding.kinds) or any(key in binding.credentials for key in self.keys)

    def address(self, credentials: Mapping[str, str]) -> str:
        """What the credentials say; it may be empty, or no address."""
        given = next((credentials[key] for key in (*self.keys, "uri", "url") if key in credentials), "")
        given = given or _joined(self.scheme, credentials)
        scheme, found, rest = given.partition("://")
        return f"{self.scheme}://{rest}" if found and scheme in self.kinds else given


def _joined(scheme: str, credentials: Mapping[str, str]) -> str:
    """The address that is given in parts; empty without a scheme or a host."""

    def part(*names: str) -> str:
        return next(filter(None, map(credentials.get, names)), "")

    host, port = part("host", "hostname"), part("port")
    if not (scheme and host):
        return ""
    user, password = (quote(part(*names), safe="") for names in (("username", "user"), ("password",)))
    login = f"{user}:{password}@" if password else f"{user}@" if user else ""
    host = f"[{host}]" if ":" in host else quote(host, safe="")  # a folder of a socket has slashes
    path = quote(part("database", "dbname", "db_name"), safe="")
    return f"{scheme}://{login}{host}{':' * bool(port)}{port}{'/' * bool(path)}{path}"


def _postgresql(address: str) -> None:
    if not POSTGRESQL.fullmatch(address):
        raise ValueError("it is no address like postgresql://USER:PASSWORD@HOST/DATABASE, or host=HOST dbname=DATABASE")


WANTS = (
    Want("STATEMENTS_DATABASE", frozenset({"postgresql", "postgres"}), _postgresql, scheme="postgresql"),
    Want("STATEMENTS_BROKER", frozenset({"nats"}), Address.of, scheme="nats"),
    Want("STATEMENTS_ISSUER", frozenset({"issuer"}), checked, ("issuer", "issuer_uri", "issuer-uri")),
    Want("STATEMENTS_JWKS", frozenset({"jwks"}), checked, ("jwks_uri", "jwks-uri", "jwk-set-uri")),
    Want("BILLING_STATEMENTS", frozenset({"statements"}), checked),
)


def bound(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that are to be set. Raises BindingError."""
    bindings = bindings_of(env)
    fitting = {want: _fitting(want, bindings, env) for want in WANTS}
    values = {want.variable: _address(want, each, env) for want, each in fitting.items()}
    used = {binding.name for each in fitting.values() for binding in each}
    unused = [each for each in bindings if each.name not in used]
    variables = [each for each in unused if env.get(each.name) == each.credentials.get("uri", "")]
    if broken := next((each.name for each in variables if each.is_suspect), None):
        raise BindingError(f"{broken}: it speaks of PostgreSQL or NATS, and is no address of either")
    if others := [each.name for each in unused if each not in variables]:
        LOG.info("not used: %s", ", ".join(others))
    return {variable: address for variable, address in values.items() if address}


def _fitting(want: Want, bindings: list[Binding], env: Mapping[str, str]) -> list[Binding]:
    name = env.get(f"{want.variable}_BINDING")
    found = [each for each in bindings if (each.name == name if name else want.fits(each))]
    if name and not found:
        shown = f"the name {name}" if NAME.fullmatch(name) else "that name"  # by mistake it may be an address
        raise BindingError(f"{want.variable}_BINDING: no binding has {shown}")
    return found


def _address(want: Want, fitting: list[Binding], env: Mapping[str, str]) -> str:
    """The address for one variable; empty if no binding fits, or if the variable is set."""
    found = {want.address(each.credentials): each.name for each in reversed(fitting)}  # of the first
    names, given = " and ".join(each.name for each in fitting), env.get(want.variable)
    if given:
        if found.keys() - {given, want.address({"uri": given})}:
            LOG.warning("%s is set, and wins over %s", want.variable, names)
        return ""
    if len(found) > 1:
        raise BindingError(f"{want.variable}: {names} differ: choose one by {want.variable}_BINDING")
    for address, name in found.items():
        if not address:
            raise BindingError(f"{want.variable}: {name} gives no address")
        if not address.isprintable():
            raise BindingError(f"{want.variable}: {name} has characters that cannot be printed")
        try:
            want.check(address)
        except ValueError as error:
            raise BindingError(f"{want.variable}: {name}: {error}") from None
        LOG.info("%s is that of %s", want.variable, name)
    return next(iter(found), "")


def main(command: list[str]) -> None:
    """Execute the command with the variables."""
    logging.basicConfig(format="bindings: %(message)s", level=logging.INFO)
    try:
        values = bound()
    except BindingError as error:
        sys.exit(f"bindings: {error}")
    if command:
        try:
            os.execvpe(command[0], command, {**os.environ, **values})  # noqa: S606 - it is to be no shell
        except OSError as error:
            sys.exit(f"bindings: {command[0]}: {error.strerror}")
        except ValueError:  # it shows a character of the value
            sys.exit("bindings: a value has characters that this locale cannot pass on: set LC_ALL=C.UTF-8")


if __name__ == "__main__":
    main(sys.argv[1:])

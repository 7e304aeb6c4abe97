"""The machine's network, which is the same after a container with a network of its own as before.

Podman's netavark removes the bridge and the rules of a container, and leaves more: its empty chains, which the kernel
asks about each packet of the machine, a forwarding kernel, and folders in /run. Source: nft(8), libnftables-json(5).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.errors import LabError

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
NAMESPACES = Path("/run/netns")  # mounted on itself by whoever makes the first one
FOLDERS = (Path("/run/containers/networks"), Path("/run/containers"))
CHAINS = "NETAVARK"

Ruleset = list[dict[str, Any]]  # the objects of `nft --json list ruleset`


@contextmanager
def unchanged() -> Iterator[None]:
    """Undo at the end of the block what netavark has changed during it. Rules of others stay."""
    forwarding, ruleset = FORWARDING.read_text(), _ruleset()
    absent = [folder for folder in (*FOLDERS, NAMESPACES) if not folder.exists()]
    try:
        yield
    finally:
        for words in undoing(ruleset, _ruleset()):
            _nft(words)
        FORWARDING.write_text(forwarding)
        _remove(absent)


def undoing(before: Ruleset, after: Ruleset) -> Iterator[list[str]]:
    """Yield the commands of nft that remove netavark's new rules and chains, and new tables without any other rule.

    Rules come first, because a chain to which a rule jumps cannot be removed.
    """
    known = {_name(each) for each in before}
    new = [each for each in after if _name(each) not in known]
    own = [each for each in new if CHAINS in json.dumps(each)]
    for kind, place in (("rule", ("family", "table", "chain")), ("chain", ("family", "table", "name"))):
        for thing in (each[kind] for each in own if kind in each):
            handle = ["handle", str(thing["handle"])] if kind == "rule" else []
            yield ["delete", kind, *(thing[key] for key in place), *handle]
    others = {(each["rule"]["family"], each["rule"]["table"]) for each in after if "rule" in each and each not in own}
    for table in (each["table"] for each in new if "table" in each):
        if (table["family"], table["name"]) not in others:
            yield ["delete", "table", table["family"], table["name"]]


def _name(thing: dict[str, Any]) -> tuple[str, ...]:
    """What tells an object of a ruleset from all others. Counters of its packets do not."""
    ((kind, content),) = thing.items()
    return kind, *(str(content.get(key)) for key in ("family", "table", "chain", "name", "handle"))


def _ruleset() -> Ruleset:
    ruleset: Ruleset = json.loads(_nft(["--json", "list", "ruleset"]))["nftables"]
    return ruleset


def _nft(words: Sequence[str]) -> str:
    done = subprocess.run(["nft", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"`nft {' '.join(words)}` failed: {done.stderr.strip()}")
    return done.stdout


def _remove(absent: Sequence[Path]) -> None:
    """Remove folders that were absent before, but for the network namespaces of others."""
    if NAMESPACES in absent and NAMESPACES.exists():
        subprocess.run(["umount", NAMESPACES], capture_output=True, check=False)
    for folder in absent:
        if folder.name == "networks":  # a database of addresses
            shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.rmdir()

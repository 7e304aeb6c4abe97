"""What a scanner looks for in the layers of an image: secrets, traces of the building machine, and risky file modes."""

import re
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

SECRET_NAMES = re.compile(
    r"(^|/)(\.env|\.netrc|\.npmrc|\.pypirc|\.git-credentials|id_(rsa|ed25519|ecdsa)|[^/]+\.(key|pem))$"
)
SECRETS = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20}"
    rb"|\bAKIA[0-9A-Z]{16}\b"
    rb"|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    rb"|\bpypi-[A-Za-z0-9_-]{60}"
)
SECRET_VARIABLES = re.compile(r"SECRET|TOKEN|PASSWORD|CREDENTIAL|API_?KEY", re.IGNORECASE)


def risks(archive: Path, traces: tuple[bytes, ...]) -> Iterator[str]:
    """Everything in a layer that an image must not have. `traces` are words that only the building machine knows."""
    with tarfile.open(archive) as layer:
        for member in layer:
            if member.mode & (stat.S_ISUID | stat.S_ISGID):
                yield f"{member.name}: setuid or setgid"
            if member.mode & stat.S_IWOTH and not (member.issym() or member.mode & stat.S_ISVTX):
                yield f"{member.name}: writable by everybody"
            if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
                yield f"{member.name}: a device"
            if SECRET_NAMES.search(member.name):
                yield f"{member.name}: the name of a secret"
            file = layer.extractfile(member) if member.isfile() else None
            content = file.read() if file else b""
            if SECRETS.search(content):
                yield f"{member.name}: a secret"
            yield from (f"{member.name}: names {trace.decode()}" for trace in traces if trace in content)

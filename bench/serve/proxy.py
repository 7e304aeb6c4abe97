"""Run a proxy and its server in one process tree, so that CPU time and memory include both."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.model import Proxy

# The shell is the root of the tree. On SIGTERM, or when either process exits, it ends both and then exits. The trap
# itself kills them, because a signal may arrive just before `wait`. It signals twice, because a process between fork
# and exec loses a signal.
SCRIPT = """
end() {{ over=1; trap : TERM; trap - CHLD; kill $server $proxy; sleep 0.1; kill $server $proxy; }} 2>/dev/null
trap end TERM CHLD
"$@" & server=$!
{proxy} & proxy=$!
[ "$over" ] && end
until wait; do :; done
"""


def configured(proxy: Proxy, scratch: Path, placeholders: Mapping[str, str]) -> list[str]:
    """Return the argv of `proxy`. Writes its configuration to `scratch`."""
    (scratch / "proxy.conf").write_text(_substitute(proxy.config, placeholders))
    return [_substitute(word, placeholders) for word in proxy.argv]


def behind(front: list[str], server: list[str]) -> list[str]:
    """Return the argv that runs `server` behind the proxy `front`."""
    return ["sh", "-c", SCRIPT.format(proxy=shlex.join(front)), "sh", *server]


def fingerprint(proxy: Proxy) -> str:
    """Return a hash of the proxy's program, because a system upgrade may replace it."""
    return hashlib.sha256(Path(proxy.argv[0]).read_bytes()).hexdigest()


def version(proxy: Proxy) -> str:
    """Return the version that the proxy's program prints after a colon, such as `nginx/1.22.1`."""
    output = subprocess.run(proxy.version, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    return output.stdout.partition(": ")[2].strip()


def _substitute(text: str, placeholders: Mapping[str, str]) -> str:
    """Replace the placeholders in `text`. Other braces belong to the configuration's own syntax."""
    for name, value in placeholders.items():
        text = text.replace(f"{{{name}}}", value)
    return text

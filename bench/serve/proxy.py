"""A proxy before a server, in one process tree with it: whatever is watched of the server is watched of both."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.model import Proxy

# The shell is the tree's root. Told to end, or as soon as one of them has ended, it ends both, and then itself. The
# trap ends them itself, as a signal may come just before `wait`. It asks twice: a process that is only forked yet
# forgets a signal when it becomes its program.
TOGETHER = """
end() {{ over=1; trap : TERM; trap - CHLD; kill $server $proxy; sleep 0.1; kill $server $proxy; }} 2>/dev/null
trap end TERM CHLD
"$@" & server=$!
{proxy} & proxy=$!
[ "$over" ] && end
until wait; do :; done
"""


def together(proxy: Proxy, server: list[str], scratch: Path, places: Mapping[str, str]) -> list[str]:
    """The argv that runs `server` behind `proxy`, whose configuration is written to `scratch`."""
    (scratch / "proxy.conf").write_text(_filled(proxy.config, places))
    script = TOGETHER.format(proxy=shlex.join(_filled(word, places) for word in proxy.argv))
    return ["sh", "-c", script, "sh", *server]


def fingerprint(proxy: Proxy) -> str:
    """Hash of the proxy's program, which the system brings and may renew."""
    return hashlib.sha256(Path(proxy.argv[0]).read_bytes()).hexdigest()


def version(proxy: Proxy) -> str:
    """What the proxy's program says of its version after a colon, such as `nginx/1.22.1`."""
    said = subprocess.run(proxy.version, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    return said.partition(": ")[2].strip()


def _filled(text: str, places: Mapping[str, str]) -> str:
    """`text` with its places filled in; any other brace is the configuration's own."""
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    return text

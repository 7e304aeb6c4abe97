"""A proxy before a server, in one process tree with it: whatever is watched of the server is watched of both."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.model import Front

# The shell is the tree's root. Told to end, or as soon as one of them has ended, it ends both, and then itself. The
# trap ends them itself, as a signal may come just before `wait`. It asks twice: a process that is only forked yet
# forgets a signal when it becomes its program.
TOGETHER = """
end() {{ over=1; trap : TERM; trap - CHLD; kill $server $front; sleep 0.1; kill $server $front; }} 2>/dev/null
trap end TERM CHLD
"$@" & server=$!
{front} & front=$!
[ "$over" ] && end
until wait; do :; done
"""


def together(front: Front, server: list[str], scratch: Path, places: Mapping[str, str]) -> list[str]:
    """The argv that runs `server` behind `front`, whose configuration is written to `scratch`."""
    (scratch / "front.conf").write_text(_filled(front.config, places))
    script = TOGETHER.format(front=shlex.join(_filled(word, places) for word in front.argv))
    return ["sh", "-c", script, "sh", *server]


def fingerprint(front: Front) -> str:
    """Hash of the front's program, which the system brings and may renew."""
    return hashlib.sha256(Path(front.argv[0]).read_bytes()).hexdigest()


def version(front: Front) -> str:
    """What the front's program says of its version after a colon, such as `nginx/1.22.1`."""
    said = subprocess.run(front.version, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    return said.partition(": ")[2].strip()


def _filled(text: str, places: Mapping[str, str]) -> str:
    """`text` with its places filled in; any other brace is the configuration's own."""
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    return text

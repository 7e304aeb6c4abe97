"""A hook of schemathesis: a valid wait of seconds becomes one of milliseconds. Other values go out as generated."""

import re
from typing import Any

import schemathesis

LONGEST_MS = 10_000  # that /wait takes
SHORT_MS = 10


@schemathesis.hook.apply_to(path="/wait")
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    ms = str((case.query or {}).get("ms"))
    if re.fullmatch("[0-9]{1,5}", ms) and SHORT_MS < int(ms) <= LONGEST_MS:
        case.query["ms"] = int(ms) % SHORT_MS

"""Verify a provider against a pact. The last line of stdout has what it breaks, as pact tells it in JSON.

    verify.py PACT URL
    verify.py PACT < MESSAGES

MESSAGES are by the description of an expectation. Each has `metadata` and, as text, `contents`.
It runs in the environment of `bench/locks/pact.txt`.
"""

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pact import Verifier


def messages(text: str) -> dict[str, Any]:
    """The messages as pact takes them. NATS has no media type, and pact compares JSON only if it is told of it."""
    return {
        description: {
            "contents": each["contents"].encode(),
            "metadata": each["metadata"],
            "content_type": "application/json",
        }
        for description, each in json.loads(text).items()
    }


def main(pact: str, *urls: str) -> None:
    """Verify the service at a URL, or else the messages on stdin."""
    provider = json.loads(Path(pact).read_text(encoding="utf-8"))["provider"]["name"]
    if urls:
        verifier = Verifier(provider, host=urlsplit(urls[0]).hostname).add_transport(url=urls[0])
    else:
        verifier = Verifier(provider).message_handler(messages(sys.stdin.read()))
    try:
        verifier.add_source(pact).verify()
    except RuntimeError:
        if not verifier.results["errors"]:
            raise
    print(json.dumps(verifier.results["errors"]))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""`make pacts`: record what consumers expect. With `url=URL`, verify the service there instead."""

import sys

from tests import pacts


def main(*urls: str) -> int:
    """Record, or print what the services at the URLs break. Returns 1 if one breaks anything."""
    if not urls:
        pacts.record(pacts.KEPT)
        return 0
    broken = {url: pacts.broken(url) for url in urls}
    for url, found in broken.items():
        print(f"{url}: {len(found)} expectations broken")
        for description, how in found.items():
            print(f"  {description}: {how}")
    return int(any(broken.values()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

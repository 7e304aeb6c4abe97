"""The examples of CONTRIBUTING.md: each TOML file that it shows is a noun of the catalogue."""

import re
from collections import defaultdict
from pathlib import Path

from bench import catalog
from bench.paths import ROOT
from bench.plan import planned

BLOCK = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`([\w./-]+\.toml)`")


def examples() -> dict[str, str]:
    """The TOML blocks by the file that was named last before each; the blocks of one file are joined."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found: dict[str, str] = defaultdict(str)
    for block in BLOCK.finditer(text):
        found[FILE.findall(text[: block.start()])[-1]] += block[1]
    return found


def test_the_examples_are_nouns_of_the_catalogue(checkout: Path) -> None:
    for name, content in examples().items():
        (checkout / name).write_text(content, encoding="utf-8")
    read = catalog.read()
    kinds = (
        read.interpreters,
        read.servers,
        read.tunings,
        read.backends,
        read.limits,
        read.replacements,
        read.deliveries,
        read.places,
        read.workloads,
        read.loads,
        read.layerings,
        read.studies,
    )
    known = {name for kind in (*kinds, read.variants, read.peers) for name in kind}
    assert {Path(name).stem for name in examples()} <= known
    assert len(read.studies["mine"].targets) == 1
    assert planned.plan(read.studies["mine"], read).cases

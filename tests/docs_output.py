"""`make docs-output`: paste what commands print into the docs.

    ```console                    each command stands after `$ `, its output below it
    ```console SESSION 1a2b3c4d   the last output is that of the session kept in docs/data/SESSION.jsonl.xz. It was
                                  measured with the page's code and commands of that hash
    ```sh measured                run before a measurement, by --measure alone
    <!-- quotes                   the first line of the error of each command, after `$ `, is the first cell of a row
    -->                           of the table that follows

Commands run in the checkout. `~` is a scratch folder. `~/service` holds the files that the page shows in blocks whose
first line is `# NAME`.

    python -m tests.docs_output             paste
    python -m tests.docs_output --check     show what differs, with exit status 1
    python -m tests.docs_output --measure   measure and keep the sessions anew, then paste

Pages may be named after the options: `python -m tests.docs_output --measure docs/cores.md`.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from difflib import unified_diff
from hashlib import sha256
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from bench import keep, store
from bench.paths import LAB, ROOT
from bench.report import summary
from bench.report.finding import find

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/own/*.md"), *ROOT.glob("*/README.md")])
DATA = ROOT / "docs" / "data"
COLUMNS = 120  # of the terminal that a session is shown on

FILE = re.compile(r"^```\w*\n# ([\w/]+\.\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SCRIPT = re.compile(r"^```sh measured\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n", re.MULTILINE)
BLOCK = re.compile(r"^```console(?: (?P<session>\S+) (?P<hash>\S+))?\n(?P<body>(?s:.*?))^```$", re.MULTILINE)
ERROR = re.compile(r"^bench: (?s:.*)", re.MULTILINE)
QUOTES = re.compile(r"^<!-- quotes\n(?P<body>(?s:.*?))^-->\n\n\|.*\n\|.*\n(?P<rows>(?:\|.*\n)+)", re.MULTILINE)


class Page:
    """The text of a page, and the scratch folder of its commands."""

    def __init__(self, text: str, scratch: Path, *, measure: bool = False) -> None:
        self.text, self._scratch, self._measure = text, scratch, measure
        self.service = scratch / "service"
        self.service.mkdir()
        for name, code in FILE.findall(text):
            (self.service / name).parent.mkdir(exist_ok=True)
            (self.service / name).write_text(code, encoding="utf-8")
        made_of = (
            FILE.findall(text) + SCRIPT.findall(text),
            [COMMAND.findall(block["body"]) for block in BLOCK.finditer(text)],
        )
        self._hash = sha256(repr(made_of).encode()).hexdigest()[:8]

    def pasted(self) -> str:
        """The text with today's output."""
        if self._measure:
            self.prepare()
        return QUOTES.sub(self._table, BLOCK.sub(self._block, self.text))

    def prepare(self) -> None:
        """Run the scripts before a measurement."""
        for script in SCRIPT.findall(self.text):
            self._run(f"set -e\n{script}").check_returncode()

    def _block(self, block: re.Match[str]) -> str:
        session, commands = block["session"], COMMAND.findall(block["body"])
        if session and block["hash"] != self._hash and not self._measure:
            sys.exit(f"{session} was measured with other commands or code: add --measure")
        lines = [f"```console {session} {self._hash}" if session else "```console"]
        for command in commands:
            measured = session and command == commands[-1]
            printed = self._told(session, command) if measured else self._printed(command)
            lines += [f"$ {command}", *map(str.rstrip, printed.splitlines())]
        return "\n".join([*lines, "```"])

    def _table(self, table: re.Match[str]) -> str:
        text = ""
        for row, command in zip(table["rows"].splitlines(), COMMAND.findall(table["body"]), strict=True):
            error = self._printed(command).splitlines()[0].removeprefix("bench: ").replace("|", r"\|")
            ticks = ("`` ", " ``") if "`" in error else ("`", "`")
            text += f"| {error.join(ticks)} | {row.split(' | ', 1)[1]}\n"
        return table[0].removesuffix(table["rows"]) + text

    def _printed(self, command: str) -> str:
        """What a command prints, or its error, without a folder of this machine."""
        done = self._run(command, capture_output=True, text=True)
        said = ERROR.findall(done.stderr)[0] if done.returncode else done.stdout
        return said.replace(str(self._scratch), "~").replace(f"{ROOT}/", "")

    def _run(self, command: str, **how: Any) -> subprocess.CompletedProcess[Any]:
        env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        argv = ["bash", "-c", command.replace("~", str(self._scratch))]
        return subprocess.run(argv, check=False, cwd=ROOT, env=env, **how)

    def _told(self, session: str, command: str) -> str:
        """What the command printed when its session was measured, in today's words."""
        if self._measure:
            self._run(f"{command} --force").check_returncode()
            keep.keep(store.latest(session)[1].plan.study, kept=DATA)
        kept = keep.read(DATA / f"{session}{keep.SUFFIX}")
        printed = StringIO()
        console = Console(file=printed, width=COLUMNS)
        folder = store.create(kept.session, self._scratch / "results").relative_to(self._scratch)
        found = find(kept.session, kept.runs, selftest=kept.selftest)
        summary.show(console, found, folder / "report.html", json=False)
        return printed.getvalue()


def main() -> int:
    """Paste or check all pages. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Paste what commands print into the docs.")
    parser.add_argument("--check", action="store_true", help="show what differs, with exit status 1")
    parser.add_argument("--measure", action="store_true", help="measure and keep the sessions anew first")
    parser.add_argument("pages", nargs="*", type=Path, default=PAGES, help="by default all")
    asked = parser.parse_args()
    status = 0
    LAB.mkdir(exist_ok=True)
    for path in asked.pages:
        text = path.read_text(encoding="utf-8")
        with TemporaryDirectory(prefix="docs-output-", dir=LAB) as scratch:
            new = Page(text, Path(scratch).resolve(), measure=asked.measure).pasted()
        if not asked.check:
            path.write_text(new, encoding="utf-8")
            continue
        for line in unified_diff(text.splitlines(), new.splitlines(), path.name, "today", lineterm=""):
            print(line)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())

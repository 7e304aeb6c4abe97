"""The docs as a site: `make site` writes it to `site/`, ready for file://; it requests nothing from another machine.

Sphinx reads the repository's Markdown where it lies. A link to a page opens the page, a link to a source file opens a
copy of the file, and a link or anchor without a target fails the build. `bench/report/site` writes figures into the
same folder first; here they get their places on the pages.
"""

import csv
import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
# Folders outside docs/ with pages of their own.
FOLDERS = (
    "spec",
    "builds",
    "optimised",
    "peers",
    "deploy",
    "deploy/containers",
    "deploy/vagrant",
    "clients",
    "pacts",
    "tests",
)

project = html_title = "runtime-lab"
root_doc = "README"
include_patterns = ["*.md", "docs/**.md", *(f"{folder}/*.md" for folder in FOLDERS)]
exclude_patterns = [".*", "build", "results", "site"]  # folders that need not be searched
exclude_patterns += ["docs/findings/profiles", "docs/findings/remarks"]  # parts of the findings' pages
extensions = ["myst_parser"]
myst_heading_anchors = 4
nitpick_ignore_regex = [("myst", r"((\.\.|[\w-]+)/)+[\w-]*")]  # a folder has no page: its link becomes text
html_theme = "furo"
html_static_path = ["site.css", "results.css", "results.js", "questions.js"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_search_summary = False  # a browser refuses to read other pages over file://
html_show_sphinx = False

PLOT = re.compile(r"^!\[.*\]\((plots/[\w.-]+)\.svg\)$", re.MULTILINE)
ASIDE = re.compile(r"<!-- site: (\w+) -->.*?<!-- site: end -->", re.DOTALL)  # what a page says outside of the site
SESSION_HEADS = "| study | measured | machine | commit | stacks | file |\n|---|---|---|---|--:|---|"
RESULTS = """```{raw} html
<link rel="stylesheet" href="../_static/results.css">
<div id="explorer" hidden></div>
<noscript><p>Filters and comparisons need JavaScript. The sessions are listed below.</p></noscript>
<script src="results-data.js"></script>
<script src="../_static/results.js"></script>
<p>All figures as CSV: <a href="results.csv" download>a stack a line</a>,
<a href="sessions.csv" download>a session a line</a>.</p>
```"""

QUESTION = """```{raw} html
<form hidden><label>Your question: <input id="asked" type="search" autocomplete="off"
placeholder="how many workers?"></label></form>
<dl id="answers" aria-live="polite"></dl>
<script src="../_static/questions.js" defer></script>
```"""


def contents(folder: str) -> list[str]:
    """Return the README of a folder and the pages beside it that it links to, in its order."""
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    return [f"{folder}/{name}" for name in dict.fromkeys(["README", *re.findall(r"\]\(([\w-]+)\.md", text)])]


def add_sidebar(_app: Sphinx, page: str, source: list[str]) -> None:
    """Add the tree of pages to the first page; the sidebar shows it."""
    if page != root_doc:
        return
    rest = ["CONTRIBUTING", "CHANGELOG", *(page for folder in FOLDERS for page in contents(folder))]
    parts = {"Docs": "docs", "Services that were tried": "docs/own", "Findings": "docs/findings"}
    for caption, pages in (*((caption, contents(folder)) for caption, folder in parts.items()), ("Repository", rest)):
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""])


def add_results(app: Sphinx, page: str, source: list[str]) -> None:
    """Fill the results page, and add the data and the command below each plot of a finding."""
    sessions = _sessions(app)
    if page == "docs/results":
        parts = {"results": RESULTS, "sessions": "\n".join([SESSION_HEADS, *map(_row, sessions)])} if sessions else {}
        source[0] = ASIDE.sub(lambda aside: parts.get(aside[1], aside[0]), source[0])
    elif page.startswith("docs/findings/"):
        commands = {each["study"]: each["command"] for each in sessions}
        command = commands.get(page.removeprefix("docs/findings/"), "")
        source[0] = PLOT.sub(lambda plot: plot[0] + _below(app, plot[1], command), source[0])


def add_question(_app: Sphinx, page: str, source: list[str]) -> None:
    """Put the field for a question on the page of questions."""
    if page == "docs/questions":
        source[0] = ASIDE.sub(QUESTION, source[0])


def _sessions(app: Sphinx) -> list[dict[str, str]]:
    """The lines of sessions.csv; none if only Sphinx has run."""
    path = Path(app.outdir) / "docs" / "sessions.csv"
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []


def _row(each: dict[str, str]) -> str:
    """A session's row in the table of the results page."""
    study = f"[{each['study']}]({each['page']})" if each["page"] else each["study"]
    several = int(each["sessions"])
    day = each["started"][:10] + (f", {several} sessions" if several > 1 else "")
    data = "" if several > 1 else f'<a href="{each["file"]}" download>data</a>'
    told = f"{data} (former)" if each["former"] == "True" else data
    return f"| {study} | {day} | {each['machine']} | {each['commit']} | {each['stacks']} | {told} |"


def _below(app: Sphinx, plot: str, command: str) -> str:
    """The line below a plot that has its data."""
    if not (Path(app.outdir) / "docs" / "findings" / f"{plot}.csv").exists():
        return ""
    return f'\n\n<a href="{plot}.csv" download>The plot\'s data (CSV)</a>, measured by `{command}`\n'


def write_index(app: Sphinx, error: Exception | None) -> None:
    """Copy the first page to the name that browsers and servers look for."""
    if error is None:
        shutil.copyfile(Path(app.outdir) / "README.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    """Connect the functions above to Sphinx."""
    app.connect("source-read", add_sidebar)
    app.connect("source-read", add_results)
    app.connect("source-read", add_question)
    app.connect("build-finished", write_index)

"""The docs as a site: `make docs` writes it to `site/`, ready for file://; it requests nothing from another machine.

Sphinx reads the repository's Markdown where it lies. A link to a page opens the page, a link to a source file opens a
copy of the file, and a link or anchor without a target fails the build.
"""

import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("spec", "builds", "optimised", "peers", "tests")  # outside docs/, with pages of their own

project = html_title = "runtime-lab"
root_doc = "README"
include_patterns = ["*.md", "docs/**.md", *(f"{folder}/*.md" for folder in FOLDERS)]
exclude_patterns = [".*", "build", "results", "site"]  # folders that need not be searched
exclude_patterns += ["docs/findings/profiles", "docs/findings/remarks"]  # parts of the findings' pages
extensions = ["myst_parser"]
myst_heading_anchors = 4
nitpick_ignore_regex = [("myst", r"((\.\.|[\w-]+)/)+[\w-]*")]  # a folder has no page: its link becomes text
html_theme = "furo"
html_static_path = html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_search_summary = False  # a browser refuses to read other pages over file://
html_show_sphinx = False


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


def write_index(app: Sphinx, error: Exception | None) -> None:
    """Copy the first page to the name that browsers and servers look for."""
    if error is None:
        shutil.copyfile(Path(app.outdir) / "README.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    """Connect the functions above to Sphinx."""
    app.connect("source-read", add_sidebar)
    app.connect("build-finished", write_index)

"""The site as a reader opens it, from disk: whole, and with a results page that follows its address."""

import csv
import html
import re
import shutil
import subprocess
import sys
from urllib.parse import unquote, urlencode

import pytest

from bench.paths import LAB, ROOT
from tests.absent import absent

pytestmark = pytest.mark.slow

LINK = re.compile(r'<(?:a|link|script|img)\b[^>]*?\b(?:href|src)="([^"]+)"')
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--enable-logging=stderr", "--virtual-time-budget=5000",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make site` builds it."""
    sphinx = LAB / "docs" / "bin" / "sphinx-build"
    if not sphinx.exists():
        absent("Sphinx is not here", "make site")
    folder, trees = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("trees")
    subprocess.run([sys.executable, "-m", "bench.verbs.site", folder], cwd=ROOT, check=True)
    options = ["--quiet", "--fail-on-warning", "--keep-going", "--doctree-dir", trees, "--conf-dir", "docs"]
    subprocess.run([sphinx, *options, ".", folder], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def opened(site, tmp_path_factory):
    """Opens the results page with a choice in its address; returns its text and what the console said."""
    browser = shutil.which("chromium")
    if not browser:
        absent("Chromium is not here", "apt-get install chromium")
    profile = tmp_path_factory.mktemp("profile")

    def open_page(*choice):
        address = f"{(site / 'docs' / 'results.html').as_uri()}#{urlencode(choice)}"
        command = [browser, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return open_page


def stacks(page):
    """The stacks of all tables of the page."""
    tables = page.partition('aria-live="polite"')[2]
    return re.findall(r'aria-label="compare ([^"]+)"', tables)


def chosen(site, **filters):
    """The lines of results.csv with server CPU that pass the filters."""
    found = csv.DictReader((site / "docs" / "results.csv").open(encoding="utf-8"))
    own = [each for each in found if each["Server CPU, µs/request"]]
    return [each for each in own if all(each[name] == value for name, value in filters.items())]


def test_links_of_the_site_have_targets(site):
    broken = []
    for page in site.rglob("*.html"):
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            path = unquote(html.unescape(link)).partition("#")[0].partition("?")[0]
            if path and not re.match(r"[a-z]+:", path) and not (page.parent / path).exists():
                broken.append(f"{page.relative_to(site)}: {link}")
    assert broken == []


def test_each_plot_of_a_finding_has_its_data_and_command_below_it(site):
    for page in (ROOT / "docs" / "findings").glob("*.md"):
        plots = re.findall(r"plots/([\w.-]+)\.svg", page.read_text(encoding="utf-8"))
        built = (site / "docs" / "findings" / f"{page.stem}.html").read_text(encoding="utf-8")
        assert re.findall(r'href="plots/([\w.-]+)\.csv"', built) == plots, page.name
        assert len(re.findall(r"measured by <code[^>]*><span[^>]*>\.venv/bin/python", built)) == len(plots), page.name


def test_the_page_without_scripts_lists_every_session(site):
    built = (site / "docs" / "results.html").read_text(encoding="utf-8")
    for each in csv.DictReader((site / "docs" / "sessions.csv").open(encoding="utf-8")):
        assert int(each["sessions"]) > 1 or f'href="{each["file"]}"' in built, each["file"]


def test_a_filter_in_the_address_leaves_its_rows(site, opened):
    page, console = opened(("server", "bjoern"), ("variant", "cython"))
    rows = [each for each in chosen(site, variant="cython") if each["server"].partition("+")[0] == "bjoern"]
    assert console == []
    assert sorted(stacks(page)) == sorted(each["stack"] for each in rows)
    assert re.search(rf">{len(rows)} figures in ", page)
    assert '<option value="bjoern" selected="">' in page


def test_the_filters_offer_every_value(site, opened):
    page, _ = opened()
    offered = {html.unescape(value) for value in re.findall(r'<option value="([^"]+)"', page)}
    found = list(csv.DictReader((site / "docs" / "results.csv").open(encoding="utf-8")))
    assert {each[name] for each in found for name in ("study", "variant", "machine")} <= offered
    assert {each["server"].partition("+")[0] for each in found} <= offered


def test_two_stacks_of_one_session_have_a_ratio_with_its_interval_and_a_history(site, opened):
    session = next(each for each in chosen(site) if each["study"] == "nodejs")
    same = chosen(site, study="nodejs", started=session["started"], workload=session["workload"])
    sessions = "all" if int(session["sessions"]) > 1 else session["started"][:16]
    name = [f"nodejs@{sessions}", session["workload"], session["load"]]
    picks = [("pick", "|".join([*name, same[at]["stack"]])) for at in (0, -1)]
    page, console = opened(*picks)
    compared = page.partition("Side by side")[2].partition('aria-live="polite"')[0]
    assert console == []
    assert re.search(r"[\d.,]+× \([\d.,]+–[\d.,]+\)", compared)
    assert "over sessions and commits" in compared
    assert 'download="side-by-side.csv"' in compared


QUESTION = re.compile(r"^\| ([^|]+\?) \| ([^|]+) \|", re.MULTILINE)


@pytest.fixture(scope="module")
def asked(site, chromium):
    """Types a question on the page of questions; returns the questions whose answers are shown, the best first."""
    chromium.get((site / "docs" / "questions.html").as_uri())

    def ask(question):
        field = chromium.find_element("id", "asked")
        field.clear()
        field.send_keys(question)
        return [each.text for each in chromium.find_elements("css selector", "#answers dt")]

    return ask


def test_a_row_is_the_best_answer_to_its_own_question(asked):
    questions = [each[1] for each in QUESTION.finditer((ROOT / "docs" / "questions.md").read_text(encoding="utf-8"))]
    assert len(questions) > 40
    assert [(question, asked(question)[:1]) for question in questions if asked(question)[:1] != [question]] == []


@pytest.mark.parametrize(
    ("typed", "question"),
    [
        ("ram of each setup", "How much memory does each setup take: interpreter, server, language?"),
        ("Should we move from Gunicorn to uWSGI?", "uWSGI or Gunicorn? Should I replace the sync worker?"),
        ("is nodejs faster", "NodeJS or Java? Is Python right?"),
        ("How many workers should I run?", "How many workers per core, or threads?"),
        ("does the JIT help", "Does the JIT of CPython help, and how does it warm up?"),
    ],
)
def test_other_words_find_the_answer_too(asked, typed, question):
    assert question in asked(typed)


def test_the_field_has_the_focus(asked, chromium):
    chromium.refresh()
    assert chromium.switch_to.active_element == chromium.find_element("id", "asked")


def test_words_that_no_row_has_are_said_to_be_unknown(asked, chromium):
    assert asked("xylophone") == []
    assert chromium.find_element("id", "answers").text == "No row has these words. All questions are below."

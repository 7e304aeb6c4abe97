"""The page and the terminal's table of a made-up session: complete, self-contained, and true to the figures."""

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench.measure.instruments.sizes import Size
from bench.report import charts, summary
from bench.report import page as report
from bench.report.answer import answer
from bench.report.cost import Price
from bench.report.dots import Dot, distinct, dots
from bench.report.estimates import Figure
from bench.report.figures import plots
from bench.report.finding import find
from bench.report.look import PALETTE
from bench.report.wording import microseconds
from tests.unit import sessions

STUDY = sessions.quick()
RUNS = sessions.runs(STUDY)
FINDING = find(sessions.session(STUDY, RUNS), RUNS)
PAGE = report.html(FINDING)
FASTER = "How much faster is it, alone and behind a server?"


class Reader(HTMLParser):
    """Collects text, references and ids, and checks that every tag is closed."""

    VOID = ("meta", "link", "br", "path", "rect", "line", "circle", "use")

    def __init__(self, page):
        super().__init__()
        self.open, self.text, self.references, self.ids, self.unlabelled = [], [], [], [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        self.references += [given[name] for name in ("src", "href") if given.get(name)]
        self.ids += [given["id"]] if "id" in given else []
        self.unlabelled += "plot" in given.get("class", "").split() and not given.get("aria-label")

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def reader():
    return Reader(PAGE)


def test_the_page_is_well_formed_and_every_plot_has_words(reader):
    assert reader.open == []
    assert reader.unlabelled == 0
    assert len(reader.ids) == len(set(reader.ids))


def test_the_page_needs_nothing_beside_it_but_the_kept_outputs_it_links(reader):
    elsewhere = [
        reference for reference in reader.references if not reference.startswith(("#", "data:", "open-", "macro-"))
    ]
    assert elsewhere == []
    assert "@import" not in PAGE
    assert "fetch(" not in PAGE


def test_the_page_answers_on_top_and_says_what_is_missing(reader):
    text = " ".join(" ".join(reader.text).split())
    assert STUDY.question in text
    assert all(part in text for told in answer(FINDING) for part in told.split(": ", 1))
    assert text.index(FASTER) < text.index("Bias of this machine") < text.index("How much memory does it hold?")
    assert "uWSGI's PyPy plugin did not start" in text
    assert "Remedy: apt-get install gcc" in text
    assert "generator-limited" in text
    assert "Example CPU @ 3.0 GHz" in text
    assert ".venv/bin/python -m bench run quick --force" in text


def test_an_absent_figure_is_a_dash_with_its_reason_and_never_zero():
    cells = re.findall(r"<td([^>]*)>([^<]*)", PAGE)
    assert (' class="n" title="PyPy compiles while it runs"', "—") in cells
    assert "0" not in [text for _, text in cells]


def test_every_colour_of_a_plot_has_a_dark_value():
    plots = "".join(re.findall(r"<svg.*?</svg>", PAGE, re.DOTALL))
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{3,6})"', plots))
    assert used <= {light for light, _ in PALETTE.values()}


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_the_page(dark):
    page = PALETTE["page"][dark]
    assert contrast(PALETTE["ink"][dark], page) >= 7
    for name in ("muted", "blue"):
        assert contrast(PALETTE[name][dark], page) >= 4.5
    for name in ("orange", "green", "purple", "yellow", "grey"):
        assert contrast(PALETTE[name][dark], page) >= 3


def contrast(one, two):
    """The contrast ratio of two colours by WCAG 2.2."""
    light, dark = sorted(map(luminance, (one, two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_hostile_text_stays_text():
    runs = [
        msgspec.structs.replace(run, reason="<script>alert(1)</script>") if run.verdict == "failed" else run
        for run in RUNS
    ]
    assert "<script>alert" not in report.html(find(sessions.session(STUDY, runs), runs))


def test_a_session_with_nothing_in_it_is_a_page_too(tmp_path):
    written = report.write(tmp_path, find(sessions.session(STUDY, [], finished=False), []))
    text = " ".join("".join(Reader(written.read_text(encoding="utf-8")).text).split())
    assert "interrupted, incomplete" in text
    assert "No figures: not measured yet" in text


def test_several_workloads_stand_one_below_the_other_under_each_question():
    study = msgspec.structs.replace(STUDY, workloads=("medium", "large"))
    runs = RUNS + [
        msgspec.structs.replace(run, case=msgspec.structs.replace(run.case, workload="large"))
        for run in RUNS
        if run.case.instrument in {"micro", "macro"}
    ]
    read = Reader(report.html(find(sessions.session(study, runs), runs)))
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    text = " ".join(" ".join(read.text).split())
    assert text.count(FASTER) == 2, "an entry in the list of contents, and a heading"
    assert text.index(FASTER) < text.rindex("Five thousand orders a document")
    assert all(work in text for work in ("Fifty orders", "Five thousand orders"))
    assert text.count("hand-written Cython is ") == 2
    assert text.count("Bias of this machine") == 1, "what holds for each workload is told once"
    assert "Five thousand orders a document" not in " ".join(Reader(PAGE).text)


def test_what_failed_for_all_workloads_is_told_once():
    study = msgspec.structs.replace(STUDY, workloads=("medium", "large"))
    runs = [
        msgspec.structs.replace(run, verdict="failed", reason="no bare image") if run.case.instrument == "size" else run
        for run in RUNS
    ]
    sized = [run for run in runs if run.case.instrument == "size"]
    assert report.html(find(sessions.session(study, runs), runs)).count("<dd>no bare image</dd>") == len(sized)


def test_money_has_a_column_where_a_price_was_given():
    assert "Money" not in PAGE
    priced = find(sessions.session(STUDY, RUNS), RUNS, Price(cpu_hour=0.04, gb_hour=0.005))
    assert "per million" in report.html(priced)


@pytest.mark.parametrize("width", [80, 140])
def test_the_terminal_shows_each_stack_the_answer_and_the_path(width):
    said = io.StringIO()
    console = Console(file=said, width=width)
    summary.show(console, FINDING, Path("results/quick/x/report.html"), json=False)
    shown = said.getvalue()
    assert max(map(len, shown.splitlines())) <= width
    assert all(variant in shown for variant in STUDY.variants)
    assert "…" not in shown
    assert "failed: nuitka/falcon/gunicorn-sync: no C compiler was found" in shown
    words = " ".join(shown.split())
    assert all(sentence in words for sentence in answer(FINDING))
    assert "results/quick/x/report.html" in words


CORES = msgspec.structs.replace(STUDY, servers=(), macro=None, open=None, startup=None, sizes=False)


def test_the_terminal_shows_cores_that_nothing_serves():
    shown = on_a_terminal(CORES, RUNS)
    assert re.search(r"^cython +\d+(\.\d+)? +\d+(\.\d+)?× \(", shown, re.MULTILINE)
    assert re.search(r"^cpython +[\d,]+ +1× *$", shown, re.MULTILINE)
    assert "failed: nuitka: no C compiler was found" in shown


def test_the_terminal_shows_cores_workload_by_workload():
    runs = [run for run in RUNS if run.case.instrument == "micro"]
    runs += [msgspec.structs.replace(run, case=msgspec.structs.replace(run.case, workload="large")) for run in runs]
    shown = on_a_terminal(msgspec.structs.replace(CORES, workloads=("medium", "large")), runs)
    assert shown.index("Fifty orders a document") < shown.index("Five thousand orders a document")
    assert len(re.findall(r"^cython +\d", shown, re.MULTILINE)) == 2


def on_a_terminal(study, runs):
    said = io.StringIO()
    found = find(sessions.session(study, runs), runs)
    summary.show(Console(file=said, width=80), found, Path("report.html"), json=False)
    return said.getvalue()


def test_the_command_below_the_plot_of_cores_compares_two_of_them():
    found = find(sessions.session(CORES, RUNS), RUNS)
    assert plots(found)["speedups"].again.endswith("compare quick/cpython quick/cython")
    slower = msgspec.structs.replace(found, cores=(found.baseline, core_of(found, "pypy")))
    assert plots(slower)["speedups"].again.endswith("compare quick/cpython quick/pypy")


def core_of(finding, variant):
    return next(core for core in finding.cores if core.variant == variant)


def test_a_study_that_no_file_declares_tells_its_own_words():
    own = msgspec.structs.replace(STUDY, name="try-mine", words="try mine:transform --documents papers")
    page = report.html(find(sessions.session(own, RUNS), RUNS))
    assert "python -m bench try mine:transform --documents papers --force" in page


def test_a_page_tells_how_many_equal_machines_shared_the_blocks():
    assert "equal machines" not in PAGE
    runs = [msgspec.structs.replace(run, machine=f"mark-{run.block % 3}") for run in sessions.runs(STUDY)]
    shared = report.html(find(sessions.session(STUDY, runs), runs))
    assert re.search(r"equal machines</\w+>\s*<\w+>3<", shared)


def test_machines_read_the_same_figures_as_json():
    said = io.StringIO()
    console = Console(file=said, width=80)
    summary.show(console, FINDING, Path("report.html"), json=True)
    told = msgspec.json.decode(said.getvalue())
    assert told["noise_floor"] == {"medium": FINDING.floor}
    assert told["stacks"][0]["cpu"]["value"] == FINDING.rows[0].cpu.value


def test_sizes_are_summed_by_kind():
    said = io.StringIO()
    console = Console(file=said, width=100)
    parts = {"interpreter": Size(30_000_000, 20_000_000, 10_000_000), "core": Size(500_000, 400_000, 100_000)}
    summary.show_sizes(console, {sessions.LIMITED: parts}, {}, json=False)
    assert re.search(r"all +30\.5 +20\.4 +10\.1", said.getvalue())


def test_a_count_on_another_path_names_both_and_the_time_on_it():
    words = " ".join(" ".join(Reader(PAGE).text).split())
    assert "avx2, not avx512" in words
    assert "counted on path avx2, timed on avx512, with avx2 forced: 39" in PAGE


def listed(page):
    """The names in the page's table of gates."""
    section = page[page.index('<section id="gates">') :]
    return re.findall(r'<th scope="row">([^<]+)</th><td>[^<]*</td><td>(?:row|capacity|latency)</td>', section)


def test_a_gate_is_shown_with_what_it_rejects_and_what_tripped_it():
    assert listed(PAGE) == ["right answers", "order", "generator", "plateau", "agreement"]
    section = PAGE[PAGE.index('<section id="gates">') :]
    for gate in FINDING.gates:
        assert gate.requirement.replace("'", "&#39;") in section
    assert "block 0: the generator&#39;s core was 93 % busy" in section
    assert "closed, block 1: 3 of 8 held-out documents answered wrong after the load" in section
    assert "A server without work answered 52,000 requests per second." in section
    assert "÷ under Gatling, on the same server: 0.97 to 0.97" in section


def test_a_study_that_loads_nothing_shows_no_gates():
    cores = msgspec.structs.replace(STUDY, servers=(), macro=None, open=None, startup=None, sizes=False)
    runs = [run for run in RUNS if run.case.instrument == "micro"]
    assert '<section id="gates">' not in report.html(find(sessions.session(cores, runs), runs))


def marks(chart):
    """The marks of a chart that have a label."""
    return [mark for data in chart.to_dict()["datasets"].values() for mark in data if "told" in mark]


def test_memory_is_one_panel_with_a_mark_for_each_stack_over_all_its_servers():
    runs = sessions.runs(STUDY, {"micro": 2, "startup": 1, "macro": 7})
    found = find(sessions.session(STUDY, runs), runs)
    (panel,) = plots(found)["memory"].panels
    assert panel.count == 0
    shown = {mark["row"]: mark for mark in marks(charts.memory(found, charts.WIDE))}
    assert shown.keys() == {str(course.stack) for course in found.closed}
    for name, mark in shown.items():
        levels = [course.memory for course in found.closed if str(course.stack) == name]
        assert len(levels) == 7
        assert mark["low"] == min(level["idle"] for level in levels) / 1e6
        assert mark["high"] == max(level["loaded"] for level in levels) / 1e6


def test_the_first_plot_has_an_interval_for_each_ratio_and_greys_what_is_undecided():
    shown = marks(charts.survival(FINDING, charts.WIDE))
    found = [core.speedup for core in FINDING.cores if not core.baseline and core.speedup.ratio]
    found += [row.speedup for row in FINDING.rows if not row.core.baseline and row.speedup.ratio]
    assert sorted((mark["low"], mark["high"]) for mark in shown) == sorted(
        (each.ratio.low or each.ratio.estimate, each.ratio.high or each.ratio.estimate) for each in found
    )
    assert {mark["colour"] == "grey" for mark in shown if mark["told"] in {"equal", "undecided"}} == {True}
    assert "grey" not in {mark["colour"] for mark in shown if mark["told"].endswith("×")}


def test_names_in_a_plot_lack_what_all_stacks_share():
    two = ["cython/falcon/bjoern", "pypy/falcon/bjoern", "node-expert"]
    assert distinct(two) == {two[0]: "cython", two[1]: "pypy", "node-expert": "node-expert"}
    several = ["cython/falcon/bjoern", "pypy/bare/uwsgi-processes"]
    assert distinct(several) == {name: name for name in several}
    assert distinct(["Cython, written by hand"]) == {"Cython, written by hand": "Cython, written by hand"}


def test_a_label_does_not_cross_the_line_at_one_and_equals_look_equal():
    slower, equal = (
        Dot(row=name, at=at, low=at * 0.99, high=at * 1.01, told=f"{at}×", hint=name)
        for name, at in (("slower", 0.8), ("equal", 1.0))
    )
    sides = {mark["row"]: mark["left"] for mark in marks(dots([slower, equal], 760, ""))}
    assert sides == {"slower": True, "equal": False}
    across = [layer["encoding"]["x"] for layer in dots([equal], 760, "").to_dict()["layer"]]
    ((low, high),) = (each["scale"]["domain"] for each in across if "scale" in each)
    assert low <= 0.9
    assert high >= 1.5


def test_text_between_backticks_is_code_and_everything_else_is_escaped():
    assert report.prose("run `a <b>` & wait") == "run <code>a &lt;b&gt;</code> &amp; wait"


def test_latencies_are_in_microseconds():
    assert microseconds(Figure(value=0.00123)) == "1,230"
    assert microseconds(Figure(value=0.001, below=True)) == "<\N{NO-BREAK SPACE}1,000"
    assert microseconds(Figure(instead="—")) == "—"

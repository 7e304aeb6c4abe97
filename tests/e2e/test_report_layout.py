"""The layout of the reports of kept sessions in Chromium: nothing overlaps, is cut, or scrolls the page sideways."""

from pathlib import Path

import pytest

from bench import keep
from bench.paths import KEPT, ROOT
from bench.report import page as report
from bench.report.finding import find
from tests.e2e.conftest import PHONE

DEFECTS = (Path(__file__).parent / "defects.js").read_text(encoding="utf-8")
DESK, PAPER = (1400, 900), (1032, 703)  # pixels: a window; A4 across without its margins
LOOKS = {
    "desk": (DESK, "light", "screen"),
    "phone": (PHONE, "light", "screen"),
    "dark": (DESK, "dark", "screen"),
    "paper": (PAPER, "light", "print"),
}
SESSIONS = ("variants", "servers", "nodejs", "loads", "frameworks", "ablations", "limits", "try-shop", "try-wagtail")
SEEDS = {
    "sideways": "document.querySelector('main').style.width = '3000px'",
    "cut": "document.querySelector('aside').style.cssText = 'overflow: hidden; width: 90px; columns: 9rem'",
    "first column": "document.querySelector('#stacks .scroll').style.width = '200px';"
    "document.querySelectorAll('#stacks th').forEach((each) => { each.style.position = 'static'; })",
    "off the page": "document.querySelector('h1').style.transform = 'translateX(-300px)'",
    "overlap": "document.querySelector('h1').style.marginBottom = '-2rem'",
    "label across a line": "const plot = document.querySelector('.lead .wide svg');"
    "const label = plot.querySelector('.mark-text.role-mark text');"
    "const rule = plot.querySelector('.mark-rule.role-mark line');"
    "const [x, y] = label.getAttribute('transform').match(/[\\d.]+/g).map(Number);"
    "const away = rule.getBoundingClientRect().left - label.getBoundingClientRect().left - 10;"
    "label.setAttribute('transform', `translate(${x + away}, ${y})`)",
    "prose on the right": "document.querySelector('#method dd').style.textAlign = 'right'",
    "backtick": "document.querySelector('aside p').textContent = 'say `this`'",
    "below the fold": "document.querySelector('header').style.marginTop = '800px'",
    "illegible": "document.querySelector('aside').style.color = getComputedStyle(document.body).backgroundColor",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The file: address of the report of a kept session, written once."""
    folder, written = tmp_path_factory.mktemp("reports"), {}

    def of(name):
        if name not in written:
            paths = (each / f"{name}{keep.SUFFIX}" for each in (KEPT, ROOT / "docs/data"))
            kept = keep.read(next(filter(Path.exists, paths)))
            (folder / name).mkdir()
            finding = find(kept.session, kept.runs, selftest=kept.selftest)
            written[name] = report.write(folder / name, finding).as_uri()
        return written[name]

    return of


@pytest.mark.slow
@pytest.mark.parametrize("how", LOOKS)
@pytest.mark.parametrize("name", SESSIONS)
def test_nothing_overlaps_is_cut_or_scrolls_the_page(look, address, name, how):
    size, scheme, medium = LOOKS[how]
    chromium = look(address(name), size, scheme, medium)
    if medium == "print":
        chromium.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert chromium.execute_script(DEFECTS, size[1] if medium == "screen" else 0) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", SEEDS)
def test_a_seeded_defect_is_found(look, address, kind):
    chromium = look(address("variants"), DESK)
    chromium.execute_script(SEEDS[kind])
    assert kind in {each.partition(":")[0] for each in chromium.execute_script(DEFECTS, DESK[1])}


@pytest.mark.slow
def test_every_section_is_listed_and_every_entry_leads_to_one(look, address):
    chromium = look(address("servers"), DESK)
    entries = chromium.execute_script(
        "return [...document.querySelectorAll('nav a')].map((each) => each.hash.slice(1))"
    )
    ids = chromium.execute_script("return [...document.querySelectorAll('main section')].map((each) => each.id)")
    assert sorted(entries) == sorted(ids)


@pytest.mark.slow
def test_the_filters_choose_rows_of_all_tables_and_stand_only_where_there_are_several(look, address):
    chromium = look(address("servers"), DESK)
    names = chromium.execute_script("return [...document.querySelectorAll('#filters select')].map((each) => each.name)")
    assert names == ["server", "framework"]
    choose = (
        "const chosen = document.querySelector('select[name=server]'); chosen.value = 'bjoern';"
        "chosen.dispatchEvent(new Event('input', { bubbles: true }));"
        "const left = [...document.querySelectorAll('tr[data-server]')].filter((row) => !row.hidden);"
        "return left.map((row) => row.dataset.server)"
    )
    left = chromium.execute_script(choose)
    assert set(left) == {"bjoern"}
    assert chromium.find_element("css selector", "#filters output").text.startswith(f"{len(left)} of ")


@pytest.mark.slow
def test_the_page_is_whole_without_its_script(chromium, look, address):
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        shown = look(address("servers"), DESK)
        assert not shown.find_element("id", "filters").is_displayed()
        assert shown.find_element("css selector", "#stacks tbody tr").is_displayed()
    finally:
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

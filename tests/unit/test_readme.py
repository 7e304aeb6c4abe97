"""README: its table comes from the findings, and it is short enough to be read in half a minute."""

import re
from pathlib import Path

import msgspec
import pytest

from bench.analysis.text import number
from bench.errors import LabError
from bench.paths import KEPT, ROOT
from bench.report import docs, money, naming, readme, taken
from bench.report.changes import SERVERS, USUAL_SERVERS, both, effects, slowest_answers, where_requests_wait
from bench.report.rows import Finding
from bench.report.selftest import noise
from tests.declared import CATALOG

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def found() -> dict[str, Finding]:
    return docs.findings(KEPT, CATALOG.words)


def test_the_table_is_that_of_the_kept_sessions(found: dict[str, Finding]) -> None:
    assert readme.text(found) in TEXT, "run `make findings`"


def test_each_row_is_of_the_page_that_it_links_to(found: dict[str, Finding]) -> None:
    for name in readme.CHANGES:
        rows = re.findall(rf"^\| \[([^\]]+)\]\(docs/findings/{name}\.md\) \|", TEXT, re.MULTILINE)
        each = next((each for each in found[name].each if each.workload == readme.WORK), None)
        assert rows == [change.name for change in effects(each)] if each and rows else not rows


def test_the_first_row_has_the_times_to_which_the_others_relate(found: dict[str, Finding]) -> None:
    own = found["variants"].each[0]
    first = re.search(r"^\| CPython 3\.11, 1× \| (\S+) µs \| (\S+) µs \| (\S+) µs \|", TEXT, re.MULTILINE)
    assert first
    alone, *served = (float(each) * 1e-6 for each in first.groups())
    assert alone == pytest.approx(own.baseline.time.value, rel=0.01)
    plain = {row.stack.label: row.cpu.value for row in own.rows if row.core.baseline}
    assert served == [pytest.approx(plain[label], rel=0.01) for label in SERVERS]


def test_changes_of_core_and_server_together_are_compared_with_neither(found: dict[str, Finding]) -> None:
    own = found["variants"].each[0]
    spent = [row for row in own.rows if row.cpu.value and row.stack.label in SERVERS]  # the cheapest first
    dearest = max(row.cpu.value for row in spent if row.core.baseline)
    gain = re.search(r"is (\S+)× as fast as CPython on", both(own))
    assert gain
    assert float(gain[1]) == pytest.approx(dearest / spent[0].cpu.value, rel=0.01)


def test_where_requests_wait_the_servers_differ_in_answers_per_second(found: dict[str, Finding]) -> None:
    own = next(each for each in found["servers"].each if each.workload == readme.WAIT)
    sync = next(each for each in own.ranking if each.stack.label == "gunicorn-sync")
    told = re.search(r"answers (\S+) a second, .* (\S+)$", where_requests_wait(own))
    assert told
    usual, best = (float(each.replace(",", "")) for each in told.groups())
    assert usual == pytest.approx(sync.figures.rate.value, rel=0.01)
    assert best == pytest.approx(own.ranking[0].figures.rate.value, rel=0.01)


def test_the_noise_is_that_of_the_machine_of_the_changes(found: dict[str, Finding]) -> None:
    tested = found["selftest"].selftest
    assert tested
    assert f"- {noise(tested)} (" in readme.text(found).replace("\n  ", " ")
    assert re.search(r"a difference of [\d.]+ % without a server and [\d.]+ % behind a server; equals", noise(tested))
    alone = found["variants"]
    unknown = [msgspec.structs.replace(each, selftest=None) for each in alone.each]
    first = msgspec.structs.replace(unknown[0], others=tuple(unknown[1:]))
    assert "Noise:" not in readme.text({"variants": first})


def elsewhere(finding: Finding) -> Finding:
    """The finding, as if another machine had measured it."""
    session = msgspec.structs.replace(finding.session, machine={**finding.session.machine, "cpu": "another"})
    return msgspec.structs.replace(finding, session=session, others=tuple(map(elsewhere, finding.others)))


def test_pages_of_another_machine_are_left_out(found: dict[str, Finding]) -> None:
    alone = {"variants": found["variants"]}
    assert readme.text({**alone, "servers": elsewhere(found["servers"])}) == readme.text(alone)


def test_whole_stacks_are_shown_with_the_machine_of_their_own_page(found: dict[str, Finding]) -> None:
    told = readme.text({**found, "stacks": elsewhere(found["stacks"])}).replace("\n", " ")
    assert re.search(r"Sessions: \d of \[stacks\]\(\S+\)\. another,", told)


def test_the_plain_source_stands_on_every_server_and_each_other_core_on_its_cheapest(found: dict[str, Finding]) -> None:
    own = found["stacks"]
    spent = [row.cpu.value for row in taken.rows_of(own)]
    assert spent == sorted(spent)
    plain = [row for row in own.rows if row.core.baseline and row.cpu.value]
    others = {row.stack.variant for row in own.rows if row.cpu.value and not row.core.baseline}
    assert len(plain) > 1
    assert len(taken.rows_of(own)) == len(plain) + len(others)
    shown = re.findall(r"^\| (.+?) \| [\d,]+ \| ", taken.stacks(own), re.MULTILINE)
    assert shown == [taken.name(own, row) for row in taken.rows_of(own)]


def test_percentiles_are_those_of_the_study_of_tails(found: dict[str, Finding]) -> None:
    own = found[readme.TAILS]
    listed, _, alike = slowest_answers(own).partition("; ")
    told = dict(re.findall(r"[\d.]+ and ([\d.]+) on (.+?)(?=, [\d.]+ and| and [\d.]+ and|$)", listed))
    known = {naming.server(own, each.stack): each for each in own.latencies if each.is_common}
    p99 = [known[server].percentiles["p99"].figure.value for server in told.values()]
    assert len(told) == len(USUAL_SERVERS)
    assert [float(each) / 1000 for each in told] == [pytest.approx(value, rel=0.01) for value in p99]
    assert p99 == sorted(p99)
    ranges = {server: known[server].percentiles["p99"].servers for server in told.values()}
    best, *others = ranges
    assert [each for each in others if each in alike] == [
        each for each in others if min(ranges[each]) <= max(ranges[best])
    ]


def test_the_p99_near_capacity_is_told_where_no_fresh_servers_overlap(found: dict[str, Finding]) -> None:
    own = found["stacks"]
    told = re.findall(r"([\d.]+) on (.+?) \(([\d.]+) to ([\d.]+)\)", taken.tails(own))
    (best, _, low, high), (worst, _, from_, to) = told
    assert float(low) <= float(best) <= float(high) < float(from_) <= float(worst) <= float(to)
    cores = [row.stack.variant for row in taken.rows_of(own)]
    busy = [each for each in own.latencies if each.level == "own 60" and each.stack.variant == cores[0]]
    servers = {naming.server(own, each.stack): each.percentiles["p99"] for each in busy}
    for p99, server, *ends in told:
        slow = servers[server]
        assert float(p99) / 1000 == pytest.approx(slow.figure.value, rel=0.01)
        assert [float(each) / 1000 for each in ends] == pytest.approx([min(slow.servers), max(slow.servers)], rel=0.01)
    near = [each for each in own.latencies if each.level != "own 60"]
    assert taken.tails(msgspec.structs.replace(own, latencies=tuple(near))) == ""


def test_the_p99_of_a_stack_is_that_at_the_common_rate(found: dict[str, Finding]) -> None:
    own = found["stacks"]
    heading, _, *lines = [line.strip("| ").split(" | ") for line in taken.stacks(own).splitlines()]
    told = {line[0]: line[heading.index("p99, ms")] for line in lines}
    known = {each.stack: each for each in own.latencies if each.is_common}
    for row in taken.rows_of(own):
        p99 = known[row.stack].percentiles["p99"].figure.value
        assert float(told[taken.name(own, row)]) / 1000 == pytest.approx(p99, rel=0.01)
    (rate,) = {each.rate for each in known.values()}
    (legend,) = [each for each in taken.legend(own) if each.startswith("**p99:**")]
    assert f"at one rate for all: {number(rate)}/s, the median of the sessions." in legend
    assert "p99, ms" not in taken.stacks(msgspec.structs.replace(own, latencies=()))


def test_money_follows_from_the_cpu(found: dict[str, Finding]) -> None:
    """$0.04 an hour of a core; at 1,000 requests per second a month has 2.628 billion."""
    own = found["stacks"]
    rows = {taken.name(own, row): row for row in taken.rows_of(own)}
    months = {name: money.monthly(row).value or 0.0 for name, row in rows.items()}
    for name, row in rows.items():
        assert row.cpu.value is not None
        assert months[name] == pytest.approx(row.cpu.value * 1000 * 730 * 0.04)
        assert (money.billion(row).value or 0.0) * 2.628 == pytest.approx(months[name])
    plain = months[next(name for name, row in rows.items() if row.core.baseline)]
    above = re.findall(r"([\d,]+) for (.+?)(?:, |\. )", taken.pays(own).partition("per second: ")[2])
    assert above
    for traffic, name in above:
        assert (plain - months[name]) * float(traffic.replace(",", "")) == pytest.approx(1e6, rel=0.01)


def test_only_what_stands_between_the_markers_changes(tmp_path: Path, found: dict[str, Finding]) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n")
    readme.write(found, path)
    assert path.read_text() == f"before\n{readme.BEGIN}\n\n{readme.text(found)}\n{readme.END}\nafter\n"
    path.write_text("no marker\n")
    with pytest.raises(LabError, match=r"^README\.md: a marker of the tables is missing: restore <!-- answers"):
        readme.write(found, path)


def test_without_sessions_it_says_how_to_measure() -> None:
    assert readme.text({}) == "Not measured yet: `make measure`.\n"


def test_two_commands_and_a_picture_come_before_every_figure() -> None:
    head = TEXT.partition(readme.BEGIN)[0]
    assert len(head.split()) < 200
    assert head.count("```sh") == 1
    assert "](docs/report.png)" in head

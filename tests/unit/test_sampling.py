"""The rules of the log: which requests get a line, and what a change of the file does while the service runs."""

import json
import os
import time
from pathlib import Path

import pytest

from app import contract, layers, log, sampling
from app.lines import Lines
from app.log import Log
from app.sampling import Rules, Sampler, rules_of
from tests.cores import document, order
from tests.unit.interfaces import INTERFACES, ask
from tests.unit.test_events import SERVICES

MS = 1_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules.json"


def test_without_rules_every_request_gets_a_line(file: Path) -> None:
    for sampler in (Sampler(""), Sampler(str(file))):
        assert [sampler.rules.level(status, 10**12) for status in (200, 404, 499, 500)] == ["info"] * 3 + ["error"]


def test_errors_and_slow_requests_always_get_a_line() -> None:
    rules = rules_of(b'{"sampled": 0, "slow_ms": 250}')
    assert [rules.level(200, ns) for ns in (250 * MS - 1, 250 * MS)] == [None, "warn"]
    assert [rules.level(status, 0) for status in (404, 500, 503)] == [None, "error", "error"]
    assert rules.level(500, 250 * MS) == "error"


def test_a_share_of_the_others_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([0.0, 0.2499, 0.25, 0.9999])
    monkeypatch.setattr(sampling, "random", lambda: next(drawn))
    rules = rules_of(b'{"sampled": 0.25}')
    assert [rules.level(200, 10**12) for _ in range(4)] == ["info", "info", None, None]


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "1", '{"sample": 1}', '{"sampled": 2}', '{"sampled": -0.1}', '{"sampled": true}', '{"sampled": "1"}',
        '{"sampled": null}', '{"sampled": NaN}', '{"slow_ms": -1}', '{"slow_ms": "250"}', "\xff",
    ],
)  # fmt: skip
def test_wrong_rules_are_an_error_at_the_start(text: str, file: Path) -> None:
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"^STATEMENTS_LOG_RULES: "):
        log.configured({"STATEMENTS_LAYERS": "log", "STATEMENTS_LOG_RULES": str(file)})


def test_a_change_of_the_file_is_followed(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    sampler = Sampler(str(file))
    seen = []
    for text in ('{"sampled": 0.5}', '{"sampled": 0.75}', "{", None, '{"slow_ms": 1}'):
        if text is None:
            file.unlink()
        else:
            file.with_suffix(".new").write_text(text)
            file.with_suffix(".new").replace(file)
        for _ in range(2):
            sampler.refresh()
        seen.append(sampler.rules)
    assert seen == [Rules(0.5), Rules(0.75), Rules(0.75), Rules(), Rules(slow_ns=MS)]
    (told,) = caplog.messages
    assert told.startswith("STATEMENTS_LOG_RULES: "), "wrong rules are told once, and change nothing"


def test_an_unchanged_file_is_not_read_again(file: Path) -> None:
    file.write_text('{"sampled": 0.5}')
    sampler = Sampler(str(file))
    before = file.stat()
    file.write_text('{"sampled": 0.7}')  # in place, of the same length
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    sampler.refresh()
    assert sampler.rules == Rules(0.5)


def test_the_clock_turns_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    log_of_all = Log(Lines(written.append), Sampler(""))
    turned: list[None] = []
    monkeypatch.setattr(log_of_all.clock, "turned", lambda: turned.append(None))
    for ns in (0, 999_999_999, 1_000_000_000, 1_000_001_000, 86_400_000_000_000, 86_399_999_999_999):
        monkeypatch.setattr(log, "time_ns", lambda ns=ns: ns + 10**18)
        log_of_all.ended(("GET", "/hello", "http"), 200, 0, 14, 1)
    assert [json.loads(line)["@timestamp"] for line in written] == [
        "2001-09-09T01:46:40.000000Z", "2001-09-09T01:46:40.999999Z", "2001-09-09T01:46:41.000000Z",
        "2001-09-09T01:46:41.000001Z", "2001-09-10T01:46:40.000000Z", "2001-09-10T01:46:39.999999Z",
    ]  # fmt: skip
    assert len(turned) == 4, "also if the time was set back"


def test_no_other_thread_goes_on_with_old_rules_while_one_reads_the_new(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('{"sampled": 0}')
    written: list[bytes] = []
    logged = Log(Lines(written.append), Sampler(str(file)))
    logged.ended(("GET", "/hello", ""), 200, 0, 0, 0)
    file.write_text('{"sampled": 1.0}')
    now = time.time_ns()
    monkeypatch.setattr(log, "time_ns", lambda: now + 10**9)
    another = iter([("GET", "/hello", "")])

    def read_while_another_answers(text: bytes) -> Rules:
        for asked in another:
            logged.ended(asked, 200, 0, 0, 0)
        return rules_of(text)

    monkeypatch.setattr(sampling, "rules_of", read_while_another_answers)
    logged.ended(("GET", "/hello", ""), 200, 0, 0, 0)
    assert len(written) == 2


def test_sampled_lines_tell_their_share(file: Path) -> None:
    file.write_text('{"sampled": 0.9999999999999999, "slow_ms": 1}')
    written: list[bytes] = []
    logged = Log(Lines(written.append), Sampler(str(file)))
    for status, ns in ((200, 0), (200, MS), (500, 0)):
        logged.ended(("GET", "/hello", ""), status, 0, 0, ns)
    lines = [json.loads(line) for line in written]
    assert [line["log.level"] for line in lines] == ["info", "warn", "error"]
    assert [line.get("statements.sampled") for line in lines] == [0.9999999999999999, None, None]


def test_rules_change_even_while_no_request_gets_a_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('{"sampled": 0}')
    written: list[bytes] = []
    logged = Log(Lines(written.append), Sampler(str(file)))
    logged.ended(("GET", "/hello", ""), 200, 0, 0, 0)
    assert not written
    file.unlink()
    now = time.time_ns()
    monkeypatch.setattr(log, "time_ns", lambda: now + 10**9)
    logged.ended(("GET", "/hello", ""), 200, 0, 0, 0)
    assert len(written) == 1


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_line_tells_how_long_the_core_took(interface: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    monkeypatch.setattr(log, "configured", lambda: Log(Lines(written.append), Sampler("")))

    def wait(_seconds: float) -> None: ...

    core = layers.around_core(contract.load_core("app.core"), ["log"])
    application = layers.around(SERVICES[interface].make(core, {}, wait), interface, ["log"])
    for body in (document(order()), b"{}"):
        ask(interface, application, "POST", "/statements", body, Content_Type="application/json")
    ask(interface, application, "GET", "/hello")
    made, refused, hello = (json.loads(line) for line in written)
    for line in (made, refused):
        assert 0 < line["statements.core.duration"] < line["event.duration"]
    assert "statements.core.duration" not in hello


def test_the_rules_are_read_from_the_file_of_the_environment(file: Path) -> None:
    file.write_text('{"sampled": 0.5, "slow_ms": 20}')
    configured = log.configured({"STATEMENTS_LAYERS": "log", "STATEMENTS_LOG_RULES": str(file)})
    assert configured.sampler.rules == Rules(0.5, 20 * MS)

"""Hypothesis strategies for documents: valid ones in every spelling, broken ones with the breach known, and malformed.

A batch is drawn as a Python value; `spell` writes it with the freedom that JSON leaves, from a seed of its own, since
Hypothesis would take too long to draw every comma. The table of what each member may be is written down here a second
time, as values that it may not be, so that the core's own table is tested and not trusted.
"""

import copy
import json
import string
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st

settings.register_profile("lab", deadline=None)  # no test asserts a time
settings.load_profile("lab")

MAX_INTEGER = 2**53 - 1
STATUSES = ("open", "paid", "shipped", "refunded", "cancelled")
SPACES = " \t\n\r\f\v"

# --- valid batches ----------------------------------------------------------------------------------------------------

awkward = st.sampled_from('aZ09 "\\/\b\f\n\r\t\0\x1f\x7f\x85\xa0ßé€\u2028\ud7ff\ue000\ufeff\uffff😀\U0010ffff')
characters = awkward | st.characters(codec="utf-8")
ids = st.integers(1, 6) | st.sampled_from((MAX_INTEGER - 1, MAX_INTEGER)) | st.integers(1, MAX_INTEGER)
skus = st.text("Aa0._-", min_size=1, max_size=3) | st.sampled_from(string.ascii_letters + string.digits).map(
    lambda character: 40 * character
)
tags = st.text(characters, min_size=1, max_size=3) | characters.map(lambda character: 30 * character)
names = st.text(characters | st.sampled_from(SPACES), min_size=1, max_size=8).filter(
    lambda name: name.strip(SPACES) != ""
) | st.just(" \v" + "😀é \t" * 66 + "xy")  # 200 characters when it is normalised


@st.composite
def moments(draw: st.DrawFn) -> str:
    """A `placed` within the years 1 to 9999, near leap days more often than not."""
    year = draw(st.sampled_from((1, 4, 1900, 2000, 2023, 2024, 2026, 9999)) | st.integers(1, 9999))
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    month = draw(st.integers(1, 12))
    last = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    day = draw(st.sampled_from((1, last)) | st.integers(1, last))
    hour, minute, second = (draw(st.sampled_from((0, end)) | st.integers(0, end)) for end in (23, 59, 59))
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"


lines_of_any_amount: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "sku": skus,
        "quantity": st.integers(1, 3) | st.just(1_000_000),
        "price": st.sampled_from((0, 1, 1_000_000_000)) | st.integers(0, 100_000),
    },
    optional={"tags": st.lists(tags, max_size=2) | tags.map(lambda tag: 20 * [tag])},
)
lines = lines_of_any_amount.filter(  # far from the limit, see `with_amounts`
    lambda line: line["quantity"] * line["price"] < 10**13
)
orders = st.fixed_dictionaries(
    {
        "id": ids,
        "placed": moments(),
        "status": st.sampled_from(STATUSES),
        "customer": st.fixed_dictionaries({"id": ids, "name": names}),
        "lines": st.lists(lines, min_size=1, max_size=3),
    },
    optional={
        "channel": st.none() | st.sampled_from(("web", "shop")) | tags,
        "note": st.none() | st.text(characters, max_size=20) | st.just(2000 * "é"),
    },
)
batches = st.fixed_dictionaries(
    {
        "batch": st.text(characters, min_size=1, max_size=3) | characters.map(lambda character: 64 * character),
        "currency": st.sampled_from(("EUR", "AZZ")),
        "orders": st.lists(orders, max_size=4),
    }
)


def at_every_limit() -> dict[str, Any]:
    """A batch in which everything is as long, as many or as large as it may be, but for the 100,000 orders."""
    tagged = {"sku": "-" * 40, "quantity": 1_000_000, "price": 1, "tags": ["😀" * 30] * 20}
    dear = {"sku": "A", "quantity": 1, "price": 1_000_000_000, "tags": []}
    order = {
        "id": MAX_INTEGER,
        "placed": "9999-12-31T23:59:59Z",
        "status": "open",
        "customer": {"id": MAX_INTEGER, "name": "\t" + "é  " * 99 + "éé\n"},
        "lines": [tagged, dear] * 500,
        "channel": "é" * 30,
        "note": "😀" * 2000,
    }
    return {"batch": "\0" * 64, "currency": "ZZZ", "orders": [order]}


def with_amounts(total: int) -> dict[str, Any]:
    """A batch whose gross plus open is exactly `total`, which is near the limit of 2^53 − 1."""
    millions, rest = divmod(total - 9 * 10**15, 10**6)
    lines = [{"sku": "A", "quantity": 10**6, "price": 10**9} for _ in range(9)]
    lines.append({"sku": "B", "quantity": 10**6, "price": millions})
    order = {"placed": "2026-02-28T23:59:59Z", "customer": {"id": 1, "name": "Ann"}}
    paid = {"id": 1, "status": "paid", "lines": lines, **order}
    opened = {"id": 2, "status": "open", "lines": [{"sku": "B", "quantity": 1, "price": rest}], **order}
    return {"batch": "b", "currency": "EUR", "orders": [paid, opened]}


# --- spelling ---------------------------------------------------------------------------------------------------------

DROPPED = ("null", "-0.5E+3", "[[],{}]", '{"a":1,"a":"\\ud83d\\ude00"}', '"\\\\ud800"', "9" * 4300)
_SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def plain(value: object) -> bytes:
    """The compact, raw spelling."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def spell(value: Any, seed: int) -> bytes:
    """One of the many spellings of a value: white space, order of members, repeated members, escapes, minus zero."""
    dice = Random(seed)
    spread = dice.choice((0.0, 0.3))  # the share of places that are spelled in an unusual way
    return (_gap(dice, spread) + _spell(value, dice, spread) + _gap(dice, spread)).encode()


def _gap(dice: Random, spread: float) -> str:
    return "".join(dice.choices(" \t\n\r", k=dice.randint(1, 3))) if dice.random() < spread else ""


def _spell(value: Any, dice: Random, spread: float) -> str:
    if isinstance(value, str):
        return '"' + "".join(_character(character, dice, spread) for character in value) + '"'
    if isinstance(value, list):
        return "[" + _joined([_spell(item, dice, spread) for item in value], dice, spread) + "]"
    if isinstance(value, dict):
        members = list(value.items())
        dice.shuffle(members)
        spelled = [_member(name, _spell(item, dice, spread), dice, spread) for name, item in members]
        for name in value:
            if dice.random() < spread / 3:  # an earlier member of the same name counts for nothing
                at = next(index for index, (known, _) in enumerate(members) if known == name)
                spelled[at] = _member(name, dice.choice(DROPPED), dice, spread) + "," + spelled[at]
        return "{" + _joined(spelled, dice, spread) + "}"
    if value == 0 and type(value) is int and dice.random() < spread:
        return "-0"
    return json.dumps(value)


def _joined(parts: Sequence[str], dice: Random, spread: float) -> str:
    return ",".join(_gap(dice, spread) + part + _gap(dice, spread) for part in parts) or _gap(dice, spread)


def _member(name: str, value: str, dice: Random, spread: float) -> str:
    return f"{_spell(name, dice, spread)}{_gap(dice, spread)}:{_gap(dice, spread)}{value}"


def _character(character: str, dice: Random, spread: float) -> str:
    if dice.random() < spread or character < " " or character in '"\\':
        if character in _SHORT and dice.random() < 0.5:
            return _SHORT[character]
        units = character.encode("utf-16-be").hex()
        escaped = "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
        return escaped if dice.random() < 0.5 else escaped.upper().replace("\\U", "\\u")
    return character


seeds = st.integers(0, 2**32 - 1)
valid_documents = st.builds(spell, batches, seeds)

# --- broken batches ---------------------------------------------------------------------------------------------------

MISSING = object()
UNKNOWN = ("", "x", "Id", "a/b", "m~n", "~1", "~", "/", "prices", "é", "\0", '"', "😀")
_NO_STRING: tuple[Any, ...] = (0, 1, True, 1.5, [], ["a"], {}, {"a": 1})
_NO_NUMBER: tuple[Any, ...] = ("1", "", True, False, 1.0, 1.5, 1e300, [], [1], {})
_NO_ARRAY: tuple[Any, ...] = (0, True, "", "ab", {}, {"0": 1})
_NO_OBJECT: tuple[Any, ...] = (0, True, "", "id", [], [1])
_WRONG: dict[str, tuple[Any, ...]] = {
    "batch": (*_NO_STRING, None, "", "x" * 65),
    "currency": (*_NO_STRING, None, "", "EU", "EURO", "eur", "ÉUR", "EU\n", "EUR\n"),
    "id": (*_NO_NUMBER, None, 0, -1, 2**53, 2**64, 10**4299, -(10**4299)),
    "placed": (
        *(*_NO_STRING, None, "", "2026-02-28", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "0000-01-01T00:00:00Z"),
        *("2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z"),
        *("2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01 00:00:00Z"),
        *("2026-01-01T00:00:00", "2026-01-01T00:00:00z", "2026-01-01T00:00:00Z\n", "2026-W01-1T00:00:00Z"),
        *("2026-01-01T00:00:00.0Z", "2026-01-01T00:00:00+00:00", "٢٠٢٦-01-01T00:00:00Z", "20260101T000000Z"),
    ),
    "status": (*_NO_STRING, None, "", "Open", "paid ", "lost"),
    "customer": (*_NO_OBJECT, None),
    "name": (*_NO_STRING, None, "", SPACES, "x" * 201, "x " * 100 + "y"),
    "lines": (*_NO_ARRAY, None, []),
    "channel": (*_NO_STRING, "", "x" * 31),
    "note": (*_NO_STRING, "x" * 2001, "😀" * 2001),
    "sku": (*_NO_STRING, None, "", "A" * 41, "A B", "É", "A/B", "A\n", "A\0"),
    "quantity": (*_NO_NUMBER, None, 0, -1, 1_000_001),
    "price": (*_NO_NUMBER, None, -1, 1_000_000_001),
    "tags": (*_NO_ARRAY, None, ["x"] * 21),
    "tag": (*_NO_STRING, None, "", "x" * 31),
    "order": (*_NO_OBJECT, None),
    "line": (*_NO_OBJECT, None),
    "orders": (*_NO_ARRAY, None),
}
_OPTIONAL = ("channel", "note", "tags")


class Place(NamedTuple):
    """Where a batch can be broken: `holder[key]` may be none of `wrong`; the breach is then at `pointer`."""

    pointer: str
    holder: Any
    key: Any
    wrong: tuple[Any, ...]

    def broken_by(self, value: object) -> None:
        """Put the wrong value in, or take the member out."""
        if value is MISSING:
            del self.holder[self.key]
        else:
            self.holder[self.key] = value


def places(batch: dict[str, Any], unknown: str) -> Iterator[Place]:
    """All places of a valid batch, in the order in which the spec looks at them; `unknown` is no member of anything."""
    yield _member_of(batch, "batch", "")
    yield _member_of(batch, "currency", "")
    yield _member_of(batch, "orders", "")
    for index, order in enumerate(batch["orders"]):
        at = f"/orders/{index}"
        yield Place(at, batch["orders"], index, _WRONG["order"])
        yield _member_of(order, "id", at)
        yield _member_of(order, "placed", at)
        yield _member_of(order, "status", at)
        yield _member_of(order, "customer", at)
        yield _member_of(order["customer"], "id", f"{at}/customer")
        yield _member_of(order["customer"], "name", f"{at}/customer")
        yield _unknown_of(order["customer"], unknown, f"{at}/customer")
        yield _member_of(order, "lines", at)
        for number, line in enumerate(order["lines"]):
            yield Place(f"{at}/lines/{number}", order["lines"], number, _WRONG["line"])
            yield from _places_of_line(line, unknown, f"{at}/lines/{number}")
        yield _member_of(order, "channel", at)
        yield _member_of(order, "note", at)
        yield _unknown_of(order, unknown, at)
    yield _unknown_of(batch, unknown, "")


def _places_of_line(line: dict[str, Any], unknown: str, at: str) -> Iterator[Place]:
    yield _member_of(line, "sku", at)
    yield _member_of(line, "quantity", at)
    yield _member_of(line, "price", at)
    yield _member_of(line, "tags", at)
    for index in range(len(line.get("tags", ()))):
        yield Place(f"{at}/tags/{index}", line["tags"], index, _WRONG["tag"])
    yield _unknown_of(line, unknown, at)


def _member_of(holder: dict[str, Any], name: str, at: str) -> Place:
    missing = () if name in _OPTIONAL else (MISSING,)
    return Place(f"{at}/{name}", holder, name, (*_WRONG[name], *missing))


def _unknown_of(holder: dict[str, Any], name: str, at: str) -> Place:
    return Place(f"{at}/{name.replace('~', '~0').replace('/', '~1')}", holder, name, (None, 1, {"id": 0}))


class Broken(NamedTuple):
    """A batch with a breach, as a Python value, and the pointer of the first."""

    batch: Any
    pointer: str


@st.composite
def broken_batches(draw: st.DrawFn, breaches: int = 1) -> Broken:
    """A valid batch broken at one place or more."""
    batch = copy.deepcopy(draw(batches))
    known = list(places(batch, draw(st.sampled_from(UNKNOWN))))
    indexes = st.integers(0, len(known) - 1)
    chosen = sorted(draw(st.lists(indexes, min_size=breaches, max_size=breaches, unique=True)))
    for index in reversed(chosen):  # from the last on: a breach further up may take away what holds one further down
        known[index].broken_by(draw(st.sampled_from(known[index].wrong)))
    return Broken(batch, known[chosen[0]].pointer)


not_batches = st.sampled_from((None, True, 0, 1.5, "", "batch", [], [{}])).map(lambda value: Broken(value, ""))

# --- malformed documents ----------------------------------------------------------------------------------------------

_HOLE = "here stands what is no JSON"
FRAGMENTS: tuple[bytes, ...] = (
    *(b"NaN", b"Infinity", b"-Infinity", b"nan", b"tru", b"True", b"nulll", b"undefined", b"'a'", b"a"),
    *(b"01", b"-01", b"+1", b".5", b"1.", b"1.e5", b"1e", b"1e+", b"-", b"0x1", b"1_0", b"1 1", "١".encode()),
    *(b"1" * 4301, b"-" + b"9" * 4301),
    *(b"[1,]", b"[,1]", b"[1", b"]", b'{"a":1,}', b'{"a"}', b'{"a":}', b"{1:1}", b"{a:1}", b"[1}", b"/**/1", b"1//"),
    *(rb'"\ud800"', rb'"\udfff"', rb'"\uDBFF\uDBFF\uDC00"', rb'"\ud83d\\\ude00"', rb'"\ude00\ud83d"', rb'{"\ud800":1}'),
    *(b'"\n"', b'"\0"', b'"\x1f"', b'"\\', b'"', rb'"\x41"', rb'"\u123"', rb'"\u12g4"', rb'"\u+123"', rb'"\u 123"'),
    *(rb'"\u1_23"', '"\\u٠123"'.encode()),
    *(b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b"\xff", b"\xa0", b"\x0c1"),
)
TOO_DEEP = (b"[" * 200 + b"]" * 200, b'{"a":' * 199 + b"[]" + b"}" * 199)
WRAPPINGS: tuple[Callable[[bytes], bytes], ...] = (
    lambda document: b"\xef\xbb\xbf" + document,
    lambda document: document + b"\0",
    lambda document: document + b"{}",
    lambda document: document + b",",
    lambda document: document.decode().encode("utf-16"),
    lambda document: document.decode().encode("utf-16-le"),
    lambda document: document.decode().encode("utf-32-be"),
    lambda document: b"\x0b" + document,
    lambda document: b"[" + document,
)


@st.composite
def malformed_documents(draw: st.DrawFn) -> bytes:
    """A batch, valid or broken, in which something is no JSON: in a value, in a dropped one, or around it all."""
    batch = copy.deepcopy(draw(batches))
    if draw(st.booleans()):
        return draw(st.sampled_from(WRAPPINGS))(plain(batch))
    draw(st.sampled_from(list(places(batch, "x")))).broken_by(_HOLE)
    document, lack = plain(batch), plain(_HOLE)
    if draw(st.booleans()):
        return document.replace(lack, draw(st.sampled_from(FRAGMENTS + TOO_DEEP)))
    fragment = draw(st.sampled_from(FRAGMENTS))  # how deep a dropped value may nest is the parser's affair
    name = draw(st.sampled_from((b"x", b"batch", b"orders")))
    return b'{"' + name + b'":' + fragment + b',"' + name + b'":1,' + document[1:]


@st.composite
def mangled_documents(draw: st.DrawFn) -> bytes:
    """Bytes of a valid document with a few changed, cut or doubled: whatever that makes of it."""
    document = bytearray(draw(valid_documents))
    dice = Random(draw(seeds))
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(document) + 1)
        alphabet = b'{}[]",:\\ \n0123456789eE+-.truefalsnuldD_\x00\x80\xc3\xff'
        inserted = bytes(dice.choices(alphabet, k=dice.randint(0, 2)))
        document[at : at + dice.randint(0, 2)] = inserted
    return bytes(document)


broken_documents = st.builds(
    lambda broken, seed: spell(broken.batch, seed), broken_batches() | broken_batches(3) | not_batches, seeds
)
documents = st.one_of(valid_documents, broken_documents, malformed_documents(), mangled_documents())

"""Work for a subject: documents, workloads (what is requested) and loads (how requests arrive)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from bench.model.base import COLD_JVM_SECONDS, Count, Declared, RankedBy, Recorded, Seconds, Share

Shape = Literal[
    "shuffled", "separated", "indented", "repeated-member", "tags-200", "long-skus", "many-customers", "distinct-names",
    "colliding-customers", "ordinary-customers", "colliding-skus", "ordinary-skus",
]  # fmt: skip


class DocumentsSpec(Declared, frozen=True, kw_only=True):
    """A set of documents: generated from a `seed`, in the usual shape or another `shape`, or `given` in a `folder`.

    `count` documents are sent in turn, `check` before and after a load, `unseen` once each during it. `sha256` pins the
    documents, and the answers of given ones. `seconds` is roughly a core's time for a given document, whose number of
    orders is unknown.
    """

    generator: Literal["orders", "cdnow", "given"]
    seed: int = 0
    count: Count
    orders: Count = 1
    escaped: bool = False
    shape: Shape | None = None
    folder: str | None = None
    seconds: float | None = None
    check: Annotated[int, Meta(ge=0)] = 8
    unseen: Annotated[int, Meta(ge=0)] = 0
    sha256: str

    def __post_init__(self) -> None:
        """Raises ValueError unless given documents, and no others, have a folder; the decoder adds the file."""
        if (self.generator == "given") != (self.folder is not None):
            raise ValueError("folder: only the generator 'given' has one, and it requires one")


class Same(Recorded, frozen=True, kw_only=True):
    """The rule for equal answers: bodies are compared `by` bytes or as JSON values, and the named `headers` as text.

    By `nothing`, every answer is right. `ignore` holds JSON Pointers (RFC 6901) to members that are not compared; `*`
    stands for any member or index. `unordered` holds pointers to arrays whose order does not matter. `mask` holds
    regular expressions; their matches in a body other than JSON are not compared.
    """

    by: Literal["bytes", "json", "nothing"]
    ignore: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


class Exchange(Recorded, frozen=True, kw_only=True):
    """One request with its right answer. `weight` is its share in a mix of requests, `name` that of its file.

    Without the rule `same`, the body must equal `expect` byte for byte. Names in `expect_headers` are in lower case.
    """

    method: str
    path: str
    headers: dict[str, str] = {}
    body: bytes | None
    status: int = 200
    expect: bytes
    weight: Count = 1
    name: str = ""
    same: Same | None = None
    expect_headers: dict[str, str] = {}


class Workload(Declared, frozen=True):
    """An endpoint, the documents sent to it in turn, the expected answers, and the `backend` it waits for, if any.

    `headers` are sent with each request. The `exchanges` of an application replace method, path and documents. Stacks
    are ranked by server CPU per request or, where requests mostly wait, by the `rate` of their answers.
    """

    name: str
    title: str
    method: Literal["GET", "POST"]
    path: str
    headers: dict[str, str] = {}
    expect: str | None = None
    ranked_by: RankedBy = "cpu"
    documents: DocumentsSpec | None = None
    backend: str | None = None
    exchanges: tuple[Exchange, ...] = ()


class Segment(Declared, frozen=True):
    """A stretch of an open load; `start` and `end` are shares of the load's rate."""

    seconds: Seconds
    start: Share
    end: Share


class Load(Declared, frozen=True):
    """How requests arrive: closed (`users` in a loop) or open (`segments` of a rate), by Gatling or the lab's pacer.

    `capacity_seconds`: after Gatling's closed load the pacer drives the same server so long to find its capacity,
    because Gatling itself soon becomes the limit. `brief` names a shorter load with the same number of users, which
    replaces a closed load in the rounds of a race. With `burst`, the requests of an open load arrive at even intervals,
    that many at once, instead of at random.
    """

    name: str
    title: str
    model: Literal["closed", "open"]
    generator: Literal["gatling", "pacer"] = "gatling"
    lead_in_seconds: Seconds = 5.0
    users: Count | None = None
    seconds: Seconds | None = None
    capacity_seconds: Count | None = None
    brief: str | None = None
    segments: tuple[Segment, ...] = ()
    burst: Count | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a load that no generator can drive; the decoder adds the file."""
        if self.generator == "gatling" and self.lead_in_seconds < COLD_JVM_SECONDS:
            raise ValueError(f"lead_in_seconds must be at least {COLD_JVM_SECONDS}: Gatling's JVM is cold before")
        if self.model == "open" and (self.users or self.capacity_seconds or self.brief or not self.segments):
            raise ValueError("an open load has segments, and no users, capacity_seconds or brief")
        if self.burst and (self.model, self.generator) != ("open", "pacer"):
            raise ValueError("burst: only an open load of the pacer has one")

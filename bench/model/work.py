"""What is asked of a subject, and how it comes: documents, workloads, loads."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from bench.model.base import COLD_JVM_SECONDS, Count, Declared, RankedBy, Recorded, Seconds, Share

Shape = Literal[
    "shuffled", "separated", "indented", "repeated-member", "tags-200", "long-skus", "many-customers", "distinct-names",
    "colliding-customers", "ordinary-customers", "colliding-skus", "ordinary-skus",
]  # fmt: skip


class DocumentsSpec(Declared, frozen=True, kw_only=True):
    """A set of documents: made from a `seed`, in the usual shape or in another, or `given` in a `folder`.

    `count` of them are sent in turn, `check` before and after a load, `unseen` once each during it. `sha256` pins the
    inputs, and of given ones their answers, too.
    `seconds` is about how long a core takes for a given one; nobody knows its orders.
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
        """Raises ValueError, which the decoder tells with the file, where a folder is named for nothing or missing."""
        if (self.generator == "given") != (self.folder is not None):
            raise ValueError("folder: documents that are `given` lie in one, and no others do")


class Same(Recorded, frozen=True, kw_only=True):
    """When two answers are the same: their bodies are `by` bytes or as JSON values, and so are the named `headers`.

    By `nothing`, any answer will do.

    `ignore` holds JSON Pointers (RFC 6901) to members that do not count; `*` stands for any member or index.
    `unordered` names arrays likewise whose elements may come in any order.
    `mask` holds regular expressions: what they match in a body that is no JSON does not count.
    """

    by: Literal["bytes", "json", "nothing"]
    ignore: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


class Exchange(Recorded, frozen=True, kw_only=True):
    """One request with its right answer; `weight` is its share in a mix of requests, `name` what its file calls it.

    Without a rule for what is the `same`, the body has to be `expect`, byte for byte. `expect_headers` go by their
    names in lower case.
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
    """Endpoint + a set of documents taken in turn + expected answers; and the `backend` that is waited for, if any.

    `headers` go with each request. The `exchanges` of an application stand in for method, path and documents.
    Stacks are ranked by server CPU per request, or first by the `rate` of their answers where a request mostly waits.
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
    """A stretch of an open load, in shares of the rate it is driven at."""

    seconds: Seconds
    start: Share
    end: Share


class Load(Declared, frozen=True):
    """How requests come: closed (so many users in a loop) or open (segments of a rate), by Gatling or the lab's pacer.

    `capacity_seconds` is how long the pacer drives the same server after Gatling's closed load: that is where its
    capacity comes from, as Gatling's own is soon the limit. `brief` names the shorter load of as many users that stands
    in for a closed one in the rounds of a race.
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

    def __post_init__(self) -> None:
        """Raises ValueError, which the decoder tells with the file, for what no generator can do."""
        if self.generator == "gatling" and self.lead_in_seconds < COLD_JVM_SECONDS:
            raise ValueError(f"lead_in_seconds: Gatling's JVM is cold for {COLD_JVM_SECONDS} s")
        if self.model == "open" and (self.users or self.capacity_seconds or self.brief or not self.segments):
            raise ValueError("an open load is made of segments: it has no users, finds no capacity, has no brief one")

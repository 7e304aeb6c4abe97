"""The nouns of the lab, one frozen type each. Imports nothing of `bench`.

What a user may vary is declared in a TOML file and decoded into one of the first group (`Interpreter` … `Study`);
what a study yields is the second group (`Case` … `Session`). Unknown is absent (`None` or no key), never 0 or −1.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Implementation = Literal["cpython", "pypy"]
Interface = Literal["wsgi", "asgi"]
RankedBy = Literal["cpu", "rate"]
Argv = tuple[str, ...]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0)]

COLD_JVM_SECONDS = 5.0  # what a JVM measures of itself before that is its own compiling


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a TOML file declares; a misspelt key is an error that names it."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the lab writes to disk and reads again."""


# ---------------------------------------------------------------- what TOML declares


class FromPath(Declared, frozen=True, tag="path", tag_field="kind"):
    """An executable already here: names looked up on PATH (all of PATH, in order) or given as absolute paths.

    `built` is what its distribution tells of the build (`pgo`, `lto`), where the executable keeps no record of it.
    """

    names: tuple[str, ...]
    built: dict[str, bool] = {}


class FromUv(Declared, frozen=True, tag="uv", tag_field="kind"):
    """What `uv python find REQUEST` knows, and with `install` what `uv python install REQUEST` brings."""

    request: str
    install: bool = False


class FromPyenv(Declared, frozen=True, tag="pyenv", tag_field="kind"):
    """A version that pyenv has installed, the newest that begins with `prefix`."""

    prefix: str


class FromDebian(Declared, frozen=True, tag="debian", tag_field="kind"):
    """Debian packages and the libraries they need, unpacked into a prefix of their own; `built` as in `FromPath`."""

    suites: tuple[str, ...]
    packages: tuple[str, ...]
    executable: str
    built: dict[str, bool] = {}


class FromNpm(Declared, frozen=True, tag="npm", tag_field="kind"):
    """A program that an npm package holds: `folder` has package.json and a lock with the hash of all it brings."""

    folder: str
    executable: str


Provider = FromPath | FromUv | FromPyenv | FromDebian


class Warmup(Declared, frozen=True):
    """What a fresh process does before it is steady; all of it is kept.

    `passes` over the documents by a core alone; `seconds` of a server under load before what counts, the load's own
    lead-in among them.
    """

    passes: Annotated[int, Meta(ge=0)] = 1
    seconds: Annotated[int, Meta(ge=0)] = 0


class Interpreter(Declared, frozen=True):
    """An executable that runs Python, how to come by it, and the environment it is started with.

    `witness` lists facts that whatever it runs has to report of itself: whether the `jit` and the `gil` are on.
    """

    name: str
    title: str
    implementation: Implementation
    version: str
    providers: tuple[Provider, ...]
    env: dict[str, str] = {}
    witness: dict[str, bool] = {}
    warmup: Warmup = Warmup()


class Codec(Declared, frozen=True):
    """Dotted names of the two functions that the reference core reads and writes JSON with."""

    loads: str
    dumps: str


class PathChoice(Declared, frozen=True):
    """How the `path` that a core's witness tells is forced: by an environment variable.

    `counted` is what is asked for where instructions are counted; without it the core chooses there, too.
    """

    variable: str
    counted: str | None = None


class Variant(Declared, frozen=True, kw_only=True):
    """core × codec × compiler × interpreter: what is built, how, and the proof of what runs.

    `source` maps files and folders of the checkout to their place in the stage; `app` is always there. `steps` run in
    the stage and `after_install` in the prefix, with `{python}` and `{prefix}` replaced. `witness` lists facts that
    the measured process has to report of itself. `needs` names the parts of `bench/system.toml` that a build takes.
    """

    name: str
    title: str
    interpreter: str
    core: str = "app.core"
    compiler: str | None = None
    codec: Codec | None = None
    source: dict[str, str] = {}
    requirements: tuple[str, ...] = ()
    build_requirements: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    steps: tuple[Argv, ...] = ()
    remove: tuple[str, ...] = ()
    after_install: tuple[Argv, ...] = ()
    env: dict[str, str] = {}
    path: PathChoice | None = None
    witness: dict[str, Any]
    warmup: Warmup | None = None


class Yardstick(Variant, frozen=True, kw_only=True):
    """What variants are held against in micro: it does a part of their work, so it has no answer that could be right.

    Nothing verifies, serves or contracts it.
    """


class Framework(Declared, frozen=True):
    """A thin adapter over the core: one module of `app`, and what it must have installed."""

    name: str
    module: str
    interface: Interface
    requirements: tuple[str, ...]


class Impossible(Declared, frozen=True):
    """Why a pair cannot be, and the words that whoever tries it all the same gets to see."""

    reason: str
    symptom: str


class Backend(Declared, frozen=True, kw_only=True):
    """What a service waits for in earnest: a PostgreSQL, or what speaks as it does, that the lab starts for one run.

    `prepare` and then `argv` run in a fresh folder, with `{folder}` replaced by its path, as `user` where the lab is
    root; their programs are looked for on PATH and in `paths` (glob patterns). `dsn` is what the service is told of it,
    in libpq's words, and `requirements` what its driver needs installed, by implementation. `wait` names the function
    of `/wait` for a worker class that takes one request at a time; a server's `waits` names another. `needs` names
    parts of `bench/system.toml`.
    """

    name: str
    title: str
    prepare: Argv
    argv: Argv
    dsn: str
    wait: str
    requirements: dict[Implementation, tuple[str, ...]]
    paths: tuple[str, ...] = ()
    user: str | None = None
    needs: tuple[str, ...] = ()


class Server(Declared, frozen=True, kw_only=True):
    """A server with one worker class: its argv, what it needs, and where it cannot run.

    `label` is what stacks call it; two files may share one where two implementations need two ways to start it.
    `build_requirements` are packages that have to be in the prefix before the others are built.
    `files` names what the server needs beside the packages of the prefix, for its size, as glob patterns. `note` is
    what a reader of its figures has to know. `wait` names the function of `/wait`: how this worker class waits without
    keeping more than the request waiting; `waits` that for a back end of that name, where one connection does not do.
    `impossible` names an implementation, a version of one (`cpython-3.14`), a variant or a framework.
    `departures` says by a case of the HTTP contract, such as `unknown_paths[/%]`, what this server does there instead;
    that it does so is tested.
    """

    name: str
    title: str
    label: str
    server: str
    worker_class: str
    implementations: tuple[Implementation, ...]
    argv: Argv
    interface: Interface = "wsgi"
    wait: str = "time.sleep"
    waits: dict[str, str] = {}
    requirements: tuple[str, ...] = ()
    build_requirements: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    env: dict[str, str] = {}
    keep_alive: bool
    note: str | None = None
    concurrency: Count = 1
    impossible: dict[str, Impossible] = {}
    departures: dict[str, str] = {}


class Peer(Declared, frozen=True, kw_only=True):
    """A subject in another language: it serves the same HTTP contract, and is its own framework and server.

    `kind` says what its core is: as most would write it, tuned by an expert with the same library, or written by hand
    over the bytes; `server` what it is served by. Peers of one `build` share a prefix: `source` maps what lies in the
    checkout to its place there, and `steps` run in it. `runtime` names the program that runs them, which `provider`
    brings. In argv and env, `{runtime}` is that program and `{home}` the folder that it was brought into; `{prefix}`,
    and to serve `{host}`, `{port}`, `{backlog}`. `files` names all that a bare image needs, by part of `sizes`, as glob
    patterns below `{home}` or `{prefix}`. `witness`, `note` and `departures` are as a variant's and a server's.
    """

    name: str
    title: str
    language: str
    kind: Literal["ordinary", "expert", "hand-written"]
    server: str
    build: str
    runtime: str
    provider: FromNpm | FromDebian
    source: dict[str, str]
    needs: tuple[str, ...] = ()
    steps: tuple[Argv, ...] = ()
    argv: Argv
    env: dict[str, str] = {}
    files: dict[str, tuple[str, ...]]
    witness: dict[str, Any]
    keep_alive: bool
    concurrency: Count = 1
    note: str | None = None
    warmup: Warmup = Warmup()
    departures: dict[str, str] = {}

    @property
    def label(self) -> str:
        """What stacks call it."""
        return self.name


Shape = Literal[
    "shuffled", "separated", "indented", "repeated-member", "tags-200", "long-skus", "many-customers", "distinct-names",
    "colliding-customers", "ordinary-customers", "colliding-skus", "ordinary-skus",
]  # fmt: skip


class DocumentsSpec(Declared, frozen=True, kw_only=True):
    """A set of documents: made from a `seed`, in the usual shape or in another, or `given` in a `folder`.

    `count` of them are sent, `check` held out. `sha256` pins the inputs, and of given ones their answers, too.
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
    sha256: str

    def __post_init__(self) -> None:
        """Raises ValueError, which the decoder tells with the file, where a folder is named for nothing or missing."""
        if (self.generator == "given") != (self.folder is not None):
            raise ValueError("folder: documents that are `given` lie in one, and no others do")


class Workload(Declared, frozen=True):
    """Endpoint + a set of documents taken in turn + expected answers; and the `backend` that is waited for, if any.

    Stacks are ranked by server CPU per request, or first by the `rate` of their answers where a request mostly waits.
    """

    name: str
    title: str
    method: Literal["GET", "POST"]
    path: str
    expect: str | None = None
    ranked_by: RankedBy = "cpu"
    documents: DocumentsSpec | None = None
    backend: str | None = None


class Exchange(Recorded, frozen=True):
    """One request of a workload and the body of its only right answer (status 200)."""

    method: str
    path: str
    body: bytes | None
    expect: bytes


class Segment(Declared, frozen=True):
    """A stretch of an open load, in shares of the rate it is driven at."""

    seconds: Seconds
    start: Share
    end: Share


class Load(Declared, frozen=True):
    """How requests come: closed (so many users in a loop) or open (segments of a rate), driven by Gatling or wrk.

    `capacity_seconds` is how long wrk drives the same server after Gatling's closed load: that is where its capacity
    comes from, as Gatling's own is soon the limit. `brief` names the shorter load of as many users that stands in for a
    closed one in the rounds of a race.
    """

    name: str
    title: str
    model: Literal["closed", "open"]
    generator: Literal["gatling", "wrk"] = "gatling"
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
        if self.model == "open" and (self.generator == "wrk" or self.capacity_seconds or self.brief):
            raise ValueError("an open load is driven by Gatling, finds no capacity, and has no brief one")


class MicroPlan(Declared, frozen=True):
    """`processes` fresh processes a variant, each `values` values of `passes` whole passes over the documents.

    A value takes more passes where those hold fewer than so many `orders`: a tenth of a millisecond tells little.
    """

    processes: Count
    values: Count
    passes: Count = 1
    orders: Count = 1


class InstructionsPlan(Declared, frozen=True):
    """`runs` processes a variant under callgrind, each `passes` counted passes over the first `documents`."""

    runs: Count
    documents: Count
    passes: Count = 2


class MacroPlan(Declared, frozen=True):
    """`runs` fresh servers a stack under each load; a workload that `loads_of` names takes those loads instead."""

    loads: tuple[str, ...]
    runs: Count
    loads_of: dict[str, tuple[str, ...]] = {}

    def loads_for(self, workload: str) -> tuple[str, ...]:
        """The loads that drive `workload`, by name."""
        return self.loads_of.get(workload, self.loads)


class OpenPlan(Declared, frozen=True):
    """Open loads for the baseline and the winner of the closed one, at `share` of the baseline's capacity.

    Those named in `own` drive the winner at that share of its own capacity, too.
    """

    loads: tuple[str, ...]
    runs: Count
    share: Share
    own: tuple[str, ...] = ()


class StartupPlan(Declared, frozen=True):
    """`spawns` fresh servers a variant, spawn to first right answer."""

    spawns: Count
    server: str


class Against(Declared, frozen=True):
    """What a target's case is held against, always on one core; what is not told is as in the target."""

    variant: str | None = None
    stack: str | None = None
    workload: str | None = None


class Target(Declared, frozen=True, kw_only=True):
    """How good something has to be: a figure of a `variant` or a `stack` on each of `workloads`, `at_most` so much.

    The `metric` of a variant is `time`, per byte of input and in units of that of what it is held `against`; or
    `fallbacks`, the share of the documents that the reference core had to judge; `ready`, seconds from the start of a
    process to its first answer; `build`, seconds of building. With `threads`, as many at once as there are cores.
    A stack's, in units of that of the stack that it is held `against`, is `cpu`, server CPU per request under the
    study's first closed load; `memory`, held under it; or `ready`, spawn to first right answer, whatever the workload.
    Without `at_most` the figure is shown, and nothing is demanded of it.
    """

    title: str
    variant: str | None = None
    stack: str | None = None
    workloads: tuple[str, ...]
    metric: Literal["time", "fallbacks", "ready", "build", "cpu", "memory"] = "time"
    against: Against | None = None
    threads: bool = False
    at_most: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError, which the decoder tells with the file, for what cannot be held."""
        if (self.variant is None) == (self.stack is None):
            raise ValueError(f"target {self.title!r}: it is of a `variant` or of a `stack`")
        if self.stack and (self.metric not in {"cpu", "memory", "ready"} or not (self.against and self.against.stack)):
            raise ValueError(f"target {self.title!r}: a stack's cpu, memory or ready is held `against` another stack's")
        if self.variant and (self.metric in {"cpu", "memory"} or (self.metric == "time") != bool(self.against)):
            raise ValueError(
                f"target {self.title!r}: a variant's time is held `against` something, none of its other metrics is"
            )

    @property
    def subject(self) -> str:
        """The variant or the stack, as written."""
        return self.variant or self.stack or ""


class SuitePlan(Declared, frozen=True):
    """`processes` fresh processes a framework, each with the whole HTTP contract against it, without a server."""

    processes: Count


class SelftestPlan(Declared, frozen=True):
    """`comparisons` of the baseline with itself by each instrument, each of as many processes and runs as those say.

    Then, in micro alone, `known` comparisons with the baseline made slower by each of `slower` percent.
    """

    comparisons: Count
    known: Count
    slower: tuple[Count, ...]


class Study(Declared, frozen=True, kw_only=True):
    """A question, a selection of cases, and what is compared.

    With `interpreters`, each variant runs on each of them, whatever its own file names. `words` measure it where it is
    no file's: what stands after `python -m bench`.
    """

    name: str
    title: str
    question: str
    baseline: str
    variants: tuple[str, ...]
    peers: tuple[str, ...] = ()
    interpreters: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ("falcon",)
    servers: tuple[str, ...] = ()
    workloads: Annotated[tuple[str, ...], Meta(min_length=1)]
    first_look: bool = False
    twin: bool = False
    instructions: InstructionsPlan | None = None
    micro: MicroPlan | None = None
    macro: MacroPlan | None = None
    open: OpenPlan | None = None
    startup: StartupPlan | None = None
    suite: SuitePlan | None = None
    selftest: SelftestPlan | None = None
    targets: tuple[Target, ...] = ()
    sizes: bool = False
    words: str | None = None

    @property
    def loads(self) -> tuple[str, ...]:
        """The loads by name, the closed ones first."""
        closed = [name for workload in self.workloads for name in self.macro.loads_for(workload)] if self.macro else []
        return tuple(dict.fromkeys(closed)) + (self.open.loads if self.open else ())


# ---------------------------------------------------------------- what a study yields


class Hole(Recorded, frozen=True):
    """What is not measured here: `what`, why, and the command that fills it.

    `declared` where the catalogue says that it can be had nowhere; `failed` where it should have worked.
    """

    what: str
    reason: str
    fill: str | None = None
    declared: bool = False
    failed: bool = False


class Provisioned(Recorded, frozen=True):
    """An interpreter that is here. `build` holds what its builder chose, as far as that is known.

    `pgo` and `lto`: optimised by a profile, and when it is linked; `shared`: its code lies in a library; `jit`, `gil`:
    on, as it is started here.
    """

    name: str
    executable: str
    implementation: Implementation
    version: str
    provider: str
    build: dict[str, bool]
    fingerprint: str


class Artifact(Recorded, frozen=True):
    """A built variant: the wheel under `.lab/artifacts`, installed into the prefix of the same name.

    Frameworks and the `servers` that were asked for, by label, stand beside it; `lacks` holds those of them that could
    not be installed, each with its hole, and `waits_for` the parts of the system that some of them need.
    """

    variant: str
    fingerprint: str
    wheel: str
    wheel_sha256: str
    wheel_bytes: int
    build_seconds: float
    interpreter: Provisioned
    built: str
    lacks: dict[str, Hole] = {}
    waits_for: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()


class BuiltPeer(Recorded, frozen=True):
    """What peers of a `build` run from. `version` is what their runtime says of itself."""

    build: str
    fingerprint: str
    version: str
    build_seconds: float
    built: str


Instrument = Literal["micro", "macro", "startup", "size", "instructions", "null", "suite"]
Verdict = Literal["pass", "hole", "failed", "dropped"]


class Stack(Recorded, frozen=True):
    """variant × framework × server (with its worker class), written `variant/framework/server`.

    A peer is all three: its name stands for the variant, and alone.
    """

    variant: str
    framework: str = ""
    server: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.variant, self.framework, self.server)))

    @property
    def is_peer(self) -> bool:
        """Whether it is a peer."""
        return not self.server


class Case(Recorded, frozen=True):
    """One point of the matrix.

    `inputs` holds a hash of each thing that could change the figure (source, interpreter, server, documents, load,
    harness), so `identity` changes when one of them does. `twin` marks the second half of an A/A pair; `path` is what
    the core is forced to, where it would choose another one by itself; `framework` is one that nothing serves.
    """

    instrument: Instrument
    variant: str
    stack: Stack | None = None
    workload: str | None = None
    load: str | None = None
    rate: float | None = None
    twin: bool = False
    path: str | None = None
    framework: str | None = None
    settings: dict[str, int] = {}
    inputs: dict[str, str] = {}

    @property
    def identity(self) -> str:
        """16 hex digits, equal for equal cases only."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]

    @property
    def is_plain(self) -> bool:
        """Whether it measures its subject as it is: no half of a pair, no forced path, one thread, not slowed."""
        return not (self.twin or self.path or "threads" in self.settings or "slower" in self.settings)

    @property
    def label(self) -> str:
        """The case in words, for progress lines and messages."""
        what = str(self.stack) if self.stack else self.variant
        parts = [self.instrument, what, self.framework, self.workload, self.load, "A/A twin" if self.twin else None]
        parts.append(f"on path {self.path}" if self.path else None)
        return " ".join(part for part in parts if part)


def stack_of(case: Case) -> Stack:
    """The stack of a case whose instrument measures one."""
    if case.stack is None:
        raise ValueError(f"{case.label}: it has no stack")
    return case.stack


class Measurement(Recorded, frozen=True):
    """A metric's raw values, in `unit`, in the order in which they were taken."""

    metric: str
    unit: str
    values: tuple[float, ...]


class Observed(Recorded, frozen=True):
    """What an instrument saw of one case.

    `facts` is the witness and what else describes what ran; `series` holds time series as rows beginning with
    seconds since the measured part began. What spoils a part of it is seen when it is read (`bench.gates`).
    """

    measurements: tuple[Measurement, ...] = ()
    facts: dict[str, Any] = {}
    series: dict[str, tuple[tuple[float | None, ...], ...]] = {}

    def values(self, metric: str) -> tuple[float, ...]:
        """The values of `metric`, none if it was not measured."""
        return next((m.values for m in self.measurements if m.metric == metric), ())


class Run(Observed, frozen=True, kw_only=True):
    """One execution of a case in fresh processes, saved at once, with what was observed of it.

    Where the verdict is not `pass`, nothing was, and `reason` says why. `machine` tells which of several equal ones it
    ran on. `raw` names the kept outputs of the tools, relative to the session's folder.
    """

    case: Case
    block: int
    started: str
    seconds: float
    verdict: Verdict
    reason: str | None = None
    machine: str | None = None
    raw: tuple[str, ...] = ()


class Ready(Recorded, frozen=True, kw_only=True):
    """What a machine has for a study: itself described, what is built, and the holes.

    `missing` holds what a phase of that name lacks altogether, `unserved` what the workloads with a back end lack of
    it, by variant. `generator` is the fingerprint of the machines that
    generate load for it, where it does not do so itself.
    """

    machine: dict[str, Any]
    artifacts: dict[str, Artifact | BuiltPeer]
    holes: tuple[Hole, ...] = ()
    missing: dict[str, Hole] = {}
    unserved: dict[str, dict[str, Hole]] = {}
    generator: str | None = None


class Account(Recorded, frozen=True, kw_only=True):
    """What one start of `run` spent: wall time, CPU of the lab's own process, and time beside measuring, in seconds.

    `noise` says what disturbed the machine, in words, once a block.
    """

    wall_seconds: float
    lab_seconds: float
    starts_seconds: float = 0.0
    checks_seconds: float = 0.0
    cool_downs_seconds: float = 0.0
    noise: tuple[str, ...] = ()


class Dropped(Recorded, frozen=True, kw_only=True):
    """A stack that a race measures no further on a workload, and why; it was raced under the brief `load`.

    It took `times` as much server CPU per request as `best`, or `by` rate time between answers, with the 95 % interval
    `low` … `high`, over so many fresh `servers` each; absent where a run of it failed. `worse` says that this is beyond
    chance; else the budget had no room for it.
    """

    stack: Stack
    workload: str
    load: str
    reason: str
    best: Stack | None = None
    by: RankedBy = "cpu"
    times: float | None = None
    low: float | None = None
    high: float | None = None
    servers: int | None = None
    worse: bool = False


class Round(Recorded, frozen=True, kw_only=True):
    """A round of a race: how many candidates ran in so many blocks, the seconds that took, and whom it dropped."""

    candidates: int
    blocks: int
    seconds: float
    dropped: tuple[Dropped, ...] = ()


class Race(Recorded, frozen=True, kw_only=True):
    """How a study was cut to a budget: the rounds so far, and whom the budget `left_out` after them.

    A candidate is a stack on a workload; `finalists` counts those that are measured as the study says, absent until
    that is settled, by so many `runs` each where the budget has no room for the study's. Who may be as `near` to the
    best as that is never dropped as worse: 0.05 is 5 %.
    """

    budget_seconds: float
    near: float
    rounds: tuple[Round, ...] = ()
    left_out: tuple[Dropped, ...] = ()
    finalists: int | None = None
    runs: int | None = None

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """All that are out, those of the first round first."""
        return tuple(each for round_ in self.rounds for each in round_.dropped) + self.left_out


class Session(Recorded, frozen=True):
    """One start of `run`: its seed, machine, cases and holes. Blocks are numbered within a phase of the study.

    All its blocks are measured on this machine or on others that equal it, each block on one of them. With a `race`,
    not every case was measured to the end.
    """

    study: str
    started: str
    seed: int
    machine: dict[str, Any]
    cases: tuple[Case, ...]
    holes: tuple[Hole, ...] = ()
    finished: str | None = None
    accounts: tuple[Account, ...] = ()
    race: Race | None = None

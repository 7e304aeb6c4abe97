"""The command line: `python -m bench VERB`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.table import Table

from bench import catalog, pipeline, readiness, store, verify
from bench.build import artifacts as building
from bench.catalog import declarations, pairing
from bench.durations import duration, written
from bench.errors import LabError
from bench.host.pinning import cores
from bench.inventory import inventory, lines, standings
from bench.measure.instruments import sizes
from bench.model import Artifact, Hole, Session, Stack, Study
from bench.paths import ROOT
from bench.plan import estimate
from bench.plan import matrix as planning
from bench.progress import Progress
from bench.race import racing
from bench.serve import life_cycle as serving

app = App(
    name="python -m bench",
    help="""Which interpreter, compiler and server make a JSON service in Python fast, small and cheap?

A stack is written variant/framework/server, such as cython/falcon/gunicorn-sync, a peer in another language by its
name, such as node-expert; `list` shows the names.
Exit status: 0 all passed or declared holes, 1 a case failed or was wrong, 2 usage or set-up, 3 refused by --strict.
""",
    version_flags=[],
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
out = Console(width=None if sys.stdout.isatty() else 160)
Price = Annotated[str | None, Parameter(help="What a CPU-hour and a GB-hour cost, such as 0.04,0.005: adds money.")]
Budget = Annotated[str | None, Parameter(help="Cut the study to so much measuring, such as 30m, by racing its stacks.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON for machines instead.")]


@app.command(name="list")
def list_() -> int:
    """Show what there is to choose from: variants, peers, servers, tunings, frameworks, workloads, loads, studies."""
    nouns: dict[str, Mapping[str, object]] = {
        "variant": catalog.variants(),
        "yardstick": catalog.yardsticks(),
        "peer": catalog.peers(),
        "interpreter": catalog.interpreters(),
        "framework": catalog.frameworks(),
        "server": {server.label: server for server in catalog.servers().values()},
        "tuning": catalog.tunings(),
        "backend": catalog.backends(),
        "workload": catalog.workloads(),
        "load": catalog.loads(),
        "study": catalog.studies(),
    }
    table = Table("", "name", "", box=None, pad_edge=False)
    for noun, known in nouns.items():
        for name, declared in known.items():
            table.add_row(noun, name, getattr(declared, "title", ""))
    out.print(table)
    return 0


@app.command
def doctor(*, json: Json = False) -> int:
    """Show what the lab needs, what of it is here, and how to get the rest; exit 1 if anything is missing."""
    found = dict(inventory())
    if json:
        out.print_json(msgspec.json.encode(found).decode())
    else:
        for name, state in found.items():
            here = isinstance(state, str)
            text = state if isinstance(state, str) else f"{state.reason}; to get it: {state.fill or 'no way is known'}"
            told = f"{'here   ' if here else 'missing'} {name}: {text}"
            out.print(told, style=None if here else "red", markup=False, highlight=False, soft_wrap=True)
    return int(any(isinstance(state, Hole) for state in found.values()))


@app.command
def interpreters(*, json: Json = False) -> int:
    """Show every interpreter: what is here and how it was built, what it lacks, and how to get the rest."""
    found = standings()
    if json:
        out.print_json(msgspec.json.encode(found).decode())
        return 0
    for each in found:
        for line in lines(each):
            out.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


@app.command
def plan(study: str, *, variant: str | None = None, budget: Budget = None, json: Json = False) -> int:
    """Show what a study would measure: its cases, its holes with their reasons, and the time it needs.

    Parameters
    ----------
    study: A name from bench/studies.
    variant: Only this variant, against the study's baseline.
    """
    chosen = _study(study, variant)
    phases, holes = planning.phases(chosen), planning.declared_holes(chosen)
    whole = estimate.study_seconds(chosen)
    limit = duration(budget, "--budget") if budget else None
    track = racing.track(chosen, phases, limit) if limit else None
    if json:
        raced = {"budget_seconds": limit, "whole_seconds": whole, "first_round": track.first} if track else None
        out.print_json(msgspec.json.encode({"phases": phases, "holes": holes, "race": raced}).decode())
        return 0
    table = Table("phase", "cases", "blocks", "about", box=None, pad_edge=False)
    for phase in [track.first if track and phase.name == racing.FINAL else phase for phase in phases]:
        table.add_row(phase.name, str(len(phase.cases)), str(phase.blocks), f"{estimate.seconds(phase) / 60:.1f} min")
    later = estimate.contest_seconds(chosen)
    if later:
        table.add_row("open loads", "each server's best", "", f"{later / 60:.1f} min")
    out.print(chosen.question, table, sep="\n")
    for hole in holes:
        out.print(f"hole: {hole.what}: {hole.reason}", markup=False, highlight=False, soft_wrap=True)
    told = f"about {whole / 60:.0f} minutes"
    if limit and track:
        rest = (track.seconds - estimate.seconds(track.first)) / 60
        count = track.final.blocks
        runs = f"{count} fresh server{'s' * (count > 1)} each under {' and '.join(chosen.loads)}"
        out.print(
            f"after that round {rest:.1f} min are left: more rounds for those in play, then {runs}", highlight=False
        )
        told = f"about {written(limit)} by racing, instead of {told}"
    out.print(f"{told} after set-up and builds")
    return 0


@app.command
def build(*variants: str, force: bool = False) -> int:
    """Build variants and peers into prefixes of their own; without a name, all. What is unchanged stays as it is.

    Parameters
    ----------
    force: Build also what is unchanged, and try again what could not be had.
    """
    made, holes = readiness.build_all(_known(variants) or _all(), Progress(), force=force)
    for name, each in made.items():
        what = f"{each.wheel}, {each.wheel_bytes:,} bytes" if isinstance(each, Artifact) else f"runs on {each.version}"
        out.print(f"{name}: {what}, {each.build_seconds:.1f} s", highlight=False)
    return _tell_holes(holes)


@app.command
def check(
    *,
    variant: str | None = None,
    stack: str | None = None,
    cases: Annotated[Path, Parameter(help="A folder laid out like spec/golden.")] = verify.GOLDEN,
) -> int:
    """Ask a variant in its own interpreter, or a stack over HTTP, every case of a folder; exit 1 on a wrong answer."""
    if (variant is None) == (stack is None):
        raise LabError("check needs one of --variant V and --stack V/FRAMEWORK/SERVER (or a peer)")
    if not cases.is_dir():
        raise LabError(f"--cases {cases}: there is no such folder")
    if variant is not None:
        catalog.variant(variant)
        checked = verify.check_variant(variant, cases.resolve())
    else:
        checked = verify.check_stack(_built_stack(stack or ""), cases.resolve())
    for mismatch in checked.mismatches:
        out.print(mismatch, markup=False, highlight=False, soft_wrap=True)
    out.print(f"{checked.cases - len(checked.mismatches)} of {checked.cases} right", highlight=False)
    return int(bool(checked.mismatches))


@app.command
def serve(stack: str, *, port: int = 8000) -> int:
    """Serve one stack on the loopback until Ctrl-C."""
    parsed = _built_stack(stack)
    log = serving.log_of(parsed)
    try:
        with serving.serving(parsed, serving.HELLO, log, cores().server, port=port) as running:
            out.print(f"{parsed} answers at {running.url} (log: {log}); Ctrl-C ends it", highlight=False)
            running.process.wait()
            raise LabError(f"{parsed} ended by itself; see {log}")
    except KeyboardInterrupt:
        return 0


@app.command
def run(
    study: str,
    *,
    variant: str | None = None,
    force: bool = False,
    budget: Budget = None,
    strict: Annotated[bool, Parameter(negative="")] = False,
    scheduler: str | None = None,
    allow_remote_load: Annotated[bool, Parameter(negative="")] = False,
    price: Price = None,
    keep: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Measure a study and show its answer. A finished one is shown with its date; an interrupted one goes on.

    Parameters
    ----------
    study: A name from bench/studies.
    variant: Only this variant, against the study's baseline.
    force: Measure anew what is finished.
    strict: Measure nothing, with exit status 3, on a machine that is not quiet within a minute.
    scheduler: The address of a dask scheduler: its workers measure, one answer for each kind of machine.
    allow_remote_load: Let its generators drive the loads; servers then listen on their machine's private address.
    keep: Keep the session in the repository, for `findings`.
    """
    chosen = _study(study, variant)
    if keep:
        from bench import keep as keeping  # noqa: PLC0415 - as in `_show`

        keeping.require_keepable(chosen, force=force)  # before an hour of measuring, and again after it
    if scheduler is None:
        if allow_remote_load:
            raise LabError("--allow-remote-load is of a fleet: it needs --scheduler ADDRESS")
        limit = duration(budget, "--budget") if budget else None
        folders = [pipeline.run(chosen, Progress(), force, strict, budget=limit)[0]]
    elif budget:
        raise LabError("--budget is of this machine: a fleet's workers share the blocks of a whole study")
    elif strict:
        raise LabError("--strict is of this machine: a fleet's workers do not ask whether they are quiet")
    else:
        from bench.fleet import driver  # noqa: PLC0415 - as in `_show`

        found = driver.run(chosen, scheduler, Progress(), force=force, remote_load=allow_remote_load)
        folders = [folder for folder, _ in found]
    status = max(_show(chosen, folder, price, json) for folder in folders)
    return max(status, _keep(chosen)) if keep else status


@app.command(name="keep")
def keep_(study: str, *, variant: str | None = None) -> int:
    """Keep the last session of a study, and all that are like it, in the repository: docs/findings/data.

    Parameters
    ----------
    study: A name from bench/studies.
    variant: That of this variant alone, against the study's baseline.
    """
    return _keep(_study(study, variant))


@app.command
def findings() -> int:
    """Write docs/findings anew from the sessions that are kept there."""
    from bench.report import findings as pages  # noqa: PLC0415 - as in `_show`

    for path in pages.write():
        out.print(str(path.relative_to(ROOT)), highlight=False)
    return 0


@app.command(name="try")
def try_(
    core: str,
    *,
    documents: Path,
    against: str | None = None,
    servers: str = "gunicorn-sync,uwsgi-processes",
    framework: str = "falcon",
    source: Path = Path(),
    requires: str = "",
    force: bool = False,
    strict: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Measure a core of your own, any function of bytes that returns bytes: alone, and behind each server.

    Parameters
    ----------
    core
        MODULE:FUNCTION, or MODULE:FUNCTION@INTERPRETER.
    documents
        A folder laid out like spec/golden/valid: NAME.json, and its right answer NAME.out.json.
    against
        A variant, or another MODULE:FUNCTION; else cpython, if that answers these documents right.
    servers
        Names of servers with commas between them; "" for the core alone.
    framework
        The framework that it is served by.
    source
        The folder that MODULE lies in; else the current one.
    requires
        The packages that it imports, with commas between them, as bench/locks/measured.txt pins them.
    force
        Measure anew what is finished.
    strict
        Measure nothing, with exit status 3, on a machine that is not quiet within a minute.
    """
    from bench import trying  # noqa: PLC0415 - other verbs know no documents but the catalogue's

    own = trying.Own(
        core=core,
        documents=documents.resolve(),
        source=source.resolve(),
        against=against,
        servers=_words(servers),
        framework=framework,
        requires=_words(requires),
    )
    study = trying.study_of(own, Progress())
    folder, _ = pipeline.run(study, Progress(), force, strict, own.documents)
    return _show(study, folder, None, json)


@app.command
def worker(scheduler: str, *, generator: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Let this machine measure for a dask scheduler, one block of a study at a time, until Ctrl-C or its end.

    Parameters
    ----------
    scheduler: Its address, such as tcp://10.0.0.1:8786.
    generator: Drive load against servers of the others instead of measuring.
    """
    from bench.fleet import worker as working  # noqa: PLC0415 - as in `_show`

    working.work(scheduler, "generator" if generator else "machine")
    return 0


@app.command
def report(study: str = "quick", *, variant: str | None = None, price: Price = None, json: Json = False) -> int:
    """Write the report of a study's last session anew, for each kind of machine that has one, and show its answer."""
    chosen = _study(study, variant)
    return max(_show(chosen, folder, price, json) for folder, _ in store.latest_by_machine(chosen.name))


@app.command
def compare(a: str, b: str, *, json: Json = False) -> int:
    """Compare two results process by process: ratio, interval, noise floor, and the smallest detectable difference.

    Parameters
    ----------
    a: The baseline: STUDY/VARIANT or STUDY/VARIANT/FRAMEWORK/SERVER, of its last session, or a plain pyperf JSON file.
    b: What is compared with it, named likewise.
    """
    from bench.report import compare as comparing  # noqa: PLC0415 - as in `_show`

    return comparing.show(out, a, b, json)


@app.command
def repeat(
    study: str,
    *sessions: str,
    times: Annotated[int | None, Parameter(validator=Number(gte=2))] = None,
    budget: Budget = None,
    variant: str | None = None,
    json: Json = False,
) -> int:
    """Measure a study again, in sessions of their own, and show where they disagree.

    Parameters
    ----------
    study: A name from bench/studies.
    sessions: Two finished sessions to compare instead of measuring, by the names of their folders.
    times: Measure until there are so many sessions; shows each ratio over all of them, with the interval between them.
    variant: Only this variant, against the study's baseline.
    """
    from bench.report import between  # noqa: PLC0415 - as in `_show`
    from bench.report import repeat as repeating  # noqa: PLC0415

    chosen = _study(study, variant)
    if times is not None:
        if sessions:
            raise LabError("--times measures sessions: name either them or --times")
        limit = duration(budget, "--budget") if budget else None
        return between.show(out, chosen, pipeline.run_times(chosen, Progress(), times, budget=limit), json)
    if budget:
        raise LabError("--budget is of the sessions that --times measures: add --times N")
    if not sessions:
        pipeline.run_twice(chosen, Progress())
    return repeating.show(out, repeating.chosen(chosen.name, sessions), json)


@app.command
def selftest(*, force: bool = False, keep: Annotated[bool, Parameter(negative="")] = False, json: Json = False) -> int:
    """Measure this machine's bias by A/A comparisons, then known differences; exit 1 if the method fails.

    Parameters
    ----------
    force: Measure anew what is finished.
    keep: Keep the session in the repository, for `findings`.
    """
    return run("selftest", force=force, keep=keep, json=json)


@app.command
def sessions(*, force: bool = False, keep: Annotated[bool, Parameter(negative="")] = False, json: Json = False) -> int:
    """Measure what moves a core's time from session to session: files, build, environment, hash seed, addresses, time.

    Parameters
    ----------
    force: Measure anew what is finished.
    keep: Keep the session in the repository, for `findings`.
    """
    return run("sessions", force=force, keep=keep, json=json)


@app.command
def size(
    *subjects: str, every: Annotated[bool, Parameter(name="--all", negative="")] = False, json: Json = False
) -> int:
    """Report what a stack, built first, needs on a bare image, part by part: one of each variant, and each peer.

    Parameters
    ----------
    subjects: Variants, peers, or stacks such as cython/falcon/bjoern; without one, all variants and peers.
    every: Each stack of the variants, not one.
    """
    from bench.report import summary  # noqa: PLC0415 - as in `_show`

    progress = Progress()
    named = [pairing.parse_stack(name) for name in subjects if "/" in name]
    names = _known(tuple(name for name in subjects if "/" not in name)) or (() if named else _all())
    made, holes = readiness.build_all(dict.fromkeys([*names, *(stack.variant for stack in named)]), progress)
    for stack in named:
        building.require_server(stack)
    wanted = [*named, *sizes.stacks({name: made[name] for name in names if name in made}, every)]
    found = {}
    for number, stack in enumerate(wanted, 1):
        with progress.step(f"size of {stack}, {number} of {len(wanted)}"):
            found[stack] = sizes.sizes(stack)
    summary.show_sizes(out, found, json)
    return _tell_holes(holes)


def main() -> int:
    """Run the verb; what went wrong is said in one line."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so that no server is left behind
    try:
        status: int = app()
        return status
    except LabError as error:
        Console(stderr=True).print(f"bench: {error}", markup=False, highlight=False, soft_wrap=True)
        return error.status
    except KeyboardInterrupt:
        Console(stderr=True).print("\ninterrupted; what was measured is kept, the same command goes on")
        return 130


def _show(study: Study, folder: Path, price: str | None, json: bool) -> int:
    """Write the report of what lies in `folder` and print the answer; of a self-test, its verdict."""
    from bench.analysis import selftest as testing  # noqa: PLC0415 - a second of imports that other verbs spare
    from bench.report import cost, drift, finding, page, summary  # noqa: PLC0415
    from bench.report import selftest as verdict  # noqa: PLC0415

    session, runs = store.read(folder / "session.json", Session), store.runs(folder)
    status = pipeline.status(runs, session.holes)
    if study.selftest:
        return max(status, verdict.conclude(out, folder, study, json))
    if study.factors:
        return max(status, drift.conclude(out, folder, study, json))
    tested = testing.latest(session.machine.get("fingerprint"))
    found = finding.find(session, runs, study, cost.parse(price) if price else None, tested)
    summary.show(out, found, page.write(folder, found), json)
    return status


def _keep(study: Study) -> int:
    """Keep the study's last session and those like it, and say where, beside what machines read."""
    from bench import keep as keeping  # noqa: PLC0415 - as in `_show`

    for path in keeping.keep(study):
        told = f"kept in {path.relative_to(ROOT)}, {path.stat().st_size:,} bytes"
        Console(stderr=True).print(told, highlight=False, soft_wrap=True)
    Console(stderr=True).print("`python -m bench findings` makes its page", highlight=False, soft_wrap=True)
    return 0


def _study(name: str, variant: str | None) -> Study:
    study = declarations.pick(catalog.studies(), name, "study")
    return planning.narrowed(study, variant) if variant else study


def _built_stack(text: str) -> Stack:
    stack = pairing.parse_stack(text)
    if not stack.is_peer:
        building.require_server(stack)
    return stack


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _known(variants: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(catalog.subject(name).name for name in variants)


def _all() -> tuple[str, ...]:
    return (*catalog.variants(), *catalog.peers())


def _tell_holes(holes: list[Hole]) -> int:
    for hole in holes:
        fill = f"; to fill it: {hole.fill}" if hole.fill else ""
        told = f"{'failed' if hole.failed else 'hole'}: {hole.what}: {hole.reason}{fill}"
        out.print(told, markup=False, highlight=False, soft_wrap=True)
    return pipeline.status((), holes)


if __name__ == "__main__":
    sys.exit(main())

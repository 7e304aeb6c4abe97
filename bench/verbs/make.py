"""Build variants and peers, check their answers, serve them, and weigh them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench import readiness, verify
from bench.build import artifacts
from bench.catalog import pairing
from bench.errors import LabError
from bench.host.pinning import cores
from bench.measure.instruments import sizes
from bench.model import Artifact
from bench.progress import Progress
from bench.serve import life_cycle
from bench.verbs.app import Json, all_subjects, app, built_stack, declared, known, out, tell_unavailable


@app.command
def build(*variants: str, force: bool = False) -> int:
    """Build variants and peers into prefixes of their own; without a name, all. What is unchanged stays as it is.

    Parameters
    ----------
    variants
        Names of variants and peers.
    force
        Build also what is unchanged, and try again what could not be had.
    """
    made, unavailable = readiness.build_all(declared(), known(variants) or all_subjects(), Progress(), force=force)
    for name, each in made.items():
        what = f"{each.wheel}, {each.wheel_bytes:,} bytes" if isinstance(each, Artifact) else f"runs on {each.version}"
        out.print(f"{name}: {what}, {each.build_seconds:.1f} s", highlight=False)
    return tell_unavailable(unavailable)


@app.command
def check(
    *,
    variant: str | None = None,
    stack: str | None = None,
    cases: Annotated[Path, Parameter(help="A folder laid out like spec/golden.")] = verify.GOLDEN,
) -> int:
    """Ask a variant in its own interpreter, or a stack over HTTP, every case of a folder; exit 1 on a wrong answer.

    Parameters
    ----------
    variant
        A variant, such as cython, or cython@cpython-3.13 on another interpreter.
    stack
        A stack, such as cython/falcon/bjoern, or a peer.
    """
    if (variant is None) == (stack is None):
        raise LabError("check needs one of --variant V and --stack V/FRAMEWORK/SERVER (or a peer)")
    if not cases.is_dir():
        raise LabError(f"--cases {cases}: there is no such folder")
    if variant is not None:
        declared().variant(variant)
        checked = verify.check_variant(declared(), variant, cases.resolve())
    else:
        checked = verify.check_stack(declared(), built_stack(stack or ""), cases.resolve())
    for mismatch in checked.mismatches:
        out.print(mismatch, markup=False, highlight=False, soft_wrap=True)
    out.print(f"{checked.cases - len(checked.mismatches)} of {checked.cases} right", highlight=False)
    return int(bool(checked.mismatches))


@app.command
def serve(stack: str, *, port: int = 8000) -> int:
    """Serve one stack on the loopback until Ctrl-C.

    Parameters
    ----------
    stack
        Such as cython/falcon/bjoern, or a peer.
    port
        The TCP port to listen on.
    """
    parsed = built_stack(stack)
    log = life_cycle.log_of(parsed)
    try:
        with life_cycle.serving(declared(), parsed, life_cycle.HELLO, log, cores().server, port=port) as running:
            out.print(f"{parsed} answers at {running.url} (log: {log}); Ctrl-C ends it", highlight=False)
            running.process.wait()
            raise LabError(f"{parsed} ended by itself; see {log}")
    except KeyboardInterrupt:
        return 0


@app.command
def size(
    *subjects: str, every: Annotated[bool, Parameter(name="--all", negative="")] = False, json: Json = False
) -> int:
    """Report what a stack, built first, needs on a bare image, part by part: one of each variant, and each peer.

    Parameters
    ----------
    subjects
        Variants, peers, or stacks such as cython/falcon/bjoern; without one, all variants and peers.
    every
        Each stack of the variants, not one.
    """
    from bench.report import summary  # noqa: PLC0415 - as in `show`

    progress = Progress()
    named = [pairing.parse_stack(declared(), name) for name in subjects if "/" in name]
    names = known(tuple(name for name in subjects if "/" not in name)) or (() if named else all_subjects())
    asked = dict.fromkeys([*names, *(stack.variant for stack in named)])
    made, unavailable = readiness.build_all(declared(), asked, progress)
    for stack in named:
        artifacts.require_server(declared(), stack)
    wanted = [*named, *sizes.stacks(declared(), {name: made[name] for name in names if name in made}, every)]
    found = {}
    for number, stack in enumerate(wanted, 1):
        with progress.step(f"size of {stack}, {number} of {len(wanted)}"):
            found[stack] = sizes.sizes(declared(), stack)
    summary.show_sizes(out, found, json)
    return tell_unavailable(unavailable)

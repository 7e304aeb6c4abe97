"""Verbs that make: build variants and peers, check their answers, serve them, measure their sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench import verify
from bench.build import artifacts, images
from bench.catalog import pairing
from bench.errors import LabError
from bench.host.pinning import cores
from bench.measure.instruments import sizes
from bench.model import Artifact
from bench.progress import Progress
from bench.readiness import building
from bench.serve import http_client, life_cycle
from bench.verbs.app import Flag, Json, all_subjects, app, built_stack, declared, known, out, tell_unavailable

PORTS = range(1, 65536)


@app.command
def build(*variants: str, force: Flag = False) -> int:
    """Build variants and peers: the named ones, or all. Unchanged ones are skipped.

    Example: `python -m bench build cython node-expert`

    Exit status: 1 if a build fails.

    Parameters
    ----------
    variants
        Names of variants and peers, such as cython or cython@cpython-3.13.
    force
        Rebuild everything and retry unavailable requirements.
    """
    made, unavailable = building.build_all(declared(), known(variants) or all_subjects(), Progress(), force=force)
    for name, each in made.items():
        what = f"{each.wheel}, {each.wheel_bytes:,} bytes" if isinstance(each, Artifact) else f"runs on {each.version}"
        out.print(f"{name}: {what}, {each.build_seconds:.1f} s", highlight=False)
    return tell_unavailable(unavailable)


@app.command
def check(
    *,
    variant: str | None = None,
    stack: str | None = None,
    cases: Annotated[
        Path, Parameter(help="Folder with cases in the layout of spec/golden.", show_default=False)
    ] = verify.GOLDEN,
) -> int:
    """Check the answers of a variant in its interpreter, or of a stack over HTTP, against golden cases.

    Example: `python -m bench check --stack cython/falcon/bjoern`

    Exit status: 1 if an answer is wrong.

    Parameters
    ----------
    variant
        A variant, such as cython or cython@cpython-3.13.
    stack
        A stack, such as cython/falcon/bjoern, or a peer, such as node-expert.
    """
    if (variant is None) == (stack is None):
        raise LabError("check requires either --variant VARIANT, or --stack VARIANT/FRAMEWORK/SERVER or --stack PEER")
    if not cases.is_dir():
        raise LabError(f"--cases {cases}: no such folder")
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
def serve(stack: str, /, *, port: int = 8000) -> int:
    """Serve one stack on 127.0.0.1 until Ctrl-C.

    Example: `python -m bench serve cython/falcon/bjoern --port 8080`

    Parameters
    ----------
    stack
        A built stack, such as cython/falcon/bjoern, or a peer, such as node-expert (see `python -m bench build`).
    port
        The TCP port, from 1 to 65535.
    """
    if port not in PORTS:
        raise LabError(f"invalid --port {port}: use {PORTS.start} to {PORTS.stop - 1}")
    parsed = built_stack(stack)
    log = life_cycle.log_of(parsed)
    try:
        with life_cycle.serving(declared(), parsed, http_client.HELLO, log, cores().server, port=port) as running:
            out.print(f"{parsed} answers at {running.url} (log: {log}); Ctrl-C stops it", highlight=False)
            running.process.wait()
            raise LabError(f"{parsed} exited by itself: see {log}")
    except KeyboardInterrupt:
        return 0


@app.command
def size(
    *subjects: str,
    every: Annotated[bool, Parameter(name="--all", negative="", show_default=False)] = False,
    json: Json = False,
) -> int:
    """Show the artifact size of stacks, part by part: all files that a bare image needs. Missing builds are made first.

    Example: `python -m bench size cython/falcon/bjoern node-expert`

    Parameters
    ----------
    subjects
        Variants, peers, or stacks such as cython/falcon/bjoern. Default: all variants and peers.
    every
        Show all stacks of each variant, not only its first. Stacks with the same files count once.
    """
    from bench.report import summary  # noqa: PLC0415 - a slow import, as in `show`

    progress = Progress()
    named = [pairing.parse_stack(declared(), name) for name in subjects if "/" in name]
    names = known(tuple(name for name in subjects if "/" not in name)) or (() if named else all_subjects())
    asked = dict.fromkeys([*names, *(stack.variant for stack in named)])
    made, unavailable = building.build_all(declared(), asked, progress)
    for stack in named:
        artifacts.require_server(declared(), stack)
    wanted = [*named, *sizes.stacks(declared(), {name: made[name] for name in names if name in made}, every)]
    found = {}
    for number, stack in enumerate(wanted, 1):
        with progress.step(f"size of {stack} ({number} of {len(wanted)})"):
            found[stack] = sizes.sizes(declared(), stack)
    images_made = {stack: image for stack in found if (image := images.find(stack))}
    summary.show_sizes(out, found, images_made, json)
    return tell_unavailable(unavailable)

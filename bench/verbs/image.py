"""The verb that builds container images."""

from __future__ import annotations

from bench.catalog import pairing
from bench.errors import LabError
from bench.progress import Progress
from bench.readiness import building
from bench.report import summary
from bench.serve import container
from bench.verbs.app import Flag, Json, app, declared, out, tell_unavailable


@app.command
def image(*stacks: str, force: Flag = False, json: Json = False) -> int:
    """Build container images of stacks, from Debian's packages alone. Unchanged ones are skipped.

    Example: `python -m bench image cython/falcon/bjoern`

    Parameters
    ----------
    stacks
        Stacks, such as cython/falcon/bjoern. Missing builds are made first.
    force
        Build unchanged images anew.
    """
    if not stacks:
        raise LabError("image requires at least one stack, such as cython/falcon/bjoern")
    progress = Progress()
    named = [pairing.parse_stack(declared(), name) for name in stacks]
    for stack in named:
        if stack.place:
            raise LabError(f"{stack}: an image has no place: use {stack.on_host}")
    _, unavailable = building.build_all(declared(), dict.fromkeys(stack.variant for stack in named), progress)
    made = {}
    for stack in named:
        with progress.step(f"image of {stack}"):
            made[stack] = container.image(declared(), stack, force=force)
    summary.show_images(out, made, json)
    return tell_unavailable(unavailable)

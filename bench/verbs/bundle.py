"""The verb that bundles the applications for a platform."""

from __future__ import annotations

from bench.build import bundles
from bench.model import pick
from bench.paths import ROOT
from bench.progress import Progress
from bench.readiness import building
from bench.verbs.app import app, declared, out, tell_unavailable


@app.command
def bundle(platform: str, /, *, variant: str = "cpython") -> int:
    """Bundle both applications for a platform, in .lab/bundles: its files of deploy, the code, and pinned packages.

    Nothing is sent: deploy/README.md has the commands that do.

    Example: `python -m bench bundle heroku`

    Parameters
    ----------
    platform
        app-engine, azure, cloud-foundry, heroku or pythonanywhere.
    variant
        The variant of statements, on CPython 3.11. It is built first, if necessary.
    """
    title = pick(bundles.PLATFORMS, platform, "platform")
    chosen, progress = declared().variant(variant), Progress()
    _, unavailable = building.build_all(declared(), [chosen.name], progress)
    if not unavailable:
        with progress.step(f"bundle for {title}"):
            folder = bundles.make(platform, chosen)
        for application in bundles.APPLICATIONS:
            out.print(str((folder / application).relative_to(ROOT)), markup=False, highlight=False)
    return tell_unavailable(unavailable)

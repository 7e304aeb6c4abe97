"""The daemon of a container engine: it runs, and has the image of a stack, during a block."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.errors import LabError, MissingError
from bench.host.pinning import cores, pinned
from bench.model import Daemon, Place
from bench.paths import LOGS
from bench.provision import engine, system
from bench.serve import process

READY_SECONDS, POLL_SECONDS, STOP_SECONDS = 60.0, 0.1, 20.0
LOAD_SECONDS = 120.0


@contextmanager
def running(place: Place, declared: Daemon, image: str) -> Iterator[None]:
    """Run the daemon of a place with an image during the block, on the generator's cores. It ends with the lab.

    Raises MissingError with the last line of its log if this machine cannot run it.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{place.name}.log"
    program = process.Program(
        name=place.title,
        argv=pinned(["setpriv", "--pdeathsig", "TERM", "--", *engine.filled(declared.argv)], cores().generator),
        folder=engine.HOME,
        env=engine.environment(),
        log=log,
        is_ready=lambda: _ran(place, declared.ready).returncode == 0,
        ready_seconds=READY_SECONDS,
        poll_seconds=POLL_SECONDS,
        signal=signal.SIGTERM,
        stop_seconds=STOP_SECONDS,
    )
    with ExitStack() as life:
        try:
            life.enter_context(process.running(program))
        except LabError as error:
            raise MissingError(f"{error}: {_last_line(log)}") from error
        _load(place, declared, image)
        yield


def _load(place: Place, declared: Daemon, name: str) -> None:
    """Copy an image from Podman to the daemon, unless it has this one already."""
    id_ = engine.podman("image", "inspect", "--format", "{{.Id}}", name).strip()
    if _ran(place, declared.image, image=name).stdout.strip().removeprefix("sha256:") == id_:
        return
    with TemporaryDirectory(prefix="bench-") as folder:
        archive = Path(folder) / "image.tar"
        engine.save(name, archive)
        done = _ran(place, declared.load, archive=archive)
    if done.returncode != 0:
        raise LabError(f"{place.title}: the image {name} cannot be loaded: {system.error_message(done)}")


def _ran(place: Place, words: Sequence[str], **places: object) -> subprocess.CompletedProcess[str]:
    argv = engine.filled((*place.engine, *words), **places)
    env = engine.environment()
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=LOAD_SECONDS)


def _last_line(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]

"""A program of the chain: started, stopped or killed, and started again with what its folder has kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from bench.errors import LabError
from bench.host.pinning import cores, pinned
from bench.paths import ROOT
from bench.serve.ports import LOOPBACK
from bench.serve.process import Program, Started, running

CONFIGURED = ROOT / "deploy" / "monitoring"
HOST = LOOPBACK
READY_SECONDS = 60.0  # of a JVM that shares a busy machine
POLL_SECONDS = 0.1
STOP_SECONDS = 20.0


class Part:
    """One program, on the generator's cores. It ends with the lab, if the lab is killed."""

    def __init__(
        self, name: str, folder: Path, argv: list[str], env: dict[str, str], is_ready: Callable[[], bool]
    ) -> None:
        self.name = name
        self.folder = folder
        self.program = Program(
            name=name,
            argv=pinned(["setpriv", "--pdeathsig", "KILL", "--", *argv], cores().generator),
            folder=folder,
            env={"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8"} | env,
            log=folder / f"{name}.log",
            is_ready=is_ready,
            ready_seconds=READY_SECONDS,
            poll_seconds=POLL_SECONDS,
            signal=signal.SIGTERM,
            stop_seconds=STOP_SECONDS,
        )
        self._life = ExitStack()
        self._started: Started | None = None

    def start(self) -> None:
        """Return once it is ready. Raises LabError if it does not become so."""
        self._started = self._life.enter_context(running(self.program))

    def stop(self) -> None:
        """End it by SIGTERM, if it runs. Raises LabError if it does not end in time, or has ended by itself."""
        self._started = None
        self._life.close()

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._started:
            self._started.process.kill()
            with suppress(LabError):  # "exited by itself"
                self.stop()

"""`make setup`: from a bare checkout to a working lab. Does nothing if everything is set up.

`make setup parts=all` installs the optional parts of the system, too, as CI does.

Uses only the standard library. It installs the parts of the system, then `.venv` from `locks/lab.txt`, and checks the
hash of every package. An unavailable part is recorded in `.lab/system.json` with the reason and the command that brings
it; the rest goes on.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

from bench.errors import LabError
from bench.paths import LAB, ROOT
from bench.provision import locks, system

LOCK = ROOT / "bench/locks/lab.txt"
VENV = ROOT / ".venv"
UNAVAILABLE = LAB / "system.json"
NO_VENV = "no Python 3.11 or later here has ensurepip: install python3-venv as root, then run the same command again"

OFFLINE = re.compile(
    "connection broken by|from versions: none|error sending request"
)  # how pip and uv speak of a network that is down
CONNECT = "connect to the network, or configure a mirror for pip and uv, then run the same command again"


def main() -> int:
    """Set up what is missing. Returns the exit status: 2 if the lab cannot run, or if a part is missing under CI."""
    try:
        require_a_way()
        unavailable = bring_parts(everything="all" in sys.argv[1:] or "CI" in os.environ)
        if os.environ.get("CI") and unavailable:
            raise LabError(f"{unavailable[0]['what']} is unavailable, and CI requires it: {unavailable[0]['reason']}")
        bring_environment()
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    return 0


def require_a_way() -> None:
    """Raises LabError if no Python here can create an environment and nothing can be installed."""
    if not begun() and base_python() is None and not sys.stdin.isatty() and system.elevation(False) is None:
        raise LabError(NO_VENV)


def bring_parts(*, everything: bool = False) -> list[dict[str, str]]:
    """Install missing parts of the system, the optional ones if `everything` is wanted.

    Returns the unavailable ones, as recorded in `.lab/system.json`.
    """
    missing = [part for part in system.parts() if part.missing and (everything or not part.optional)]
    known = {each["what"]: each for each in read_unavailable()}
    wanted = [part for part in missing if part.name not in known]
    reasons = install(wanted) if wanted else {}
    unavailable = [known.get(part.name) or record(part, reasons[part.name]) for part in missing if part.missing]
    write_unavailable(unavailable)
    for each in unavailable:
        print(f"unavailable: {each['what']}: {each['reason']}; to get it: {each['remedy']}")
    return unavailable


def install(wanted: list[system.Part]) -> dict[str, str]:
    """List the parts, ask once on a terminal, and install them. Returns the reasons of the failed ones, by name."""
    print("The lab needs these system packages:")
    for part in wanted:
        print(f"  {part.name}: {part.needed} ({' '.join(part.packages)})")
    terminal = sys.stdin.isatty()
    if terminal and input("Install them with apt-get? [Y/n] ").strip().lower() not in ("", "y", "yes"):
        return {part.name: "declined" for part in wanted}
    return system.install(wanted, system.elevation(terminal))


def record(part: system.Part, reason: str) -> dict[str, str]:
    """An unavailable part as `.lab/system.json` records it."""
    return {"what": part.name, "reason": reason, "remedy": part.remedy}


def read_unavailable() -> list[dict[str, str]]:
    """The parts that were unavailable at the last set-up."""
    unavailable: list[dict[str, str]] = (
        json.loads(UNAVAILABLE.read_text(encoding="utf-8")) if UNAVAILABLE.exists() else []
    )
    return unavailable


def write_unavailable(unavailable: list[dict[str, str]]) -> None:
    """Record the unavailable parts; the list is empty if there are none."""
    UNAVAILABLE.parent.mkdir(exist_ok=True)
    UNAVAILABLE.write_text(json.dumps(unavailable, indent=2) + "\n", encoding="utf-8")


def bring_environment() -> None:
    """Make `.venv` match the lock. Raises LabError with the message of the tool that failed."""
    python, stamp = VENV / "bin/python", VENV / "lab.txt"
    if begun() and stamp.read_bytes() == LOCK.read_bytes():
        return
    if not begun():
        base = base_python()
        if base is None:
            raise LabError(NO_VENV)
        print("Creating .venv …", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        do(base, "-m", "venv", VENV)
    print("Installing packages into .venv …", flush=True)
    only_uv = VENV / "uv.txt"
    only_uv.write_text(locks.entries(LOCK, ["uv"]), encoding="utf-8")
    do(python, "-m", "pip", "install", "--require-hashes", "--only-binary", ":all:", "-r", only_uv)
    do(VENV / "bin/uv", "pip", "sync", "--no-config", "--require-hashes", "--python", python, LOCK)
    shutil.copyfile(LOCK, stamp)


def begun() -> bool:
    """Whether `.venv` was filled before and its Python still exists."""
    return (VENV / "bin/python").exists() and (VENV / "lab.txt").exists()


def base_python() -> str | None:
    """The first Python ≥ 3.11 with `ensurepip`: the system's own, then the one that runs this."""
    probe = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    for candidate in ("/usr/bin/python3", sys.executable):
        if shutil.which(candidate) and system.run([candidate, "-c", probe]).returncode == 0:
            return candidate
    return None


def do(*argv: str | Path) -> None:
    """Run a command of the set-up. Raises LabError with its error message if it fails."""
    words = [str(word) for word in argv]
    done = system.run(words)
    if done.returncode != 0 and OFFLINE.search(done.stdout + done.stderr):
        raise LabError(f"{Path(words[0]).name} cannot reach a package index: {CONNECT}")
    if done.returncode != 0:
        raise LabError(f"`{' '.join(words)}` failed: {system.error_message(done)}")


if __name__ == "__main__":
    sys.exit(main())

"""`make setup`: from a bare checkout to a lab that runs. Does nothing, at once, where all is here.

Standard library only. Brings the system parts, then `.venv` from `locks/lab.txt`, every package checked by its hash.
A part that cannot be had is kept in `.lab/system.json` with its reason and the command that fills it; the rest goes on.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from bench.errors import LabError
from bench.paths import LAB, ROOT
from bench.provision import locks, system

LOCK = ROOT / "bench/locks/lab.txt"
VENV = ROOT / ".venv"
UNAVAILABLE = LAB / "system.json"
NO_VENV = "no Python here can make an environment: install python3-venv (needs root), then try again"


def main() -> int:
    """Set up what is missing; the exit status is 2 where the lab cannot run, or a part is missing under CI."""
    try:
        require_a_way()
        unavailable = bring_parts()
        if os.environ.get("CI") and unavailable:
            raise LabError(f"{unavailable[0]['what']} is missing under CI: {unavailable[0]['reason']}")
        bring_environment()
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    return 0


def require_a_way() -> None:
    """Raise LabError where there can be no environment: no Python here makes one, and nothing can be installed."""
    if not begun() and base_python() is None and not sys.stdin.isatty() and system.elevation(False) is None:
        raise LabError(NO_VENV)


def bring_parts() -> list[dict[str, str]]:
    """Bring what is missing of the system; the unavailable that stay, as they stand in `.lab/system.json`."""
    missing = [part for part in system.parts() if part.missing]
    known = {lack["what"]: lack for lack in read_unavailable()}
    wanted = [part for part in missing if part.name not in known]
    reasons = install(wanted) if wanted else {}
    unavailable = [known.get(part.name) or lack(part, reasons[part.name]) for part in missing if part.missing]
    write_unavailable(unavailable)
    for each in unavailable:
        print(f"missing: {each['what']} ({each['reason']}); to get it: {each['remedy']}")
    return unavailable


def install(wanted: list[system.Part]) -> dict[str, str]:
    """Show what is to come, ask once on a terminal, and install it; the reasons of what did not come."""
    print("The lab needs of the system:")
    for part in wanted:
        print(f"  {part.name}: {part.needed} ({' '.join(part.packages)})")
    terminal = sys.stdin.isatty()
    if terminal and input("Install them with apt-get? [Y/n] ").strip().lower() not in ("", "y", "yes"):
        return {part.name: "declined" for part in wanted}
    return system.install(wanted, system.elevation(terminal))


def lack(part: system.Part, reason: str) -> dict[str, str]:
    """A missing part as it is kept."""
    return {"what": part.name, "reason": reason, "remedy": part.remedy}


def read_unavailable() -> list[dict[str, str]]:
    """The unavailable that the last set-up left."""
    unavailable: list[dict[str, str]] = (
        json.loads(UNAVAILABLE.read_text(encoding="utf-8")) if UNAVAILABLE.exists() else []
    )
    return unavailable


def write_unavailable(unavailable: list[dict[str, str]]) -> None:
    """Keep the unavailable; a set-up without any leaves an empty list."""
    UNAVAILABLE.parent.mkdir(exist_ok=True)
    UNAVAILABLE.write_text(json.dumps(unavailable, indent=2) + "\n", encoding="utf-8")


def bring_environment() -> None:
    """Make `.venv` exactly what the lock says, unless it is. Raises LabError with the words of the tool that failed."""
    python, stamp = VENV / "bin/python", VENV / "lab.txt"
    if begun() and stamp.read_bytes() == LOCK.read_bytes():
        return
    if not begun():
        base = base_python()
        if base is None:
            raise LabError(NO_VENV)
        print("Making .venv …", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        do(base, "-m", "venv", VENV)
    print("Filling .venv …", flush=True)
    only_uv = VENV / "uv.txt"
    only_uv.write_text(locks.entries(LOCK, ["uv"]), encoding="utf-8")
    do(python, "-m", "pip", "install", "--require-hashes", "--only-binary", ":all:", "-r", only_uv)
    do(VENV / "bin/uv", "pip", "sync", "--no-config", "--require-hashes", "--python", python, LOCK)
    shutil.copyfile(LOCK, stamp)


def begun() -> bool:
    """Whether `.venv` was filled once and its Python is still there; else it is made anew."""
    return (VENV / "bin/python").exists() and (VENV / "lab.txt").exists()


def base_python() -> str | None:
    """The first Python ≥ 3.11 that has `ensurepip`: the system's own before the one that runs this."""
    probe = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    for candidate in ("/usr/bin/python3", sys.executable):
        if shutil.which(candidate) and system.run([candidate, "-c", probe]).returncode == 0:
            return candidate
    return None


def do(*argv: str | Path) -> None:
    """Run a command of the set-up. Raises LabError with its complaint if it fails."""
    words = [str(word) for word in argv]
    done = system.run(words)
    if done.returncode != 0:
        raise LabError(f"`{' '.join(words)}` failed: {system.error_message(done)}")


if __name__ == "__main__":
    sys.exit(main())

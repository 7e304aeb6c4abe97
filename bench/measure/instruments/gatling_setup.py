"""Brings Gatling: its jars by Maven, each checked by its hash, the simulations compiled, and a class archive.

The archive (JEP 310) holds the classes of a run as the JVM keeps them in memory. A study starts Gatling some 35 times,
and with it a start takes about half as long.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from bench.errors import LabError, MissingError
from bench.paths import GATLING, ROOT
from bench.provision import stamp, system

PROJECT = ROOT / "bench" / "gatling"
ARCHIVE = "classes.jsa"
PREFERENCES = "preferences"

JVM = (
    "--add-opens=java.base/java.lang=ALL-UNNAMED",  # else Netty's buffers take a slow path
    "-Xms768m",
    "-Xmx768m",
    # What lives longer than a request lives to the end. Promoted by the first collection, which this young generation
    # brings about in the lead-in, it is not copied again: later pauses take 0.6 ms instead of 15 to 30.
    "-XX:+UseSerialGC",
    "-Xmn64m",
    "-XX:MaxTenuringThreshold=0",
    "-XX:MetaspaceSize=128m",  # else loading the classes sets off two full collections
    "-XX:-UsePerfData",  # a memory-mapped file that can stall the JVM on a busy disk
)

# Gatling asks Maven Central for its newest release at each start, at most once in a while, and cannot be told not to:
# this is its memory of having asked, in the year 2255.
_ASKED = "io/gatling/latestVersion/prefs.xml"
_ASKED_XML = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE map SYSTEM "http://java.sun.com/dtd/preferences.dtd">
<map MAP_XML_VERSION="1.0">
  <entry key="lastCheckTimestamp" value="9000000000000"/>
</map>
"""


def provision(home: Path = GATLING) -> None:
    """Make `home` ready for runs; does nothing where it is, for this project, JDK and JVM options.

    Raises MissingError if Maven, a JDK or a download is, and LabError if a jar is not the one that `jars.sha256` names.
    """
    made_of = _made_of()
    if stamp.is_current(home, made_of):
        return
    with stamp.rebuilding(home, made_of):
        _run(["mvn", "--batch-mode", "--quiet", "package", f"-Dtarget={home}"], PROJECT, "Gatling")
        _check_jars(home / "lib")
        _remember_asking(home / PREFERENCES)
        _archive_classes(home)


def command(home: Path, *options: str) -> list[str]:
    """The argv that starts a JVM with Gatling's classes; the class and its arguments are to follow."""
    jars = [*(home / "lib" / name for name in sorted(_hashes())), home / "loads.jar"]
    preferences = f"-Djava.util.prefs.userRoot={home / PREFERENCES}"
    return ["java", *JVM, preferences, *options, "-cp", ":".join(map(str, jars))]


def _made_of() -> str:
    """A hash of all that the result depends on: the project's files, the JDK's release, the JVM options."""
    system.require(("JDK", "Maven"))
    release = Path(shutil.which("javac") or "").resolve().parent.parent / "release"
    return stamp.of(*JVM, *sorted(path for path in PROJECT.rglob("*") if path.is_file()), release)


def _hashes() -> dict[str, str]:
    lines = (PROJECT / "jars.sha256").read_text().splitlines()
    return {name: digest for digest, name in map(str.split, lines)}


def _check_jars(lib: Path) -> None:
    expected = _hashes()
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in lib.iterdir()}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise LabError(f"{lib}: not what bench/gatling/jars.sha256 says: {', '.join(wrong)}; remove them from ~/.m2")


def _remember_asking(preferences: Path) -> None:
    path = preferences / ".java" / ".userPrefs" / _ASKED
    path.parent.mkdir(parents=True)
    path.write_text(_ASKED_XML)


def _archive_classes(home: Path) -> None:
    """Note the classes of a short run that nobody answers, and dump them.

    Without the lambdas' own classes, on which JDK 17 dumping crashes.
    """
    classes, archive = home / "classes.lst", home / ARCHIVE
    target = ("-Dlab.url=http://127.0.0.1:1", "-Dlab.method=GET", "-Dlab.path=/", "-Dlab.expect=")
    load = ("-Dlab.users=1", "-Dlab.lead-in=1", "-Dlab.seconds=1")
    results = home / "results"
    gatling = ("io.gatling.app.Gatling", "-s", "lab.ClosedSimulation", "-rf", str(results))
    options = (f"-XX:DumpLoadedClassList={classes}", *target, *load)
    _run([*command(home, *options), *gatling], home, "a trial of Gatling")
    shutil.rmtree(results)
    lines = classes.read_text().splitlines(keepends=True)
    classes.write_text("".join(line for line in lines if "@lambda" not in line))
    dump = ("-Xshare:dump", f"-XX:SharedClassListFile={classes}", f"-XX:SharedArchiveFile={archive}")
    _run(command(home, *dump), home, "Gatling's class archive")


def _run(argv: list[str], folder: Path, what: str) -> None:
    done = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if "ERROR" in line] or lines[-1:]
        raise MissingError(f"{what} failed with status {done.returncode}: {' '.join(errors[:1])}")

"""Set up Gatling: download its jars with Maven and verify them, compile the simulations, and dump a class archive.

The archive (JEP 310) contains the classes of a run in the JVM's memory format. It halves Gatling's start-up time; a
study starts Gatling some 35 times.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.paths import GATLING, ROOT
from bench.provision import maven, stamp, system

PROJECT = ROOT / "bench" / "gatling"
ARCHIVE = "classes.jsa"
PREFERENCES = "preferences"

JVM = (
    "--add-opens=java.base/java.lang=ALL-UNNAMED",  # otherwise Netty's buffers take a slow path
    "-Xms768m",
    "-Xmx768m",
    # Objects that outlive a request live until the end. The small young generation causes a first collection during
    # the lead-in, which promotes them, so that they are not copied again: later pauses take 0.6 ms instead of 15 to 30.
    "-XX:+UseSerialGC",
    "-Xmn64m",
    "-XX:MaxTenuringThreshold=0",
    "-XX:MetaspaceSize=128m",  # otherwise loading the classes triggers two full collections
    "-XX:-UsePerfData",  # a memory-mapped file that can stall the JVM on a busy disk
)

# At some starts Gatling asks Maven Central for its newest release, and it has no option against that. These preferences
# say that it last asked in the year 2255.
_LAST_CHECK = "io/gatling/latestVersion/prefs.xml"
_LAST_CHECK_XML = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE map SYSTEM "http://java.sun.com/dtd/preferences.dtd">
<map MAP_XML_VERSION="1.0">
  <entry key="lastCheckTimestamp" value="9000000000000"/>
</map>
"""


def provision(home: Path = GATLING) -> None:
    """Set up Gatling in `home`, unless that is done for the current project, JDK and JVM options.

    Raises MissingError if Maven, a JDK or a download is unavailable, and LabError if a jar's hash is not the one in
    `jars.sha256`.
    """
    made_of = _made_of()
    if stamp.is_current(home, made_of):
        return
    with stamp.rebuilding(home, made_of):
        maven.package(PROJECT, home)
        _disable_version_check(home / PREFERENCES)
        _archive_classes(home)


def command(home: Path, *options: str) -> list[str]:
    """Return the argv that starts a JVM with Gatling's classes, without the main class and its arguments."""
    jars = [*maven.jars(PROJECT, home), home / "loads.jar"]
    preferences = f"-Djava.util.prefs.userRoot={home / PREFERENCES}"
    return ["java", *JVM, preferences, *options, "-cp", ":".join(map(str, jars))]


def _made_of() -> str:
    """Return a hash of all inputs: the project's files, the JDK's release and the JVM options."""
    system.require(("JDK", "Maven"))
    release = Path(shutil.which("javac") or "").resolve().parent.parent / "release"
    return stamp.of(*JVM, *sorted(path for path in PROJECT.rglob("*") if path.is_file()), release)


def _disable_version_check(preferences: Path) -> None:
    path = preferences / ".java" / ".userPrefs" / _LAST_CHECK
    path.parent.mkdir(parents=True)
    path.write_text(_LAST_CHECK_XML)


def _archive_classes(home: Path) -> None:
    """List the classes of a short run without a server, and dump them into the archive.

    The classes of lambdas are left out, because JDK 17 crashes when it dumps them.
    """
    classes, archive = home / "classes.lst", home / ARCHIVE
    target = ("-Dlab.url=http://127.0.0.1:1", "-Dlab.method=GET", "-Dlab.path=/", "-Dlab.expect=")
    load = ("-Dlab.users=1", "-Dlab.lead-in=1", "-Dlab.seconds=1")
    results = home / "results"
    gatling = ("io.gatling.app.Gatling", "-s", "lab.ClosedSimulation", "-rf", str(results))
    options = (f"-XX:DumpLoadedClassList={classes}", *target, *load)
    maven.run([*command(home, *options), *gatling], home, "Gatling's trial run")
    shutil.rmtree(results)
    lines = classes.read_text().splitlines(keepends=True)
    classes.write_text("".join(line for line in lines if "@lambda" not in line))
    dump = ("-Xshare:dump", f"-XX:SharedClassListFile={classes}", f"-XX:SharedArchiveFile={archive}")
    maven.run(command(home, *dump), home, "the dump of Gatling's classes")

"""Interpreters and servers from Debian packages, each unpacked into its own prefix. The system itself is unchanged.

apt resolves, downloads and verifies the packages with separate lists and a separate package state. A prefix therefore
holds everything that the packages require, including the C library, on any Debian release. No privileges are required.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.errors import LabError, MissingError
from bench.model import FromDebian
from bench.provision import stamp, system

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
ONE_LINE = re.compile(r"deb\s+(?:\[[^]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>[^#]+)")


def unpack(source: FromDebian, prefix: Path) -> Path:
    """Return the executable of `source` under `prefix`, unpacking the packages first if necessary.

    Raises LabError with the error message of the failing tool. The manifest is written last, so a prefix without one
    is incomplete and is unpacked again.
    """
    executable = prefix / source.executable
    if is_unpacked(source, prefix):
        return executable
    with stamp.alone(prefix):
        return executable if is_unpacked(source, prefix) else _unpacked(source, prefix, executable)


def _unpacked(source: FromDebian, prefix: Path, executable: Path) -> Path:
    for tool in ("apt-get", "dpkg-deb", "patchelf"):
        if shutil.which(tool) is None:
            raise LabError(f"unpacking {' '.join(source.packages)} requires {tool}, which is not installed")
    fresh = prefix.with_name(prefix.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    manifest = {"source": identity(source, prefix), "packages": dict(sorted(_download_and_unpack(source, fresh)))}
    _link_within(fresh)
    _relocate(fresh, prefix)
    _find_headers(fresh)
    if not (fresh / source.executable).exists():
        raise LabError(f"{' '.join(source.packages)} from {' '.join(source.suites)} do not contain {source.executable}")
    shutil.rmtree(prefix, ignore_errors=True)
    fresh.rename(prefix)
    _compile(prefix)
    (prefix / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return executable


def bring(source: FromDebian, prefix: Path) -> Path:
    """Unpack as above, for a part that the lab can do without: raises MissingError if the packages are unavailable."""
    try:
        return unpack(source, prefix)
    except MissingError:
        raise
    except LabError as error:
        raise MissingError(str(error)) from error


def is_unpacked(source: FromDebian, prefix: Path) -> bool:
    """Return True if `prefix` was unpacked from `source` and has not been moved since."""
    manifest = prefix / "manifest.json"
    if not manifest.exists():
        return False
    return bool(json.loads(manifest.read_text(encoding="utf-8"))["source"] == identity(source, prefix))


def packages(prefix: Path) -> dict[str, dict[str, str]]:
    """Return the version and SHA-256 of each package unpacked into `prefix`, by name."""
    unpacked: dict[str, dict[str, str]] = json.loads((prefix / "manifest.json").read_text(encoding="utf-8"))["packages"]
    return unpacked


def mirror(etc: Path = Path("/etc")) -> str:
    """Return the URI of the Debian mirror in the machine's apt sources.

    Raises LabError if the apt sources contain no Debian mirror.
    """
    suites = {release(etc), "stable", "testing", "unstable", "sid"}
    for uri, suite, components in _archives(etc / "apt"):
        if suite in suites and "main" in components and not uri.startswith("cdrom:"):
            return uri
    raise LabError("no Debian mirror in /etc/apt/sources.list or /etc/apt/sources.list.d: add one")


def release(etc: Path = Path("/etc")) -> str:
    """Return the code name of the machine's own release, such as `bookworm`; empty if it has none."""
    codename = re.search(r"^VERSION_CODENAME=\"?(\w+)", (etc / "os-release").read_text(encoding="utf-8"), re.MULTILINE)
    return codename[1] if codename else ""


def own_sources(etc: Path = Path("/etc")) -> list[str]:
    """Return the machine's apt sources of its own release, its updates and security updates, as one line each."""
    suites = {f"{release(etc)}{kind}" for kind in ("", "-updates", "-security")}
    return [
        f"deb [signed-by={KEYRING}] {uri} {suite} main"
        for uri, suite, components in _archives(etc / "apt")
        if suite in suites and "main" in components and not uri.startswith("cdrom:")
    ]


def _archives(apt: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (URI, suite, components) of each binary archive in apt's sources, in one-line and deb822 format."""
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if path.suffix == ".list":
            for line in map(ONE_LINE.match, text.splitlines()):
                if line:
                    yield line["uri"], line["suite"], line["components"].split()
        elif path.suffix == ".sources":
            text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
            for stanza in re.split(r"\n\s*\n", text):
                yield from _stanza(stanza)


def _stanza(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the archives of one deb822 stanza. A value may continue on indented lines."""
    pairs = re.findall(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", text, re.MULTILINE)
    fields = {key.lower(): value.split() for key, value in pairs}
    if "deb" not in fields.get("types", []) or fields.get("enabled") == ["no"]:
        return
    for uri in fields.get("uris", []):
        for suite in fields.get("suites", []):
            yield uri, suite, fields.get("components", [])


def identity(source: FromDebian, prefix: Path) -> str:
    """Return what a prefix is made of: its source and its path, because its executables contain the path."""
    return f"{msgspec.json.encode(source, order='sorted').decode()} in {prefix}"


def _download_and_unpack(source: FromDebian, fresh: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Download and unpack the packages and their dependencies. Yields each name with its version and SHA-256."""
    apt = fresh / "apt"
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True)
    uri = mirror()
    sources = "".join(f"deb [signed-by={KEYRING}] {uri} {suite} main\n" for suite in source.suites)
    (apt / "sources.list").write_text(sources, encoding="utf-8")
    (apt / "status").write_text(_system_packages_status(), encoding="utf-8")
    options = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::Lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache::Archives": apt / "archives",
        "APT::Sandbox::User": "root",  # apt's sandbox user cannot write to this folder
        "Acquire::Languages": "none",
    }
    apt_get = ["apt-get", "-q", *(f"-o{key}={value}" for key, value in options.items())]
    _run([*apt_get, "update", "--error-on=any"])
    _run([*apt_get, "install", "-y", "--download-only", "--no-install-recommends", *source.packages])
    for archive in sorted((apt / "archives").glob("*.deb")):
        _run(["dpkg-deb", "-x", str(archive), str(fresh)])
        name, version = _run(["dpkg-deb", "-W", "--showformat=${Package}\t${Version}", str(archive)]).split("\t")
        yield name, {"version": version, "sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}
    shutil.rmtree(apt)


def _system_packages_status() -> str:
    """Return a dpkg status file that lists the packages of `system.toml`, and no others, as installed."""
    architecture = _run(["dpkg", "--print-architecture"]).strip()
    names = sorted({name for part in system.parts() for name in part.packages})
    fields = "Status: install ok installed\nMaintainer: -\nDescription: -\nVersion: 999:0"
    return "".join(f"Package: {name}\nArchitecture: {architecture}\n{fields}\n\n" for name in names)


def _link_within(root: Path) -> None:
    """Make absolute links to files that `root` contains point to those files."""
    for link in list(root.rglob("*")):
        if link.is_symlink() and (target := link.readlink()).is_absolute():
            within = root / target.relative_to("/")
            if within.exists():
                link.unlink()
                link.symlink_to(os.path.relpath(within, link.parent))


def _relocate(fresh: Path, prefix: Path) -> None:
    """Set the loader and the library path of every program under `fresh` for its final location, `prefix`."""
    loader, programs = next(fresh.glob("usr/lib/*/ld-linux*.so.*"), None), list(_programs(fresh))
    if not programs:
        return  # statically linked, such as those in Go
    if loader is None:
        raise LabError(f"the packages unpacked for {prefix.name} contain no C library")
    final = prefix / loader.relative_to(fresh)
    for program in programs:
        # RPATH, unlike RUNPATH, also applies to the dependencies of a library.
        rpath = _run(["patchelf", "--print-rpath", str(program)]).strip()
        search = ["--force-rpath", "--set-rpath", ":".join(filter(None, (rpath, str(final.parent))))]
        _run(["patchelf", "--set-interpreter", str(final), *search, str(program)])


def _find_headers(prefix: Path) -> None:
    """Link the architecture-specific headers of each Python into the folder of its other headers.

    Debian's pyconfig.h includes them relative to usr/include. In a prefix no compiler searches usr/include, but every
    build of an extension searches the folder of the Python's headers.
    """
    include = prefix / "usr/include"
    for config in include.glob("*-linux-*/python3.*/pyconfig.h"):
        (include / config.parent.name / config.parts[-3]).symlink_to(f"../{config.parts[-3]}")


def _compile(prefix: Path) -> None:
    """Compile each Python's standard library to bytecode, as its package does on installation.

    Otherwise the first start of the interpreter would compile it.
    """
    for program in prefix.glob("usr/bin/py*3.*"):
        library = prefix / "usr/lib" / program.name
        if library.is_dir():
            _run([str(program), "-m", "compileall", "-q", str(library)])


def _programs(root: Path) -> Iterator[Path]:
    """Yield the dynamically linked ELF executables under `root`."""
    for path in root.rglob("*"):
        if path.is_symlink() or not path.is_file() or not path.stat().st_mode & 0o111:
            continue
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == b"\x7fELF" and system.run(["patchelf", "--print-interpreter", str(path)]).returncode == 0:
            yield path


def _run(argv: list[str]) -> str:
    """Run a command and return its stdout. Raises LabError with its error message if it fails."""
    done = system.run(argv)
    if done.returncode != 0:
        raise LabError(f"`{argv[0]}` failed: {system.error_message(done)}")
    return done.stdout

"""Interpreters and servers from Debian packages, unpacked into a prefix of their own; the system stays as it is.

apt resolves, downloads and verifies with lists and a package state of its own, so that a prefix holds all that the
packages need, the C library included, whatever the release of the machine. Needs no rights.
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

from bench.errors import LabError
from bench.model import FromDebian
from bench.provision import system

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
ONE_LINE = re.compile(r"deb\s+(?:\[[^]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>[^#]+)")


def unpack(source: FromDebian, prefix: Path) -> Path:
    """The executable of `source` under `prefix`; unpacks the packages unless they are there already.

    Raises LabError with the words of the tool that failed. A prefix is done when its manifest is there: one that was
    broken off is made anew.
    """
    executable = prefix / source.executable
    if is_unpacked(source, prefix):
        return executable
    for tool in ("apt-get", "dpkg-deb", "patchelf"):
        if shutil.which(tool) is None:
            raise LabError(f"unpacking {' '.join(source.packages)} needs {tool}, which is not here")
    fresh = prefix.with_name(prefix.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    manifest = {"source": identity(source, prefix), "packages": dict(sorted(_unpacked(source, fresh)))}
    _link_within(fresh)
    _relocate(fresh, prefix)
    _find_headers(fresh)
    if not (fresh / source.executable).exists():
        raise LabError(f"{' '.join(source.packages)} of {' '.join(source.suites)} hold no {source.executable}")
    shutil.rmtree(prefix, ignore_errors=True)
    fresh.rename(prefix)
    _compile(prefix)
    (prefix / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return executable


def is_unpacked(source: FromDebian, prefix: Path) -> bool:
    """Whether `prefix` holds what `source` declares, made for this place."""
    manifest = prefix / "manifest.json"
    if not manifest.exists():
        return False
    return bool(json.loads(manifest.read_text(encoding="utf-8"))["source"] == identity(source, prefix))


def packages(prefix: Path) -> dict[str, dict[str, str]]:
    """Version and SHA-256 of each package unpacked into `prefix`, by name."""
    held: dict[str, dict[str, str]] = json.loads((prefix / "manifest.json").read_text(encoding="utf-8"))["packages"]
    return held


def mirror(etc: Path = Path("/etc")) -> str:
    """The address that the machine's own apt sources name for its release of Debian.

    Raises LabError where they name none.
    """
    release = (etc / "os-release").read_text(encoding="utf-8")
    codename = re.search(r"^VERSION_CODENAME=\"?(\w+)", release, re.MULTILINE)
    suites = {codename[1] if codename else "", "stable", "testing", "unstable", "sid"}
    for uri, suite, components in _archives(etc / "apt"):
        if suite in suites and "main" in components and not uri.startswith("cdrom:"):
            return uri
    raise LabError("the apt sources of this machine name no Debian mirror")


def _archives(apt: Path) -> Iterator[tuple[str, str, list[str]]]:
    """(URI, suite, components) of each binary archive in apt's sources, in both of their formats."""
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
    """The archives of one deb822 stanza; its values may run over indented lines."""
    pairs = re.findall(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", text, re.MULTILINE)
    fields = {key.lower(): value.split() for key, value in pairs}
    if "deb" not in fields.get("types", []) or fields.get("enabled") == ["no"]:
        return
    for uri in fields.get("uris", []):
        for suite in fields.get("suites", []):
            yield uri, suite, fields.get("components", [])


def identity(source: FromDebian, prefix: Path) -> str:
    """What a prefix was made from, and for which place: its executables hold its path."""
    return f"{msgspec.json.encode(source, order='sorted').decode()} in {prefix}"


def _unpacked(source: FromDebian, fresh: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Download and unpack the packages and all that they need; yields each name with its version and SHA-256."""
    apt = fresh / "apt"
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True)
    address = mirror()
    sources = "".join(f"deb [signed-by={KEYRING}] {address} {suite} main\n" for suite in source.suites)
    (apt / "sources.list").write_text(sources, encoding="utf-8")
    (apt / "status").write_text(_brought_by_the_system(), encoding="utf-8")
    options = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::Lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache::Archives": apt / "archives",
        "APT::Sandbox::User": "root",  # apt's own user could not write here
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


def _brought_by_the_system() -> str:
    """A package state in which the packages of `system.toml`, and nothing else, are installed."""
    architecture = _run(["dpkg", "--print-architecture"]).strip()
    names = sorted({name for part in system.parts() for name in part.packages})
    fields = "Status: install ok installed\nMaintainer: -\nDescription: -\nVersion: 999:0"
    return "".join(f"Package: {name}\nArchitecture: {architecture}\n{fields}\n\n" for name in names)


def _link_within(root: Path) -> None:
    """Turn links that name a file by its place on an installed system into links within `root`."""
    for link in list(root.rglob("*")):
        if link.is_symlink() and (target := link.readlink()).is_absolute():
            within = root / target.relative_to("/")
            if within.exists():
                link.unlink()
                link.symlink_to(os.path.relpath(within, link.parent))


def _relocate(fresh: Path, prefix: Path) -> None:
    """Make every program under `fresh` find the loader and the libraries at `prefix`, where it will stand."""
    loader = next(fresh.glob("usr/lib/*/ld-linux*.so.*"), None)
    if loader is None:
        raise LabError(f"no C library among the packages unpacked for {prefix.name}")
    place = prefix / loader.relative_to(fresh)
    for program in _programs(fresh):
        # RPATH, unlike RUNPATH, also serves the libraries that a library loads
        own = _run(["patchelf", "--print-rpath", str(program)]).strip()
        search = ["--force-rpath", "--set-rpath", ":".join(filter(None, (own, str(place.parent))))]
        _run(["patchelf", "--set-interpreter", str(place), *search, str(program)])


def _find_headers(prefix: Path) -> None:
    """Let each Python's headers find the part of them that Debian keeps by architecture and includes from usr/include.

    That folder is no compiler's own here, while a build of an extension names the one of the Python's headers.
    """
    include = prefix / "usr/include"
    for config in include.glob("*-linux-*/python3.*/pyconfig.h"):
        (include / config.parent.name / config.parts[-3]).symlink_to(f"../{config.parts[-3]}")


def _compile(prefix: Path) -> None:
    """Compile each Python's library to bytecode, as its package does once installed; else the first start would."""
    for program in prefix.glob("usr/bin/py*3.*"):
        library = prefix / "usr/lib" / program.name
        if library.is_dir():
            _run([str(program), "-m", "compileall", "-q", str(library)])


def _programs(root: Path) -> Iterator[Path]:
    """The ELF executables under `root` that name a loader."""
    for path in root.rglob("*"):
        if path.is_symlink() or not path.is_file() or not path.stat().st_mode & 0o111:
            continue
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == b"\x7fELF" and system.run(["patchelf", "--print-interpreter", str(path)]).returncode == 0:
            yield path


def _run(argv: list[str]) -> str:
    """What a command prints. Raises LabError with its complaint if it fails."""
    done = system.run(argv)
    if done.returncode != 0:
        raise LabError(f"`{argv[0]}` failed: {system.complaint(done)}")
    return done.stdout

"""The layers of an image: Debian's packages as an archive, and folders with files of a stack's prefix."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from bench.build import artifacts, commands, contents
from bench.errors import LabError, MissingError
from bench.model import Catalog, Stack
from bench.paths import PREFIXES
from bench.provision import debian, system

PREFIX = "/srv/service"  # the prefix of every stack in its image
USER = 10001
PASSWD = f"root:x:0:0::/:\nservice:x:{USER}:{USER}::{PREFIX}:\n"
GROUP = f"root:x:0:\nservice:x:{USER}:\n"
# `--timestamp` changes the time of each source, and a read-only root never gets new bytecode.
COMPILE = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
PROGRAMS = ("/bin/*", "/sbin/*", "/usr/bin/*", "/usr/sbin/*", "/usr/libexec/*")
UNUSED = ("/usr/share/*", "/usr/lib/*/gconv/*", "/lib/systemd/*", "/usr/lib/binfmt.d/*", "/usr/lib/mime/*", "/var/*")
OF_BUILD = ("/etc/apt/*", "/etc/dpkg/*", "/etc/alternatives/*", "/etc/cron.daily/*", "/etc/logrotate.d/*")
OF_HOST = ("/etc/hostname", "/etc/resolv.conf", "/etc/fstab")


def debian_layer(files: Iterable[Path], executable: Path, archive: Path, log: Path) -> tuple[str, ...]:
    """Pack the packages that own `files` and what these need, with bytecode. Returns the names of the former.

    Of all programs only the interpreter `executable` stays. Raises MissingError if a file belongs to no package.
    """
    compiled = shlex.join([str(executable), *COMPILE])
    return packed(files, executable, archive, log, hook=f'{compiled} -s "$1" -p / "$1"/usr/lib/python3*')


def packed(files: Iterable[Path], executable: Path, archive: Path, log: Path, hook: str = "true") -> tuple[str, ...]:
    """Pack the packages that own `files`, and what these need. Of all programs only `executable` stays.

    `hook` is a command of the shell, for which `$1` is the folder of the unpacked packages.
    """
    packages = owners(files)
    whole = archive.with_name("whole.tar")
    make = ["mmdebstrap", "--variant=extract", "--skip=output/dev", f"--include={','.join(packages)}"]
    suite, sources = debian.release(), archive.with_name("sources.list")
    sources.write_text("".join(f"{line}\n" for line in debian.own_sources()), encoding="utf-8")
    commands.run([*make, f"--extract-hook={hook}", suite, str(whole), str(sources)], archive.parent, log)
    excluded = [f"--path-exclude={pattern}" for pattern in (*PROGRAMS, *UNUSED, *OF_BUILD, *OF_HOST)]
    with whole.open("rb") as source, archive.open("wb") as target:
        filtered = ["mmtarfilter", *excluded, f"--path-include={executable}"]
        subprocess.run(filtered, stdin=source, stdout=target, check=True)
    whole.unlink()
    return packages


def owners(files: Iterable[Path]) -> tuple[str, ...]:
    """Return the Debian packages that own `files`. Raises MissingError for a file that no package owns."""
    # A package of before the merge of /lib and /usr/lib names the former.
    named = {path: {str(path), str(path).removeprefix("/usr")} for path in files}
    said = system.run(["dpkg", "--search", *sorted(set().union(*named.values()))]).stdout
    owned = {name: package for package, _, name in (line.rpartition(": ") for line in said.splitlines())}
    found = set()
    for path, names in named.items():
        owner = next((owned[name] for name in names if name in owned), None)
        if owner is None:
            raise MissingError(f"an image holds Debian's own packages, and none of them has {path}")
        found.add(owner.partition(":")[0])
    return tuple(sorted(found))


def folders(catalog: Catalog, stack: Stack, context: Path, log: Path) -> set[Path]:
    """Copy the files of the prefix of `stack` to `context`/packages and `context`/core, with bytecode.

    Returns the other programs and libraries of the stack, which Debian's packages must have.
    """
    prefix, others = PREFIXES / stack.variant, set()
    for part, files in contents.files(catalog, stack).items():
        root = context / ("core" if part == "core" else "packages")
        for path in files:
            if prefix not in path.parents:
                others |= {path} if contents.is_elf(path) else set()
            elif not _names_prefix(path):
                _copy(path, root / PREFIX[1:] / path.relative_to(prefix))
    _environment(context / "packages", artifacts.require(stack.variant).interpreter.executable)
    for root in (context / "packages", context / "core"):
        places = ["-s", str(root), "-p", "/", str(root / PREFIX[1:])]
        commands.run([str(artifacts.python(stack.variant)), *COMPILE, *places], context, log)
    return others


def _names_prefix(path: Path) -> bool:
    """Return True for what only the original place can use: scripts with its interpreter, and where a wheel was."""
    with path.open("rb") as file:
        return path.name == "direct_url.json" or (path.parent.name == "bin" and file.read(2) == b"#!")


def _copy(path: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, destination)
    if contents.is_elf(path):
        subprocess.run(["strip", "--strip-unneeded", str(destination)], check=False, stderr=subprocess.DEVNULL)
        destination.chmod(0o755)


def _environment(root: Path, executable: str) -> None:
    """Make the files of a virtual environment of `executable`, and those that name the user."""
    home, version = Path(executable).parent, re.search(r"3\.\d+", executable)
    if version is None:
        raise LabError(f"{executable}: the name of an interpreter in an image must end with its version")
    inside = root / PREFIX[1:]
    (inside / "bin").mkdir(parents=True, exist_ok=True)
    (inside / "bin" / "python").symlink_to(executable)
    (inside / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\nversion = {version[0]}\n")
    users(root)


def users(root: Path) -> None:
    """Write the files that name the user of an image."""
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "passwd").write_text(PASSWD)
    (root / "etc" / "group").write_text(GROUP)

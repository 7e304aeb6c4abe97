"""Three git repositories: a bare one with a hook, the clone of a developer, who pushes, and that of the deployer."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bench.build import commands
from bench.errors import LabError
from bench.host.pinning import cores, pinned

BRANCH = "main"
HOOK = (
    '#!/bin/sh\nexec cat >"{pushed}"\n'  # git hands over a line for each branch: its old commit, its new one, its name
)
SETTINGS = {
    "user.name": "A developer",
    "user.email": "developer@localhost",
    "init.defaultBranch": BRANCH,
    "commit.gpgSign": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}


class Clones(NamedTuple):
    """The folder of the three repositories, and where git writes to."""

    folder: Path
    log: Path

    @property
    def developer(self) -> Path:
        """The clone in which a developer changes files."""
        return self.folder / "developer"

    @property
    def deployer(self) -> Path:
        """The clone from which the deployer builds."""
        return self.folder / "deployer"

    @property
    def pushed(self) -> Path:
        """The file in which the hook says what was pushed."""
        return self.folder / "pushed"

    def create(self) -> None:
        """Create the bare repository with its hook, and two clones of it."""
        self._git(self.folder, "init", "--quiet", "--bare", "origin.git")
        hook = self.folder / "origin.git/hooks/post-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(HOOK.format(pushed=self.pushed), encoding="utf-8")
        hook.chmod(0o755)
        for clone in (self.developer, self.deployer):
            self._git(self.folder, "clone", "--quiet", "origin.git", str(clone))

    def commit(self, message: str) -> None:
        """Commit what the developer changed."""
        self._git(self.developer, "add", "--all")
        self._git(self.developer, "commit", "--quiet", "--message", message)

    def push(self) -> None:
        """Push the commit, and check it out for the deployer. Raises LabError unless the hook told of it."""
        self.pushed.unlink(missing_ok=True)
        self._git(self.developer, "push", "--quiet", "origin", BRANCH)
        if not self.pushed.is_file():
            raise LabError(f"the hook did not run; see {self.log}")
        commit = self.pushed.read_text(encoding="ascii").split()[1]
        self._git(self.deployer, "fetch", "--quiet", "origin", BRANCH)
        self._git(self.deployer, "checkout", "--quiet", "--detach", commit)

    def _git(self, folder: Path, *words: str) -> None:
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(self.folder)}
        env |= {"GIT_CONFIG_NOSYSTEM": "1"}
        commands.run(pinned(["git", *settings, *words], cores().all), folder, self.log, env)

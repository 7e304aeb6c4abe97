"""Clients generated from `spec/openapi.json`, each with its driver in `.lab/clients/<language>`.

`clients/<language>` has what is written by hand: the generator's configuration, the driver, and pinned dependencies.
Nothing generated is kept, so that it cannot differ from the document.
"""

import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

from bench.build import commands, peers
from bench.errors import LabError, MissingError
from bench.host import exclusive
from bench.model import FromNpm
from bench.paths import LAB, LOGS, ROOT, SPEC, TOOLS
from bench.provision import npm, stamp, system
from tests import tools
from tests.declared import CATALOG

DOCUMENT = SPEC / "openapi.json"
CLIENTS = LAB / "clients"
LOCK = ROOT / "bench" / "locks" / "clients.txt"


class Mend(NamedTuple):
    """A mistake in a generated file, and what is right."""

    path: str
    wrong: str
    right: str


# The constant of `"type": "boolean", "const": true` is a string, which javac refuses.
MENDED = Mend("src/main/java/statements/client/model/TemplatedLink.java", 'TRUE("true")', "TRUE(true)")
TYPESCRIPT = FromNpm(folder="clients/typescript", executable="node_modules/typescript/lib/tsc.js")


class Language(ABC):
    """A language: how its client is generated, compiled and run. Each step raises LabError if it fails.

    It raises MissingError if a tool or a registry is unavailable.
    """

    name: str
    suffix: str

    @property
    def by_hand(self) -> Path:
        """The folder of what is written by hand."""
        return ROOT / "clients" / self.name

    @abstractmethod
    def generate(self, folder: Path) -> None:
        """Write the client into an empty folder."""

    @abstractmethod
    def compile(self, folder: Path) -> None:
        """Compile the client with its driver, as strictly as the compiler can."""

    @abstractmethod
    def driver(self, folder: Path) -> list[str]:
        """The command of the driver. It takes a URL and the files of documents."""


class Python(Language):
    """openapi-python-client, checked by mypy."""

    name, suffix = "python", ".py"

    def generate(self, folder: Path) -> None:
        command = ("openapi-python-client", "generate", "--meta", "none", "--fail-on-warning")
        config, output = self.by_hand / "config.yaml", folder / "statements_client"
        run(folder, *command, "--path", DOCUMENT, "--config", config, "--output-path", output)

    def compile(self, folder: Path) -> None:
        run(folder, "mypy", "--config-file", "mypy.ini", "statements_client", "golden.py")

    def driver(self, folder: Path) -> list[str]:
        return [str(tools.python("clients")), str(folder / "golden.py")]


class ByOpenApiGenerator(Language):
    """A language of openapi-generator, which is written in Java."""

    def generate(self, folder: Path) -> None:
        system.require(("JDK",))
        command, config = ("openapi-generator-cli", "generate"), self.by_hand / "config.yaml"
        run(folder, *command, "--input-spec", DOCUMENT, "--config", config, "--output", folder)


class TypeScript(ByOpenApiGenerator):
    """typescript-fetch, on the lab's NodeJS."""

    name, suffix = "typescript", ".ts"

    def compile(self, folder: Path) -> None:
        tsc = npm.unpack(TYPESCRIPT, TOOLS / "typescript")
        types = TOOLS / "typescript" / "node_modules" / "@types"
        run(folder, self._node(), tsc, "--project", folder, "--typeRoots", types)

    def driver(self, folder: Path) -> list[str]:
        return [str(self._node()), str(folder / "built" / "golden.js")]

    def _node(self) -> Path:
        return peers.provision(CATALOG.peers["node-ordinary"])


class Java(ByOpenApiGenerator):
    """okhttp-gson, by Maven; its jars are checked before they are used."""

    name, suffix = "java", ".java"

    def generate(self, folder: Path) -> None:
        super().generate(folder)
        path = folder / MENDED.path
        text = path.read_text(encoding="utf-8")
        if MENDED.wrong not in text:
            raise LabError(f"{path}: the generator is right now: remove MENDED")
        path.write_text(text.replace(MENDED.wrong, MENDED.right), encoding="utf-8")

    def compile(self, folder: Path) -> None:
        system.require(("JDK", "Maven"))
        maven = ["mvn", "--batch-mode", "--quiet"]
        try:
            run(folder, *maven, "dependency:copy-dependencies")
        except LabError as error:
            raise MissingError(str(error)) from error
        run(folder, "sha256sum", "--check", "--strict", "--quiet", "jars.sha256")
        run(folder, *maven, "compile")

    def driver(self, folder: Path) -> list[str]:
        return ["java", "-cp", f"{folder}/target/classes:{folder}/target/dependency/*", "Golden"]


LANGUAGES: dict[str, Language] = {each.name: each for each in (Python(), TypeScript(), Java())}


def built(language: Language) -> Path:
    """The folder of a client, which is first generated and compiled if anything that it is made of has changed."""
    folder, made_of = CLIENTS / language.name, stamp.of(Path(__file__), DOCUMENT, LOCK, *files(language.by_hand))
    with exclusive.building(print):
        if not stamp.is_current(folder, made_of):
            with stamp.rebuilding(folder, made_of):
                language.generate(folder)
                shutil.copytree(language.by_hand, folder, dirs_exist_ok=True)
                language.compile(folder)
    return folder


def generated(language: Language, folder: Path) -> dict[str, bytes]:
    """The generated source files of a client's folder, by path."""
    ours = {path.relative_to(language.by_hand) for path in files(language.by_hand)}
    sources = {path.relative_to(folder): path for path in files(folder) if path.suffix == language.suffix}
    return {str(name): path.read_bytes() for name, path in sources.items() if name not in ours}


def files(folder: Path) -> list[Path]:
    """All files of a folder, in a stable order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def run(folder: Path, *argv: str | Path) -> None:
    """Run a step in a folder, with the generators and ruff on PATH."""
    env = {**os.environ, "PATH": f"{tools.python('clients').parent}:{os.environ['PATH']}"}
    LOGS.mkdir(parents=True, exist_ok=True)
    commands.run(list(map(str, argv)), folder, LOGS / "clients.log", env)

"""Clients generated from `spec/openapi.json`, each with its driver in `.lab/clients/<language>`.

`clients/<language>` has what is written by hand: the configuration of the generator, the driver, and pinned dependencies.
Nothing generated is kept, so that it cannot differ from the document.
"""

import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path

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
        argv = ["openapi-python-client", "generate", "--path", DOCUMENT, "--config", self.by_hand / "config.yaml"]
        run([*argv, "--meta", "none", "--fail-on-warning", "--output-path", folder / "statements_client"], folder)

    def compile(self, folder: Path) -> None:
        run(["mypy", "--strict", "--config-file=", "statements_client", "golden.py"], folder)

    def driver(self, folder: Path) -> list[str]:
        return [str(tools.python("clients")), str(folder / "golden.py")]


class ByOpenApiGenerator(Language):
    """A language of openapi-generator, which is written in Java."""

    def generate(self, folder: Path) -> None:
        system.require(("JDK",))
        argv = ["openapi-generator-cli", "generate", "--input-spec", DOCUMENT, "--output", folder]
        run([*argv, "--config", self.by_hand / "config.yaml"], folder)


class TypeScript(ByOpenApiGenerator):
    """typescript-fetch, on the lab's NodeJS."""

    name, suffix = "typescript", ".ts"

    def compile(self, folder: Path) -> None:
        tsc = npm.unpack(TYPESCRIPT, TOOLS / "typescript")
        types = TOOLS / "typescript" / "node_modules" / "@types"
        run([self._node(), tsc, "--project", folder, "--typeRoots", types], folder)

    def driver(self, folder: Path) -> list[str]:
        return [str(self._node()), str(folder / "built" / "golden.js")]

    def _node(self) -> Path:
        return peers.provision(CATALOG.peers["node-ordinary"])


class Java(ByOpenApiGenerator):
    """okhttp-gson, by Maven; its jars are checked before they are used."""

    name, suffix = "java", ".java"

    def compile(self, folder: Path) -> None:
        system.require(("JDK", "Maven"))
        maven = ["mvn", "--batch-mode", "--quiet"]
        try:
            run([*maven, "dependency:copy-dependencies"], folder)
        except LabError as error:
            raise MissingError(str(error)) from error
        run(["sha256sum", "--check", "--strict", "--quiet", "jars.sha256"], folder)
        run([*maven, "compile"], folder)

    def driver(self, folder: Path) -> list[str]:
        return ["java", "-cp", f"{folder}/target/classes:{folder}/target/dependency/*", "Golden"]


LANGUAGES: dict[str, Language] = {each.name: each for each in (Python(), TypeScript(), Java())}


def built(language: Language) -> Path:
    """The folder of a client, which is first generated and compiled if anything that it is made of has changed."""
    folder, made_of = CLIENTS / language.name, stamp.of(DOCUMENT, LOCK, *files(language.by_hand))
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


def run(argv: list[str | Path], folder: Path) -> None:
    """Run a step in a folder, with the generators and ruff on PATH."""
    env = {**os.environ, "PATH": f"{tools.python('clients').parent}:{os.environ['PATH']}"}
    LOGS.mkdir(parents=True, exist_ok=True)
    commands.run([*map(str, argv)], folder, LOGS / "clients.log", env)

"""The software bill of materials of a prefix: each distribution that is installed in it, in CycloneDX' format.

CycloneDX' own tool asks the prefix. What it says of this machine is left out, so that equal prefixes have equal bytes.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from bench.build import artifacts
from bench.errors import LabError
from bench.paths import ARTIFACTS
from bench.provision import tools

NAME = "sbom.cdx.json"
TOOL = ("-m", "cyclonedx_py", "environment", "--output-reproducible", "--output-format", "JSON")


def of_artifact(name: str) -> Path:
    """Write the SBOM of the prefix of the built variant `name` beside its artifact. Returns the file."""
    artifacts.require(name)
    return write(artifacts.python(name), ARTIFACTS / name)


def write(python: Path, folder: Path) -> Path:
    """Write the SBOM of the prefix of the interpreter `python` into a folder. Returns the file.

    Raises MissingError if the tool cannot be installed, and LabError with what it says if it fails.
    """
    argv = [str(tools.python("sbom")), *TOOL, str(python)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    if done.returncode != 0:
        raise LabError(f"the SBOM of {python} failed: {done.stderr.strip().rpartition(chr(10))[2]}")
    made = json.loads(done.stdout)
    for component in made["components"]:
        found_at = component.get("externalReferences", [])  # a wheel of the lab: in a folder of this machine
        component["externalReferences"] = [each for each in found_at if not each["url"].startswith("file:")]
    file = folder / NAME
    file.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return file


def components(sbom: Path) -> dict[str, str]:
    """Return the version of each distribution that an SBOM names."""
    return {each["name"]: each["version"] for each in json.loads(sbom.read_text(encoding="utf-8"))["components"]}

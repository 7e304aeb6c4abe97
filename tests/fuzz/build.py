"""Build the fuzzing process with clang and its sanitizers: all paths of the core, and libFuzzer's host."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from bench.errors import LabError
from bench.paths import ROOT
from bench.provision import system

BUILT = ROOT / "build" / "fuzz"
HOST = BUILT / "host"
HERE = Path(__file__).parent
SANITIZERS = "address,undefined"
COVERAGE = "inline-8bit-counters,pc-table"
# gcc defines the macro __SANITIZE_ADDRESS__, which the core checks; clang does not.
CFLAGS = f"-fsanitize={SANITIZERS} -fsanitize-coverage={COVERAGE} -fno-sanitize-recover=all -D__SANITIZE_ADDRESS__=1"


def build() -> None:
    """Compile changed sources. Raises MissingError without clang, LabError with a compiler's error message."""
    system.require(["clang"])
    compilers = {"CC": "clang", "LDSHARED": "clang -shared", "CFLAGS": CFLAGS}
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "-j", "2", "--build-temp", str(BUILT / "temporary")]
    run([*command, "--build-lib", str(BUILT)], compilers)
    (BUILT / "cython_core" / "__init__.py").touch()
    sources = [str(HERE / "host.cpp"), str(HERE / "mutator.cpp")]
    variables = sysconfig.get_config_vars()
    temporary = BUILT / "temporary"
    # Without sanitizers, which would only slow it down: the core is under test, not the host.
    run(["clang++", "-std=c++17", "-O2", "-Wall", "-I", variables["INCLUDEPY"], "-c", *sources], folder=temporary)
    library = [f"-L{variables['LIBDIR']}", f"-lpython{variables['LDVERSION']}", f"-Wl,-rpath,{variables['LIBDIR']}"]
    objects = [str(temporary / "host.o"), str(temporary / "mutator.o")]
    run(["clang++", f"-fsanitize=fuzzer,{SANITIZERS}", *objects, *library, "-o", str(HOST)])


def run(command: list[str], environment: dict[str, str] | None = None, folder: Path = ROOT) -> None:
    """Run a compiler. Raises LabError if it fails."""
    done = subprocess.run(
        command, cwd=folder, env=os.environ | (environment or {}), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise LabError(f"`{' '.join(command)}` failed: {system.error_message(done)}")

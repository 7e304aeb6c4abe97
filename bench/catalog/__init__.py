"""The folders of TOML files → one immutable, checked `Catalog`.

The folder listing is the registry: a new interpreter, variant, server, workload, load or study is one more file.
A variant on an interpreter other than the one its file names needs no file: `cython@cpython-3.13`.
"""

from __future__ import annotations

from msgspec.structs import replace

from bench.catalog import needed
from bench.catalog.checks import check, check_study
from bench.catalog.declarations import ALONE, constant, listing, words
from bench.catalog.moved import at_home
from bench.catalog.settings import with_settings
from bench.model import (
    Backend,
    Catalog,
    Delivery,
    Framework,
    Interface,
    Interpreter,
    Layer,
    Layering,
    Limit,
    Load,
    Peer,
    Place,
    Replacement,
    Server,
    Study,
    Tuning,
    Variant,
    Workload,
    Yardstick,
)
from bench.paths import ROOT

INTERFACES: dict[Interface, str] = {"wsgi": "", "asgi": "-asgi", "rsgi": "-rsgi"}  # the suffix of frameworks' names
FLAWS = (*ALONE, needed.flaw)
WORDED = (
    "bench/interpreters/*.toml",
    "builds/*/*.toml",
    "optimised/*/*.toml",
    "peers/*/*.toml",
    "bench/servers/*.toml",
    "bench/tunings/*.toml",
    "bench/workloads/*.toml",
    "bench/layerings/*.toml",
)  # the files that may have words; no two of them have one name


def read() -> Catalog:
    """Every declaration of this checkout. Raises LabError that names the file, the line and the key that is wrong."""
    catalog = Catalog(
        interpreters=listing(Interpreter, "bench/interpreters/*.toml"),
        variants=listing(Variant, "builds/*/*.toml", "optimised/*/*.toml", flaws=FLAWS),
        yardsticks=listing(Yardstick, "bench/yardsticks/*.toml", flaws=FLAWS),
        peers=listing(Peer, "peers/*/*.toml", flaws=FLAWS),
        frameworks=frameworks(),
        layers=layers(),
        servers=listing(Server, "bench/servers/*.toml", flaws=FLAWS),
        tunings=listing(Tuning, "bench/tunings/*.toml", flaws=FLAWS),
        replacements=listing(Replacement, "bench/replacements/*.toml", flaws=FLAWS),
        backends=listing(Backend, "bench/backends/*.toml", flaws=FLAWS),
        places=listing(Place, "bench/places/*.toml", flaws=FLAWS),
        layerings=listing(Layering, "bench/layerings/*.toml", flaws=FLAWS),
        limits=listing(Limit, "bench/limits/*.toml"),
        deliveries=listing(Delivery, "bench/deliveries/*.toml", flaws=FLAWS),
        workloads=listing(Workload, "bench/workloads/*.toml"),
        loads=listing(Load, "bench/loads/*.toml"),
        words=words(*WORDED),
    )
    check(catalog)
    declared = listing(Study, "bench/studies/*.toml")
    studies = {name: with_settings(study, catalog) for name, study in declared.items()}
    for study in studies.values():
        check_study(study, catalog)
    return replace(catalog, studies={name: at_home(study, catalog) for name, study in studies.items()})


def frameworks() -> dict[str, Framework]:
    """Frameworks by name. Each is one file; its constant `REQUIREMENTS` lists the packages that it needs.

    `app/wsgi/wheezy_web_app.py` is `wheezy-web`, and `app/asgi/falcon_app.py` is `falcon-asgi`.
    """
    found = {}
    for interface, suffix in INTERFACES.items():
        for path in sorted(ROOT.glob(f"app/{interface}/*_app.py")):
            name = path.stem.removesuffix("_app").replace("_", "-") + suffix
            module, requirements = f"app.{interface}.{path.stem}", constant(path, "REQUIREMENTS")
            found[name] = Framework(name=name, module=module, interface=interface, requirements=requirements)
    return found


def layers() -> dict[str, Layer]:
    """Layers by name: each module of `app` with a constant `REQUIREMENTS`."""
    found = {path.stem: constant(path, "REQUIREMENTS", None) for path in sorted(ROOT.glob("app/*.py"))}
    return {name: Layer(name=name, requirements=needs) for name, needs in found.items() if needs is not None}

"""A study of settings → the study with each server as it is and with each setting, and a target for each."""

from __future__ import annotations

from itertools import product

from msgspec.structs import replace

from bench.catalog import pairing
from bench.errors import LabError
from bench.model import (
    Against,
    Catalog,
    Place,
    SettingMetric,
    SettingsPlan,
    Stack,
    Study,
    Target,
    Tuning,
    Words,
    pick,
    server_name,
)

FIGURES: dict[SettingMetric, str] = {"cpu": "server CPU", "memory": "memory under load", "ready": "start"}


def with_settings(study: Study, catalog: Catalog) -> Study:
    """The study with its settings. Raises LabError for a server or tuning that is unknown or tuned already."""
    plan = study.settings
    if plan is None:
        return study
    where = f"bench/studies/{study.name}.toml: settings"
    for tuning in plan.tunings:
        pick(catalog.tunings, tuning, "tuning", f"{where}.tunings")
    for place in plan.places:
        pick(catalog.places, place, "place", f"{where}.places")
    for server in study.servers:
        if server_name(server).place or (plan.tunings and server_name(server).tuning):
            raise LabError(f"bench/studies/{study.name}.toml: servers: name {server} without its tuning and place")
    known: dict[str, Tuning | Place] = {f"+{name}": catalog.tunings[name] for name in plan.tunings}
    known |= {f"@{name}": catalog.places[name] for name in plan.places}
    servers = [f"{server}{suffix}" for server in study.servers for suffix in ("", *known)]
    compared = [
        _target(study, catalog, server, (suffix, setting))
        for server, (suffix, setting) in product(study.servers, known.items())
        if not _unsupported(catalog, server, setting)
    ]
    targets = [_of(target, metric, plan) for metric in (plan.metric, *plan.also) for target in compared]
    return replace(study, servers=tuple(servers), targets=(*study.targets, *targets))


def _unsupported(catalog: Catalog, server: str, setting: Tuning | Place) -> bool:
    """Whether a server does not have a setting at all."""
    if server_name(server).label in setting.unsupported:
        return True
    tuning = catalog.tunings.get(server_name(server).tuning)
    return isinstance(setting, Place) and tuning is not None and tuning.proxy is not None and not setting.shared


def _of(target: Target, metric: SettingMetric, plan: SettingsPlan) -> Target:
    """A target for one of the plan's metrics, which its title names if there are several."""
    return replace(target, metric=metric, title=f"{target.title}: {FIGURES[metric]}" if plan.also else target.title)


def _target(study: Study, catalog: Catalog, server: str, named: tuple[str, Tuning | Place]) -> Target:
    """The CPU time of the server with a setting, beside the same without it."""
    suffix, setting = named
    without = Stack(variant=study.baseline, framework=study.frameworks_on(server)[0], server=server)
    shown = {pairing.server_file(catalog, without).name: server, setting.name: setting.title}
    title = ", ".join(catalog.words.get(name, Words()).short or told for name, told in shown.items())
    return Target(
        title=title,
        stack=f"{without}{suffix}",
        metric="cpu",
        workloads=study.workloads,
        against=Against(stack=str(without)),
    )

"""A study of settings → the study with each server without and with each tuning, and with a target for each."""

from __future__ import annotations

from itertools import product

from msgspec.structs import replace

from bench.catalog import pairing
from bench.errors import LabError
from bench.model import Against, Catalog, SettingsPlan, Stack, Study, Target, Words, pick, server_name


def with_settings(study: Study, catalog: Catalog) -> Study:
    """The study with its settings. Raises LabError for a server or tuning that is unknown or tuned already."""
    plan = study.settings
    if plan is None:
        return study
    for tuning in plan.tunings:
        pick(catalog.tunings, tuning, "tuning", f"bench/studies/{study.name}.toml: settings.tunings")
    for server in study.servers:
        if server_name(server).label != server:
            raise LabError(f"bench/studies/{study.name}.toml: servers: name {server} without its tuning and place")
    servers = [f"{server}{tuned}" for server in study.servers for tuned in ("", *(f"+{name}" for name in plan.tunings))]
    targets = [
        _target(study, plan, catalog, server, tuning)
        for server, tuning in product(study.servers, plan.tunings)
        if server not in catalog.tunings[tuning].unsupported
    ]
    return replace(study, servers=tuple(servers), targets=(*study.targets, *targets))


def _target(study: Study, plan: SettingsPlan, catalog: Catalog, server: str, tuning: str) -> Target:
    """The figure of the server with the tuning, beside the same without it."""
    without = Stack(variant=study.baseline, framework=study.frameworks_on(server)[0], server=server)
    shown = {pairing.server_file(catalog, without).name: server, tuning: catalog.tunings[tuning].title}
    title = ", ".join(catalog.words.get(name, Words()).short or told for name, told in shown.items())
    return Target(
        title=title,
        stack=f"{without}+{tuning}",
        metric=plan.metric,
        workloads=study.workloads,
        against=Against(stack=str(without)),
    )

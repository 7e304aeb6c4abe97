"""Short names for answers and first tables: of workloads, cores, servers and stacks, with what decides against them."""

from __future__ import annotations

import re

from bench.catalog import pairing
from bench.model import Peer, Server, Stack, Study, Words, server_name
from bench.report.rows import Core, Finding
from bench.report.wording import MEGA, NO_FRAMEWORK, framework

KINDS = {"ordinary": "ordinary", "expert": "tuned", "hand-written": "hand-written"}  # of peers' cores
VERSION = re.compile(r" \d[\d.]*\b")
NEEDS_PROXY = "needs nginx"  # the words of a caveat before its colon
LARGE, TIMES = 100e6, 3.0  # bytes, and the multiple of the study's least memory, from which memory is a caveat


def work(finding: Finding) -> str:
    """The kind of work of a workload, in a few words."""
    return work_named(finding, finding.workload)


def work_named(finding: Finding, workload: str) -> str:
    """The kind of work of a workload of the study."""
    return words(finding, workload).short or finding.catalog.workloads[workload].title


def words(finding: Finding, name: str) -> Words:
    """What the TOML file of a declaration says to readers."""
    return finding.catalog.words.get(name, Words())


def core(finding: Finding, each: Core) -> str:
    """A core: the short name of its variant, with the interpreter if the study has several; a peer by its kind."""
    peer = finding.catalog.peers.get(each.variant)
    if peer:
        return f"{KINDS[peer.kind]} {VERSION.sub('', peer.title.split(',')[0].split(';')[0])}"
    own, _, elsewhere = each.variant.partition("@")
    short = words(finding, own).short
    on = f" on {finding.catalog.interpreter_of(each.variant).title}" if elsewhere else ""
    return f"{short}{on}" if short else each.title


def server(finding: Finding, stack: Stack) -> str:
    """The server of a stack, with its tuning."""
    found = pairing.server_for(finding.catalog, stack)
    if isinstance(found, Peer):
        return found.server
    label, tuning, place = server_name(stack.server)
    own = pairing.server_for(finding.catalog, Stack(variant=stack.variant, framework=stack.framework, server=label))
    short = words(finding, own.name).short or own.title
    more = [finding.catalog.tunings[tuning].title] if tuning else []
    more += [finding.catalog.places[place].title] if place else []
    return ", ".join([short, *more])


def server_at(finding: Finding, place: str) -> str:
    """The server of the stacks at a place."""
    return next((server(finding, row.stack) for row in finding.rows if row.place == place), place)


def advised(finding: Finding, stack: Stack) -> str:
    """The server of a stack, and in a word or two what decides against it."""
    return " ".join(filter(None, (server(finding, stack), _lead(finding, stack))))


def stack(finding: Finding, each: Stack) -> str:
    """A stack as an answer names it: the parts in which the study's stacks differ, and what decides against it."""
    study = finding.study
    if finding.is_of_an_application:
        return " ".join(filter(None, (named(finding, each), _lead(finding, each))))
    if each.is_peer:
        return core(finding, core_of(finding, each))
    several = len({row.stack.framework for row in finding.rows if not row.stack.is_peer}) > 1
    parts = [core(finding, core_of(finding, each))] if finding.compares_cores else []
    if len(study.servers) == 1 and (parts or several):
        return " with ".join(filter(None, (*parts, framework(each.framework) if several else "")))
    told = [" on ".join([*parts, server(finding, each)]), _lead(finding, each), beside(each) if several else ""]
    return " ".join(filter(None, told))


def beside(each: Stack) -> str:
    """The framework of a stack, after its server."""
    return "without a framework" if each.framework in NO_FRAMEWORK else f"with {each.framework}"


def _lead(finding: Finding, each: Stack) -> str:
    lead = _words_of(finding, each).lead
    return f"({lead})" if lead else ""


def caveat(finding: Finding, each: Stack) -> str:
    """What decides against a stack, for the cell of a table: the caveats of its server, core and interpreter."""
    return "; ".join(filter(None, (_words_of(finding, each).caveat, of_core(finding, each.variant))))


def of_core(finding: Finding, variant: str) -> str:
    """What decides against a core: the caveats of its variant and its interpreter."""
    peer = finding.catalog.peers.get(variant)
    names = [variant.partition("@")[0]] + ([] if peer else [finding.catalog.interpreter_of(variant).name])
    return "; ".join(filter(None, (words(finding, name).caveat for name in names)))


def held(finding: Finding, wanted: str) -> str:
    """The most memory that a core holds behind a server, if that is much among the study's cores; else empty."""
    known = [(row.memory.value, row.stack.variant) for row in finding.rows if row.memory.value is not None]
    most = max((value for value, variant in known if variant == wanted), default=0.0)
    if not known or most < max(LARGE, TIMES * min(value for value, _ in known)):
        return ""
    return f"holds {round(most / MEGA):,} MB"


def _words_of(finding: Finding, each: Stack) -> Words:
    """The words of a stack's server, without a caveat that asks for a proxy where one stands before it."""
    found = pairing.server_for(finding.catalog, each)
    own = words(finding, found.name.partition("+")[0])
    if isinstance(found, Server) and found.proxy and own.lead == NEEDS_PROXY:
        return Words(short=own.short)
    return own


def core_of(finding: Finding, each: Stack) -> Core:
    """The core of a stack; a peer has one of its own."""
    return next(core for core in (*finding.cores, *finding.peers) if core.variant == each.variant)


def named(finding: Finding, each: Stack) -> str:
    """The parts of a stack in which the study's stacks differ: version, server, interpreter."""
    catalog, study = finding.catalog, finding.study
    interpreters = {catalog.interpreter_of(name).name for name in study.variants}
    own = version(each.variant) if len(versions(study)) > 1 else ""
    label = each.server if len(study.servers) > 1 or not own else ""
    on = f"on {catalog.interpreter_of(each.variant).title}" if len(interpreters) > 1 else ""
    return " ".join(filter(None, (own, label, on)))


def versions(study: Study) -> set[str]:
    """The names of the applications in a study: two, if it compares versions."""
    return {version(name) for name in study.variants}


def version(variant: str) -> str:
    """The name of an application without its interpreter."""
    return variant.partition("@")[0]

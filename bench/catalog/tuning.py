"""A server and a tuning → the server with that tuning."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from msgspec.structs import replace

from bench.errors import LabError
from bench.model import Server, Tuning


def tuned(server: Server, tuning: Tuning, known: Mapping[str, Server]) -> Server:
    """`server` with `tuning`, labelled `label+tuning`.

    Raises LabError if the tuning is for other servers, with the labels of those among the `known` ones.
    """
    if tuning.servers and server.server not in tuning.servers:
        others = ", ".join(sorted(label for label, each in known.items() if each.server in tuning.servers))
        programs = ", ".join(tuning.servers)
        raise LabError(f"tuning {tuning.name!r} is for {programs}, not for {server.label}: use it with {others}")
    never = tuning.unsupported.get(server.label)
    return replace(
        server,
        name=f"{server.name}+{tuning.name}",
        label=f"{server.label}+{tuning.name}",
        title=f"{server.title}; {tuning.title}",
        argv=tuple(chain.from_iterable(tuning.words.get(word, (word,)) for word in server.argv)),
        env=server.env | tuning.env,
        keep_alive=server.keep_alive if tuning.keep_alive is None else tuning.keep_alive,
        note=" ".join(filter(None, (server.note, tuning.note, *tuning.losses.get(server.label, {}).values()))) or None,
        proxy=tuning.proxy,
        unsupported=server.unsupported | (dict.fromkeys(server.implementations, never) if never else {}),
        departures=tuning.departures if tuning.proxy else server.departures,
    )

"""Stacks: a variant behind a framework and a server, or a peer."""

from __future__ import annotations

import msgspec

from bench.model.base import Recorded
from bench.model.place import server_name


class Stack(Recorded, frozen=True):
    """variant × framework × server (with its worker class), written `variant/framework/server`.

    The server may have a tuning and a place: `label+tuning@place`.

    A peer is all three at once: its name is in `variant`, and the rest is empty.
    """

    variant: str
    framework: str = ""
    server: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.variant, self.framework, self.server)))

    @property
    def is_peer(self) -> bool:
        """Whether the stack is a peer."""
        return not self.server

    @property
    def label(self) -> str:
        """The server's label, without a tuning and a place."""
        return server_name(self.server).label

    @property
    def place(self) -> str:
        """The name of the place where the stack runs; empty on the host."""
        return server_name(self.server).place

    @property
    def on_host(self) -> Stack:
        """The same stack on the host."""
        return msgspec.structs.replace(self, server=server_name(self.server).on_host)

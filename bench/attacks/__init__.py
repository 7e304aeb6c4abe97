"""Hostile requests: their bytes, and what a server may do with them."""

from bench.attacks.corpus import CORPUS, named
from bench.attacks.script import Drip, Hold, Hostile, Leave, Pause, Send, Shut, Step, Stream

__all__ = ["CORPUS", "Drip", "Hold", "Hostile", "Leave", "Pause", "Send", "Shut", "Step", "Stream", "named"]

"""The documents that the workloads send, with the answers they must get: made from a seed or given, pinned by hash.

`ensure(workload)` is all that the rest of the lab needs, and `described(folder)` for documents that somebody brings;
docs/documents.md tells what is in them.
"""

from bench.documents.sets import DocumentSet, described, ensure

__all__ = ["DocumentSet", "described", "ensure"]

"""The documents that the workloads send, with the answers they must get: made from a seed, pinned by hash.

`ensure(workload)` is all that the rest of the lab needs; docs/documents.md tells what is in them.
"""

from bench.documents.sets import DocumentSet, ensure

__all__ = ["DocumentSet", "ensure"]

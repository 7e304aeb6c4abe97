"""The documents that the workloads send, with the answers they must get: made from a seed or given, pinned by hash.

The rest of the lab needs `ensure(workload)`, `exchanges(workload, folder)` for requests, `fresh(workload)` for such as
nobody could know, and `described(folder)` for documents that somebody brings; docs/documents.md tells what is in them.
"""

from bench.documents.exchanges import exchanges, fresh, headers_of
from bench.documents.sets import DocumentSet, described, ensure

__all__ = ["DocumentSet", "described", "ensure", "exchanges", "fresh", "headers_of"]

"""The documents that the workloads send, with the answers they must get: made from a seed or given, pinned by hash.

The rest of the lab needs `ensure(workload)`, `exchanges(workload, folder)` for requests, `renamed` for one as nobody
has seen it, and `described(folder)` for documents that somebody brings; docs/documents.md tells what is in them.
"""

from bench.documents.exchanges import exchanges, renamed
from bench.documents.sets import DocumentSet, described, ensure

__all__ = ["DocumentSet", "described", "ensure", "exchanges", "renamed"]

"""The documents of the workloads with their right answers: generated from a seed or given, pinned by hash.

`ensure(workload)` makes the documents, `exchanges(workload, folder)` returns requests, `fresh(workload)` returns
unpredictable requests, and `describe(folder)` declares given documents. docs/documents.md describes their contents.
"""

from bench.documents.exchanges import exchanges, fresh, headers_of
from bench.documents.sets import DocumentSet, describe, ensure

__all__ = ["DocumentSet", "describe", "ensure", "exchanges", "fresh", "headers_of"]

"""Pages of mapped files: a correction of PSS for pages that other processes also map.

PSS divides each page by the number of all processes that map it. Without the correction, an interpreter that also runs
the lab would seem smaller than an equal one that nothing else uses. Sources: Linux, Documentation/filesystems/proc.rst
(maps and smaps_rollup) and Documentation/admin-guide/mm/pagemap.rst. No privileged bit of pagemap is used.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from mmap import PAGESIZE
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PROC = Path("/proc")
ENTRY_BYTES = 8
PRESENT, OF_FILE = 63, 61  # bits of a pagemap entry; the second also marks shared memory
KIBIBYTE = 2**10
_MAPPING = re.compile(r"(?P<start>\w+)-(?P<end>\w+) \S+ (?P<offset>\w+) (?P<device>\S+) (?P<inode>\d+)")
_SHARE = re.compile(r"^Pss_(?:File|Shmem): +(\d+) kB$", re.MULTILINE)

File = tuple[str, str]  # device and inode


def uncounted_bytes(pids: Iterable[int]) -> int:
    """Return the bytes to add to the PSS of these processes, so that each file page that they map counts once.

    Private memory needs no correction, because only forks share it, and those belong to the same tree. Takes 2 ms per
    process.
    """
    mapped: dict[File, list[NDArray[np.int64]]] = defaultdict(list)
    counted = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # the process has ended
            share, pages = _share_bytes(pid), list(_pages(pid))
            counted += share
            for file, numbers in pages:
                mapped[file].append(numbers)
    return sum(len(np.unique(np.concatenate(each))) for each in mapped.values()) * PAGESIZE - counted


def _share_bytes(pid: int) -> int:
    """Return the part of a process's PSS that belongs to files and shared memory."""
    rollup = (PROC / str(pid) / "smaps_rollup").read_text()
    return sum(map(int, _SHARE.findall(rollup))) * KIBIBYTE


def _pages(pid: int) -> Iterator[tuple[File, NDArray[np.int64]]]:
    """Yield each mapped file with the numbers of its pages in memory, counted from the start of the file.

    A page of a private mapping that the process has written no longer belongs to the file.
    """
    folder = PROC / str(pid)
    with (folder / "pagemap").open("rb") as pagemap:
        for line in (folder / "maps").read_text(errors="surrogateescape").splitlines():
            found = _MAPPING.match(line)
            if not found or found["inode"] == "0":
                continue
            start, end, offset = (int(found[name], 16) // PAGESIZE for name in ("start", "end", "offset"))
            pagemap.seek(start * ENTRY_BYTES)
            entries = np.frombuffer(pagemap.read((end - start) * ENTRY_BYTES), np.uint64)
            present = (entries >> np.uint64(PRESENT)) & (entries >> np.uint64(OF_FILE)) & np.uint64(1)
            yield (found["device"], found["inode"]), np.flatnonzero(present) + offset

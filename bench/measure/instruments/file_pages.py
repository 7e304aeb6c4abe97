"""Pages of mapped files: what the PSS of processes leaves to others that map the same files.

PSS divides a page by the number of all processes that map it: an interpreter that also runs the lab would look smaller
than its equal that nothing else runs. Sources: Linux, Documentation/filesystems/proc.rst (maps and smaps_rollup) and
Documentation/admin-guide/mm/pagemap.rst, of which this needs no privileged bit.
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
PRESENT, OF_FILE = 63, 61  # bits of an entry; the second also stands for shared memory
KIBIBYTE = 2**10
_MAPPING = re.compile(r"(?P<start>\w+)-(?P<end>\w+) \S+ (?P<offset>\w+) (?P<device>\S+) (?P<inode>\d+)")
_SHARE = re.compile(r"^Pss_(?:File|Shmem): +(\d+) kB$", re.MULTILINE)

File = tuple[str, str]  # device and inode


def left_to_others_bytes(pids: Iterable[int]) -> int:
    """Bytes that the PSS of these processes lacks for each file page that they map to count once, as a whole.

    Private memory needs no such look: only forks share it, and those are of the same tree. Takes 2 ms a process.
    """
    mapped: dict[File, list[NDArray[np.int64]]] = defaultdict(list)
    counted = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            share, pages = _share_bytes(pid), list(_pages(pid))
            counted += share
            for file, numbers in pages:
                mapped[file].append(numbers)
    return sum(len(np.unique(np.concatenate(each))) for each in mapped.values()) * PAGESIZE - counted


def _share_bytes(pid: int) -> int:
    """The part of a process's PSS that is of files."""
    rollup = (PROC / str(pid) / "smaps_rollup").read_text()
    return sum(map(int, _SHARE.findall(rollup))) * KIBIBYTE


def _pages(pid: int) -> Iterator[tuple[File, NDArray[np.int64]]]:
    """Of each mapping of a file the numbers, counted from the file's start, of the pages in memory.

    A page that the process has written to its private mapping is the file's no more.
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
            here = (entries >> np.uint64(PRESENT)) & (entries >> np.uint64(OF_FILE)) & np.uint64(1)
            yield (found["device"], found["inode"]), np.flatnonzero(here) + offset

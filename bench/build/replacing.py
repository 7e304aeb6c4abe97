"""Replace folders that work by new ones, without losing them if these cannot be made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(*folders: Path, log: Path) -> Iterator[None]:
    """Move the folders aside for the block to make them anew. If it raises, they are moved back, with the new `log`.

    New ones are made at the final paths, because a virtual environment contains its own path.
    """
    aside = {folder: folder.parent.parent / "replaced" / folder.parent.name / folder.name for folder in folders}
    moved = []
    try:
        for folder, old in aside.items():
            shutil.rmtree(old, ignore_errors=True)
            if folder.exists():
                old.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(folder, old)
                moved.append(folder)
        yield
    except BaseException:
        told = log.read_bytes() if log.exists() else b""
        for folder in moved:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.move(aside[folder], folder)
        if told:
            log.write_bytes(told)
        raise
    for folder in moved:
        shutil.rmtree(aside[folder], ignore_errors=True)

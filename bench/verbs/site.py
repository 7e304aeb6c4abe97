"""`python -m bench.verbs.site FOLDER`: write what the site shows beside the docs into the site's folder."""

from __future__ import annotations

import sys
from pathlib import Path

from bench import catalog
from bench.report.site.write import write

if __name__ == "__main__":
    write(Path(sys.argv[1]), catalog.read().words)

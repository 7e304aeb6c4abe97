"""Paths in a checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "spec"
SUBJECT = ROOT / "bench" / "subject"
YARDSTICKS = ROOT / "bench" / "yardsticks"
RESULTS = ROOT / "results"
FINDINGS = ROOT / "docs" / "findings"
KEPT = FINDINGS / "data"
REMARKS = FINDINGS / "remarks"  # NAME.md: what a reader of a study's page must know
PROFILES = FINDINGS / "profiles"  # NAME.md: where the time of a study's subjects goes

LAB = ROOT / ".lab"
INTERPRETERS = LAB / "interpreters"
PREFIXES = LAB / "prefixes"
TOOLS = LAB / "tools"
ARTIFACTS = LAB / "artifacts"
DOCUMENTS = LAB / "documents"
GATLING = LAB / "gatling"
LOGS = LAB / "logs"
PACES = LAB / "paces"
FACTORS = LAB / "factors"  # copies and rebuilds of prefixes

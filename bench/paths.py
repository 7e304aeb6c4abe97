"""Where things lie in a checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "spec"
SUBJECT = ROOT / "bench" / "subject"
RESULTS = ROOT / "results"
FINDINGS = ROOT / "docs" / "findings"
KEPT = FINDINGS / "data"
REMARKS = FINDINGS / "remarks"  # NAME.md of a study: what a reader of its page has to know
PROFILES = FINDINGS / "profiles"  # NAME.md of a study: where the time goes

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

"""The JSON Schema of a document, for the libraries that read one."""

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("document.schema.json")  # the wheel has spec/document.schema.json here
SCHEMA: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))

"""The output in the docs: how it is pasted, and that no page shows any that is not."""

import re
from pathlib import Path

import pytest

from bench.paths import ROOT
from tests.docs_output import BLOCK, PAGES, Page

PAGE = """\
```python
# greet.py
print("hello   ")
```

```console
$ python ~/service/greet.py
stale
$ echo one \\
    two
$ echo 'bench: ~/none is empty' >&2; exit 1
```

<!-- quotes
$ printf 'built\\nbench: a | b\\nmore\\n' >&2; exit 2
$ echo "bench: ~/service: run \\`make\\`" >&2; exit 2
-->

| message | what to do |
|---|---|
| | wait |
| `stale` | look |
"""
PASTED = """\
```console
$ python ~/service/greet.py
hello
$ echo one \\
    two
one two
$ echo 'bench: ~/none is empty' >&2; exit 1
bench: ~/none is empty
```

<!-- quotes
$ printf 'built\\nbench: a | b\\nmore\\n' >&2; exit 2
$ echo "bench: ~/service: run \\`make\\`" >&2; exit 2
-->

| message | what to do |
|---|---|
| `a \\| b` | wait |
| `` ~/service: run `make` `` | look |
"""


def test_output_is_pasted_below_its_command_and_errors_into_their_rows(tmp_path: Path) -> None:
    pasted = Page(PAGE, tmp_path).pasted()
    assert pasted.endswith(PASTED)
    assert str(tmp_path) not in pasted


def test_a_row_without_a_command_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        Page(PAGE + "| `mine` | write it by hand |\n", tmp_path).pasted()


def test_a_session_of_other_commands_or_code_is_an_error(tmp_path: Path) -> None:
    page = "```console try-faster.transform 01234567\n$ python -m bench try faster:transform\n```\n"
    with pytest.raises(SystemExit, match="was measured with other commands or code: add --measure"):
        Page(page, tmp_path).pasted()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_shows_no_output_without_its_command(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    languages = set(re.findall(r"^```(\w*).*\n(?:(?s:.*?)^```$)", text, re.MULTILINE))
    assert languages <= {"", "console", "http", "java", "nginx", "python", "sh", "toml", "typescript", "yaml"}
    bodies = [block["body"] for block in BLOCK.finditer(text)]
    assert len(bodies) == len(re.findall("^```console", text, re.MULTILINE))
    assert all(body.startswith("$ ") for body in bodies)

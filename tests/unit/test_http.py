"""What all frameworks share, where no test of a framework reaches it."""

import pytest

from app.http import DEFAULT_MAX_BYTES, max_bytes_of


def test_the_largest_document_is_a_setting() -> None:
    assert max_bytes_of({}) == DEFAULT_MAX_BYTES
    assert max_bytes_of({"STATEMENTS_MAX_BYTES": "1000"}) == 1000


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1_000", " 1", "\u0661", "9" * 19, "9" * 5000])
def test_a_wrong_limit_names_its_variable(text: str) -> None:
    with pytest.raises(ValueError, match=f"^STATEMENTS_MAX_BYTES: '{text}' is no number of bytes$"):
        max_bytes_of({"STATEMENTS_MAX_BYTES": text})

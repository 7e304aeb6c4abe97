"""Fuzzing of the Cython core under AddressSanitizer, with coverage, by documents that a grammar makes: `make fuzz`."""

from typing import Final

PATHS: Final = ("scalar", "avx2", "avx512")
COMPARED_ONE_IN: Final = 3  # of what the core answers
JUDGED_ONE_IN: Final = 16  # of what it hands over
LEAST_ANSWERED: Final = 0.25  # of all documents; else it would be the error paths that were fuzzed

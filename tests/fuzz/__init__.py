"""Coverage-guided fuzzing of the Cython core under AddressSanitizer, with documents from a grammar: `make fuzz`."""

from typing import Final

PATHS: Final = ("scalar", "avx2", "avx512")
COMPARED_ONE_IN: Final = 3  # of the documents that the core answers
JUDGED_ONE_IN: Final = 16  # of the documents that fall back to the reference core
LEAST_ANSWERED: Final = 0.25  # of all documents; with fewer, mostly error paths would be fuzzed

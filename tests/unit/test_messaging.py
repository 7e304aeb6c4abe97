"""What `make messaging` reads from the log of actors whose workers were killed."""

from tests.messaging import SENT, Trial, judged


def test_what_is_missing_is_lost_and_what_is_there_twice_was_redelivered() -> None:
    lines = [f"b-{number % 4} {number} {number}.0 {number}.5" for number in range(SENT - 2)]
    assert judged([*lines, "b-3 7 200.0 200.5"]) == Trial(sent=SENT, lost=2, doubled=1, overlapping=0)


def test_documents_of_one_batch_overlap_if_one_begins_before_another_ends() -> None:
    lines = ["b-0 0 1.0 2.0", "b-0 4 1.5 2.5", "b-0 8 2.5 3.0", "b-1 1 1.0 3.0"]
    assert judged(lines).overlapping == 1

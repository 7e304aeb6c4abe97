"""Verdicts from figures: statistics, gates, rankings, the self-test. The race and the report build on this."""

"""Runs the cases of a study in blocks, each case with its instrument."""

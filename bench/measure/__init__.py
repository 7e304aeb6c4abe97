"""Blocks of cases, each run by its instrument."""

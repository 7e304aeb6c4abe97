"""Artifacts and peers, each with the proof of what it is."""

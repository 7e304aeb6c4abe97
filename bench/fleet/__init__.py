"""Run a study on several machines."""

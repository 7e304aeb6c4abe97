"""A study over several equal machines."""

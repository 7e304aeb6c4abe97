"""A study within a time: what is far behind gives its time to the others."""

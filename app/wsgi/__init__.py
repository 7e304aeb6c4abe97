"""WSGI frameworks, one file each: `make(core, facts, wait, max_bytes)` returns the application."""

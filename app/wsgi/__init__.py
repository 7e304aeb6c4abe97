"""One file a framework: `make(core, about, max_bytes)` is its WSGI application. Servers point at entry.py."""

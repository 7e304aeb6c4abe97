"""One file a framework: `make(core, about, wait, max_bytes)` is its WSGI application."""

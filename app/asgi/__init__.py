"""The same for ASGI: `make(core, about, wait, max_bytes)` is an application whose `wait` is a coroutine function."""

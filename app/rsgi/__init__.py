"""RSGI frameworks, one file each: `make(core, about, wait, max_bytes)` returns the application.

`wait` is a coroutine function.
"""

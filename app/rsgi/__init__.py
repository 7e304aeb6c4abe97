"""RSGI frameworks, one file each: `make(core, facts, wait, max_bytes)` returns the application.

`wait` is a coroutine function.
"""

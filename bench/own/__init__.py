"""A user's own application: its `lab.toml`, the answers of its baseline, and its study."""

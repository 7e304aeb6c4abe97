"""An application that its user brings: read from its `lab.toml`, recorded on its baseline, made a study like any."""

"""Builds of variants (artifacts) and peers, each with a record of its inputs."""

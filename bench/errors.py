"""The one error that the lab shows a person."""


class LabError(Exception):
    """What went wrong, in one line that names the file, key or command and what to do; the program exits with 2."""

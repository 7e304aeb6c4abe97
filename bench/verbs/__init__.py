"""The verbs of `python -m bench`: each asks the rooms below, and shows what they return."""

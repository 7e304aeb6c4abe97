"""What decides from figures what they say; below the race and the report."""

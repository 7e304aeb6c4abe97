"""What a build requires: interpreters, tools, system packages and lock files."""

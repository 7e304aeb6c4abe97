"""The measuring tools, one file each: what it is told, and what it says."""

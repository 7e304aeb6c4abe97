"""What the site shows beside the docs: every stored session's figures, and the data of each plot as CSV."""

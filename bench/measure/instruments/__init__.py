"""One module per measuring tool. Only that module knows the tool's flags and output format."""

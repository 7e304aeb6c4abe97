"""The measuring machine: its description, its cores, its CPU clocks and its noise."""

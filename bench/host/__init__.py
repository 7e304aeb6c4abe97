"""What is known of the machine that measures, and what it does meanwhile."""

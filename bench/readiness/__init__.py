"""Make a machine ready for a plan: what it measures, and what that needs, is built, installed and tried."""

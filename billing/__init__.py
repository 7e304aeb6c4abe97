"""Billing: another application of the house. It asks the service `statements`, and answers one bill per customer.

`docs/two-services.md` tells what it does when `statements` fails, and with which settings.
"""

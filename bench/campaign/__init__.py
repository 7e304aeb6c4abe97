"""A campaign: every published study, measured until its page has its sessions."""

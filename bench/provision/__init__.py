"""What has to be here before anything is built: interpreters, tools, system packages, locks."""

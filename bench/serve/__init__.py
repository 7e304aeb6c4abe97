"""Servers, proxies and back ends that run."""

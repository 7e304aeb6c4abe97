"""Start and stop servers, proxies and backends."""

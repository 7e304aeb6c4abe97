"""The chain behind a service's metrics and log: Prometheus, rsyslog and OpenSearch, as `deploy/monitoring` has them."""

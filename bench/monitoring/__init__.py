"""The chain behind a service's metrics and log, as `deploy/monitoring` configures it: Prometheus, rsyslog, OpenSearch."""

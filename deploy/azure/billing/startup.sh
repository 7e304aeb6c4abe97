#!/bin/sh
# The plan's instance is a machine of its own: a worker for each of its cores, unless a setting says otherwise.
export WEB_CONCURRENCY=${WEB_CONCURRENCY:-$(python -m app.sizing)}
exec python -m app.bindings python -m gunicorn --bind 0.0.0.0:$PORT \
    --worker-class gthread --threads 8 --graceful-timeout 25 --no-control-socket billing.wsgi:application

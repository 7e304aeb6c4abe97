"""Serve the application with Gunicorn: the program in a single executable file."""

from gunicorn.app.wsgiapp import run

run()

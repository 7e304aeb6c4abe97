"""A WSGI application on uWSGI that leaves each document to a mule or to the spooler; it runs in a measured prefix.

STATEMENTS_OFFLOAD  `mule` or `spooler`
STATEMENTS_RESULTS  the folder of results, one file for each document, named by its only order's id

A document gets 202 once uWSGI has it, and 503 if uWSGI refuses it. The process that computes it takes `WORK_SECONDS`
more, so that documents wait, and leaves its id in the file `pid` of the folder.
"""

import json
import os
import time
from pathlib import Path

import uwsgi

from app.about import built_core

WORK_SECONDS = 0.02
LARGEST = 64 * 2**20
RESULTS = Path(os.environ["STATEMENTS_RESULTS"])
IS_TO_MULE = os.environ["STATEMENTS_OFFLOAD"] == "mule"
transform = built_core().transform


def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "GET":
        start_response("200 OK", [("Content-Length", "14")])
        return [b"Hello, world!\n"]
    document = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    is_taken = uwsgi.mule_msg(document) if IS_TO_MULE else uwsgi.spool({b"body": document})
    start_response("202 Accepted" if is_taken else "503 Service Unavailable", [("Content-Length", "0")])
    return []


def tell_pid():
    part = RESULTS / "pid.part"
    part.write_text(str(os.getpid()))
    part.rename(RESULTS / "pid")


def compute(document):
    tell_pid()
    time.sleep(WORK_SECONDS)
    try:
        found = transform(document)
    except ValueError as error:
        (RESULTS / "refused").write_text(f"{type(error).__name__}: {len(document)} bytes")
        return
    name = str(json.loads(document)["orders"][0]["id"])
    part = RESULTS / f"{name}.part"
    part.write_bytes(found)
    part.rename(RESULTS / f"{name}.json")


def compute_messages():
    """What the mule runs."""
    tell_pid()
    while True:
        compute(uwsgi.mule_get_msg())


def compute_spooled(task):
    """What the spooler calls for each file."""
    compute(task["body"])
    return uwsgi.SPOOL_OK


uwsgi.spooler = compute_spooled

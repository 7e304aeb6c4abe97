"""The service `statements` of the checkout, over its reference core: `gunicorn tests.contract.unbuilt:application`."""

import time

from app.contract import load_core
from app.layers import around
from app.wsgi import falcon_app

application = around(falcon_app.make(load_core("app.core"), {}, time.sleep), "wsgi", ["request_id"])

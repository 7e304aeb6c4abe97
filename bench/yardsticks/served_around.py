"""The service within a yardstick: what servers serve in place of `app.entry`.

LAB_AROUND  the module of this folder whose `around` returns an application around another
"""

import os
from importlib import import_module

from app.entry import application as service

application = import_module(os.environ["LAB_AROUND"]).around(service)

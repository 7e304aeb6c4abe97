"""The yardstick beside the layer `hal` on WSGI: an answer is parsed, embeds its customers, and is written again."""

import json
from typing import Any

from app.core import dumps
from app.hal import Hal, wsgi
from app.resources import CURIES, Resources, to


class Dictionaries(Resources):
    """The same resources, without cutting a core's bytes."""

    def answer(self, made: bytes) -> bytes:
        """A core's answer with its customers embedded."""
        links = {"self": to(self.statements), "curies": CURIES, "index": to(self.home)}
        resource: dict[str, Any] = {"_links": links}
        for name, value in json.loads(made).items():
            if name == "customers":
                resource["_embedded"] = {"lab:customer": value}
            else:
                resource[name] = value
        return dumps(resource)


def around(application: Any) -> Any:
    """Return the application within the layer."""
    return wsgi(application, Hal(Dictionaries(are_kept=False)))

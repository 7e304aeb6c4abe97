"""The routes and methods that statistics tell apart: few and known, whatever a client sends."""

ROUTES = (
    "/",
    "/hello",
    "/statements",
    "/statements/{id}",
    "/statements/{id}/customers",
    "/statements/{id}/customers/{customer}",
    "/rels/{relation}",
    "/wait",
    "/__version__",
    "/openapi.json",
    "/healthz",
    "/readyz",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OTHER = "other"

_fixed = frozenset(route for route in ROUTES if "{" not in route)
_methods = frozenset(METHODS)


def route_of(path: str) -> str:
    """The route of a path, or `other`."""
    return path if path in _fixed else _templated(path)


def method_of(method: str) -> str:
    """The method, or `other`."""
    return method if method in _methods else OTHER


def _templated(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["statements", _]:
            return "/statements/{id}"
        case ["statements", _, "customers"]:
            return "/statements/{id}/customers"
        case ["statements", _, "customers", _]:
            return "/statements/{id}/customers/{customer}"
        case ["rels", _]:
            return "/rels/{relation}"
    routed = "/" + "/".join(parts)  # as routers read it
    return routed if routed in _fixed else OTHER

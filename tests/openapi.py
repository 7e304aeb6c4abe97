"""spec/openapi.json as tests read it: what it promises, and which of that an answer breaks."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, Protocol

from jsonschema_rs import Draft202012Validator

from bench.paths import SPEC

METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
UNTOLD = {"content-type", "content-length"}  # headers that OpenAPI leaves to the media type and to HTTP

Part = dict[str, Any]


class Answer(Protocol):
    """An answer of the service; the names of its headers are lower-case."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Operation(NamedTuple):
    """A method of a path, such as GET of `/statements/{id}`."""

    method: str
    path: str


@cache
def written() -> Part:
    """The document as it stands in the checkout."""
    document: Part = json.loads((SPEC / "openapi.json").read_text(encoding="utf-8"))
    return document


class Promises:
    """What an OpenAPI document promises."""

    def __init__(self, document: Part) -> None:
        self.document = document
        self.operations = {
            Operation(method.upper(), path): item[method]
            for path, item in document["paths"].items()
            for method in METHODS
            if method in item
        }
        self._validators: dict[str, Draft202012Validator] = {}

    def resolved(self, part: Part) -> Part:
        """The part that a reference leads to, or the part itself."""
        while "$ref" in part:
            found = self.document
            for name in part["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            part = found
        return part

    def validator(self, schema: Part) -> Draft202012Validator:
        """The validator of a schema of the document."""
        key = json.dumps(schema)
        if key not in self._validators:
            components = {"schemas": self.document["components"]["schemas"]}
            self._validators[key] = Draft202012Validator({**schema, "components": components})
        return self._validators[key]

    def request(self, operation: Operation, media_type: str = "application/json") -> Draft202012Validator:
        """The validator of a request's body."""
        return self.validator(self.operations[operation]["requestBody"]["content"][media_type]["schema"])

    def path_of(self, path: str) -> str:
        """The templated path of a request's path. Raises ValueError unless there is exactly one."""
        (found,) = [each for each in self.document["paths"] if _pattern(each).fullmatch(path)]
        return str(found)

    def broken(self, operation: Operation, answer: Answer) -> list[str]:
        """The promises that an answer breaks, each as a line."""
        responses = self.operations[operation]["responses"]
        response = self.resolved(responses.get(str(answer.status)) or responses.get("default") or {})
        if not response:
            return [f"status {answer.status}"]
        return [*self._broken_headers(response, answer.headers), *self._broken_content(response, answer)]

    def _broken_headers(self, response: Part, headers: Mapping[str, str]) -> Iterator[str]:
        promised = {name.lower(): self.resolved(header) for name, header in response["headers"].items()}
        for name, header in promised.items():
            if name not in headers:
                if header.get("required"):
                    yield f"header {name}: absent"
            elif not self.validator(header["schema"]).is_valid(_read(headers[name], header["schema"])):
                yield f"header {name}: {headers[name]}"
        if "content" in response:  # else it is that of HEAD, whose headers are those of GET
            yield from (f"header {name}: not promised" for name in headers.keys() - promised.keys() - UNTOLD)

    def _broken_content(self, response: Part, answer: Answer) -> Iterator[str]:
        if "content" not in response:
            if answer.body:
                yield "a body"
            return
        media_type = answer.headers["content-type"].partition(";")[0]
        if media_type not in response["content"]:
            yield f"media type {media_type}"
            return
        body: Any = json.loads(answer.body) if media_type.endswith("json") else answer.body.decode()
        for error in self.validator(response["content"][media_type]["schema"]).iter_errors(body):
            yield f"body at /{'/'.join(map(str, error.instance_path))}: {error.message}"
        if media_type == "application/problem+json" and body["status"] != answer.status:
            yield f"a problem of status {body['status']} with status {answer.status}"


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))


def _read(text: str, schema: Part) -> str | int:
    """The value of a header, as its schema reads it."""
    return int(text) if schema["type"] == "integer" and text.isdecimal() else text


def parts(node: Any) -> Iterator[Part]:
    """Every object of a document."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from parts(child)


def renamed(node: Any, old: str, new: str) -> Any:
    """A copy of a document in which the schemas have a member with another name."""

    def name(each: Any) -> Any:
        return new if each == old else each

    if isinstance(node, list):
        return [renamed(each, old, new) for each in node]
    if not isinstance(node, dict):
        return node
    copy = {key: renamed(value, old, new) for key, value in node.items()}
    if isinstance(copy.get("properties"), dict):
        copy["properties"] = {name(key): value for key, value in copy["properties"].items()}
    if isinstance(copy.get("required"), list):
        copy["required"] = [name(each) for each in copy["required"]]
    if "dependentRequired" in copy:
        copy["dependentRequired"] = {name(key): [*map(name, each)] for key, each in copy["dependentRequired"].items()}
    return copy

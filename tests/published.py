"""What programs read, as JSON Schema: made from the views, published in manager/api/schema.json.

`python -m tests.published --write` adds what is new. It refuses what takes a field away or gives it another
type: programs of other people read them.
"""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from jsonschema import Draft202012Validator

from balancer.decision import ScalingDecision
from manager.api.documents import API_VERSION
from manager.api.status import StatusView
from manager.api.views import ITEMS, AppView, EventView, KeptDecision, RouteView, WhatifView, WorkerView
from shell.traffic.load import Report

FILE = Path(__file__).parents[1] / "manager" / "api" / "schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_WITHIN = {"ReplayList"}  # a table of another document's

Schema = dict[str, Any]


def schemas() -> Schema:
    """Return the schema of every document; `$defs` has one for each kind."""
    documents = {kind: _listing(kind) for kind in ITEMS if kind not in _WITHIN}
    documents["Whatif"] = _document("Whatif", schema_of(WhatifView))
    documents["Status"] = _document("Status", schema_of(StatusView))
    documents["Decision"] = _document("Decision", _decision())
    documents |= {kind: _document(kind, body) for kind, body in _single()}
    documents["Error"] = _object(
        {"error": _object({n: {"type": "string"} for n in ("kind", "message", "hint")})}
    )
    return {
        "$schema": _DIALECT,
        "title": f"the documents of {API_VERSION}; fields are added, never changed",
        "$defs": documents,
    }


def _single() -> Iterator[tuple[str, Schema]]:
    """Yield what `inspect`, `describe` and `load` print.

    A spec, a record and what Docker says of a container are objects of no promised fields.
    """
    record, events = {"type": "object"}, {"type": "array", "items": schema_of(EventView)}
    told = {"spec": record, "ending": _or_null(record), "events": events}
    workers = {"type": "array", "items": schema_of(WorkerView)}
    app = {**schema_of(AppView)["properties"], "spec": record, "workers": workers}
    parts = {"record": _or_null(record), "engine": _or_null(record)}
    worker = {**schema_of(WorkerView)["properties"], **parts}
    routes = {"type": "array", "items": schema_of(RouteView)}
    yield "App", _object(app)
    yield "Worker", _object(worker)
    yield "AppDescription", _object({**app, **told, "routes": routes, "decision": _or_null(record)})
    yield "WorkerDescription", _object({**worker, **told})
    yield "LoadReport", schema_of(Report)


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def schema_of(kind: Any) -> Schema:
    """Return the schema of the JSON that a value of the type is written as."""
    arguments = get_args(kind)
    if get_origin(kind) is Literal:
        return {"enum": list(arguments)}
    if get_origin(kind) in (Union, types.UnionType):
        if all(one in _PLAIN for one in arguments):
            return {"type": [_PLAIN[one] for one in arguments]}
        return {"anyOf": [schema_of(one) for one in arguments]}
    if get_origin(kind) in (list, tuple):
        return {"type": "array", "items": schema_of(arguments[0])}
    if get_origin(kind) is Mapping:
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return _object({field.name: schema_of(hints[field.name]) for field in fields(kind)})
    if issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    return {"type": _PLAIN[kind]}


def violations(kind: str, document: object) -> list[str]:
    """Return where a document is not as published, fields that nothing tells of included."""
    schema = {**schemas()["$defs"][kind]}
    told = [
        f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(document)
    ]
    return [*told, *_untold(schema, document, "$")]


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


def _document(kind: str, body: Schema) -> Schema:
    return _object({"apiVersion": {"const": API_VERSION}, "kind": {"const": kind}, **body["properties"]})


def _listing(kind: str) -> Schema:
    return _document(kind, _object({"items": {"type": "array", "items": schema_of(ITEMS[kind])}}))


def _decision() -> Schema:
    """Return the schema of ScalingDecision.record, with what `explain` adds: ready workers, and decisions."""
    properties = schema_of(ScalingDecision)["properties"]
    whole, text = {"type": "integer"}, {"type": "string"}
    kept = {"type": "array", "items": schema_of(KeptDecision)}
    for name in ("from_workers", "at_s"):
        del properties[name]
    properties["model"]["properties"]["n"] = whole
    added: Schema = {"app": text, "at": text, "from": whole, "to": whole, "ready": whole, "kept": kept}
    return _object({**properties, **added})


def _untold(schema: Schema, value: object, path: str) -> Iterator[str]:
    """Yield the fields of a value that its schema does not have; `notes` may stand beside any document."""
    for one in schema.get("anyOf", [schema]):
        if isinstance(value, list) and "items" in one:
            for number, item in enumerate(value):
                yield from _untold(one["items"], item, f"{path}[{number}]")
        if isinstance(value, dict) and "properties" in one:
            for name, inner in value.items():
                if name in one["properties"]:
                    yield from _untold(one["properties"][name], inner, f"{path}.{name}")
                elif name != "notes":
                    yield f"{path}.{name}: not published"


def withdrawn(before: object, after: object, path: str = "$defs") -> Iterator[str]:
    """Yield what the schema said before and does not say any more."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, said in before.items():
            yield from withdrawn(said, after[name], f"{path}.{name}") if name in after else [f"{path}.{name}"]
    elif isinstance(before, list) and isinstance(after, list):
        yield from (f"{path}: {said}" for said in before if said not in after)
    elif before != after:
        yield f"{path}: {before}"


def as_text(schema: Schema) -> str:
    """Return the schema as JSON with the innermost objects and arrays on a line each."""
    inner = re.compile(r"[\[{][^\[\]{}]*[\]}]")
    return inner.sub(lambda found: " ".join(found.group().split()), json.dumps(schema, indent=1)) + "\n"


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    if FILE.exists() and (gone := list(withdrawn(json.loads(FILE.read_text())["$defs"], schemas()["$defs"]))):
        sys.exit("these fields are published and must stay:\n" + "\n".join(gone))
    FILE.write_text(as_text(schemas()))

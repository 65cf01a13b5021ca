"""JSON Schema of the event types in a record, made from the very classes that wrote them."""

import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from mes.ledger.canonical import encoded
from mes.ledger.entry import Entry
from mes.ledger.events import REGISTRY, Event

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
DECIMAL = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?$"


def schema_files(entries: Iterable[Entry]) -> dict[str, bytes]:
    """Return one schema per type and version that occurs and that this release knows."""
    kinds = sorted({(entry.type, entry.tv) for entry in entries} & set(REGISTRY))
    return {f"data/schemas/{kind}.{tv}.json": schema(REGISTRY[kind, tv], kind, tv) for kind, tv in kinds}


def schema(cls: type[Event], kind: str, tv: int) -> bytes:
    """Return the schema of the `data` of one event type, with the sentence that explains it."""
    document = {
        "$schema": DIALECT, "$id": f"urn:septima:event:{kind}.{tv}", "title": kind,
        "description": " ".join((cls.__doc__ or "").split()), **_object(cls),
    }  # fmt: skip
    return encoded(document)


def _object(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    properties = {}
    required = []
    for one in fields(cls):
        name = one.name.removesuffix("_")
        properties[name] = _of(hints[one.name])
        if one.default is MISSING and one.default_factory is MISSING and not _optional(hints[one.name]):
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _optional(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType) and type(None) in typing.get_args(hint)


def _of(hint: Any) -> dict[str, Any]:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _of(next(arm for arm in typing.get_args(hint) if arm is not type(None)))
    if origin in (tuple, list):
        return {"type": "array", "items": _of(typing.get_args(hint)[0])}
    if hint is Mapping or origin is not None or not isinstance(hint, type):
        return _of(hint.__supertype__) if hasattr(hint, "__supertype__") else {"type": "object"}
    if is_dataclass(hint):
        return _object(hint)
    return _plain(hint)


def _plain(hint: type) -> dict[str, Any]:
    if issubclass(hint, Enum):
        return {"enum": [one.value for one in hint]}
    if issubclass(hint, bool):
        return {"type": "boolean"}
    if issubclass(hint, int):
        return {"type": "integer"}
    if issubclass(hint, Decimal):
        return {"type": "string", "pattern": DECIMAL}
    if issubclass(hint, datetime):
        return {"type": "string", "pattern": TIME}
    if issubclass(hint, date):
        return {"type": "string", "format": "date"}
    return {"type": "string"}

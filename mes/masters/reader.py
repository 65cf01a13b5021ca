"""From file bytes to a checked master or specification, and back to the canonical bytes that a batch executes."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any

import yaml
from marshmallow import Schema, ValidationError

from mes.masters.closed_yaml import read_closed, refuse
from mes.masters.model import Master
from mes.masters.schemas.fields import findings_of
from mes.masters.schemas.master import FORMAT, MasterSchema
from mes.masters.schemas.specification import SpecificationSchema
from mes.masters.specification import Specification

_DERIVED = ("digest", "body")


def read_master(body: bytes) -> Master:
    """Return the master that a file holds, with digest and body of its flattened form.

    Refuses `master-file-wrong` with every finding of the first kind that is wrong (bytes, YAML, fields). Order and
    times are not checked here but by `lint`.
    """
    found: Master = _load(MasterSchema(), body)
    flat = flattened(found)
    return replace(found, body=flat, digest=hashlib.sha256(flat).hexdigest())


def read_specification(body: bytes) -> Specification:
    """Return the specification that a file holds; refuses `master-file-wrong`."""
    found: Specification = _load(SpecificationSchema(), body)
    flat = flattened(found)
    return replace(found, body=flat, digest=hashlib.sha256(flat).hexdigest())


@lru_cache(maxsize=32)
def read_approved(body: bytes) -> Master:
    """Return the master of approved bytes, parsed once per process.

    Body and digest are those of the bytes themselves: a later release may flatten otherwise, but never here.
    """
    found: Master = _load(MasterSchema(), body)
    return replace(found, body=body, digest=hashlib.sha256(body).hexdigest())


def flattened(one: Master | Specification) -> bytes:
    """Return the canonical YAML: every field that says something, defaults written out, numbers as quoted text."""
    document = {"format": FORMAT, **_plain(replace(one, body=b"", digest=""))}
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000, default_flow_style=False
    )
    return text.encode()


def _load(schema: Schema, body: bytes) -> Any:
    document = read_closed(body)
    try:
        return schema.load(document)
    except ValidationError as error:
        raise refuse(*findings_of(error.messages, document)) from error


class _Dumper(yaml.SafeDumper):
    """Writes text in double quotes, so that no reader takes it for a number, a date or a truth value."""

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> Any:
        """Leave the keys bare: they are plain words of the schema."""
        node: Any = super().represent_mapping(tag, mapping, flow_style)
        for key, _ in node.value:
            key.style = None
        return node


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def _plain(value: Any) -> Any:
    """Return JSON-like values; what is None or empty is left out."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return format(value, "f")
    if is_dataclass(value) and not isinstance(value, type):
        return _entries({item.name: getattr(value, item.name) for item in fields(value)})
    if isinstance(value, tuple):
        if hasattr(value, "_asdict"):
            return _entries(value._asdict())
        return [_plain(item) for item in value]
    return value


def _entries(found: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: _plain(item) for name, item in found.items() if name not in _DERIVED}
    return {name: item for name, item in plain.items() if item is not None and item not in ("", [], {})}

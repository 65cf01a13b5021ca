"""How a frozen event class becomes an entry's `data` and comes back: one codec for every room.

A class declares `tag` (the event type) and, if it ever changed, `tv`. Fields may be str, bool, int, Decimal,
datetime, date, Enum, Measure-like (see `mes.units`), nested dataclasses, tuples of those, or `X | None` (left
out when None). No floats. A field named by a Python keyword carries a trailing underscore: `from_` is "from".
"""

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, ClassVar

from mes.ledger.entry import Draft

REGISTRY: dict[tuple[str, int], type["Event"]] = {}


class Event:
    """A fact that may be recorded. Subclasses are frozen dataclasses with a `tag`."""

    tag: ClassVar[str]
    tv: ClassVar[int] = 1

    def __init_subclass__(cls) -> None:
        """Register the class under its tag, so that a fold can read it back."""
        if "tag" in cls.__dict__:
            key = (cls.tag, cls.tv)
            known = REGISTRY.get(key)
            # dataclass(slots=True) makes the class twice under the same name; anything else is a clash
            if known is not None and known.__qualname__ != cls.__qualname__:
                raise TypeError(f"{key} is already {known.__qualname__}")
            REGISTRY[key] = cls

    def draft(self, **more: Any) -> Draft:
        """Return the draft of this event; `more` are further fields of Draft (reason, signature, occurred)."""
        return Draft(type=self.tag, tv=self.tv, data=encode(self), **more)


def time_text(at: datetime) -> str:
    """Write an aware time as the record does: UTC, six decimals, Z."""
    if at.tzinfo is None:
        raise ValueError("naive time")
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def encode(value: Any) -> Any:
    """Return the JSON form of an event or field value."""
    if value is None or (isinstance(value, bool | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int):
        return value
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("no finite number")
        return format(value, "f")
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items() if item is not None}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((item.name, getattr(value, item.name)) for item in fields(value))
        return {name.removesuffix("_"): encode(inner) for name, inner in pairs if inner is not None}
    raise TypeError(f"{type(value).__name__} cannot stand in an entry")


def decode_event(kind: str, tv: int, data: Mapping[str, Any]) -> Event | None:
    """Return the event that an entry holds, or None for a type this release does not know."""
    cls = REGISTRY.get((kind, tv))
    return None if cls is None else decode(cls, data)


@cache
def _hints(cls: Any) -> dict[str, tuple[str, Any]]:
    hints = typing.get_type_hints(cls)
    return {one.name.removesuffix("_"): (one.name, hints[one.name]) for one in fields(cls)}


@cache
def _left_out(cls: Any) -> Mapping[str, None]:
    """Return the fields that stand in no entry when they are None, although the class has no default for them."""
    demanded = [one.name for one in fields(cls) if one.default is MISSING and one.default_factory is MISSING]
    return {name: None for name in demanded if type(None) in typing.get_args(_hints(cls)[name.removesuffix("_")][1])}


def decode(hint: Any, value: Any) -> Any:
    """Return `value` (JSON) as the type `hint` says."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return decode(next(arm for arm in typing.get_args(hint) if arm is not type(None)), value)
    if origin is tuple:
        return tuple(decode(typing.get_args(hint)[0], item) for item in value)
    if isinstance(hint, type):
        if is_dataclass(hint):
            known = _hints(hint)
            given = {known[name][0]: decode(known[name][1], item) for name, item in value.items() if name in known}
            return hint(**{**_left_out(hint), **given})
        if issubclass(hint, Enum):
            return hint(value)
        if issubclass(hint, Decimal):
            return Decimal(value)
        if issubclass(hint, datetime):
            return datetime.fromisoformat(value)
        if issubclass(hint, date):
            return date.fromisoformat(value)
    return value

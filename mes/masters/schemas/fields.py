"""Marshmallow fields and the closed base schema of master and specification files.

A wrong value is said as `{"code": ..., fact: ...}`, so that findings keep their code through marshmallow.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar, cast

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from mes.errors import Refusal
from mes.ids import ID_PATTERN
from mes.masters.findings import SENTENCES, Finding
from mes.masters.model import DEFAULT_BASIS
from mes.units import checked_unit, decimal_of

_PUBLISHED = re.compile(r"published \([^()]{3,160}\)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def wrong(code: str, field_name: str = "_schema", **facts: object) -> ValidationError:
    """Return the error that becomes the finding `code`."""
    return ValidationError([{"code": code, **{name: str(value) for name, value in facts.items()}}], field_name)


def _checked(check: Any, given: str) -> Any:
    try:
        return check(given)
    except Refusal as refusal:
        raise wrong(refusal.code, **refusal.facts) from refusal


class DecimalText(fields.Field[Decimal]):
    """A number as quoted text or plain integer; never through a float."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise wrong("number-malformed", given=str(value)[:40])
        return cast(Decimal, _checked(decimal_of, str(value)))


class UnitCode(fields.String):
    """A unit code of the product's list."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        text = super()._deserialize(str(value) if value == 1 else value, attr, data, **more)
        return cast(str, _checked(checked_unit, text or ""))


class Truth(fields.Boolean):
    """true or false, and nothing that merely resembles them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("This must be true or false.")
        return value


class Ident(fields.String):
    """An id as the record writes it."""

    def __init__(self, **more: Any) -> None:
        super().__init__(validate=validate.Regexp(ID_PATTERN.pattern + r"\Z", error="This is no id."), **more)


class Line(fields.String):
    """One line of text for people, 1 to 200 characters."""

    def __init__(self, **more: Any) -> None:
        rules = [validate.Length(1, 200), validate.ContainsNoneOf("\n", error="This must be one line.")]
        super().__init__(validate=[*rules, _printable], **more)


class Prose(fields.String):
    """Text for people, up to 4000 characters, with line breaks."""

    def __init__(self, **more: Any) -> None:
        super().__init__(validate=[validate.Length(0, 4000), _printable], **more)


class Basis(fields.String):
    """Where a number comes from: `default` (this product's own proposal) or `published (source)`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more)
        if text != DEFAULT_BASIS and not _PUBLISHED.fullmatch(text or ""):
            raise wrong("basis-malformed")
        return str(text)


def _printable(text: str) -> None:
    if _CONTROL.search(text):
        raise ValidationError("This holds a control character.")


class Closed(Schema):
    """A schema that refuses what it does not know and builds `made` from what it does."""

    made: ClassVar[type | None] = None

    class Meta:
        """No unknown field passes."""

        unknown = RAISE

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> Any:
        """Return the frozen dataclass, lists as tuples."""
        values = {name: tuple(one) if isinstance(one, list) else one for name, one in found.items()}
        return values if self.made is None else self.made(**values)


_PLAIN = {"Unknown field.": "field-unknown", "Missing data for required field.": "field-missing"}


def findings_of(messages: Any, document: Any, where: str = "") -> Iterator[Finding]:
    """Yield the findings in marshmallow's messages, with ids of the document in the path where there are any."""
    if isinstance(messages, Mapping) and "code" not in messages:
        for key, inner in messages.items():
            below = _below(document, key)
            name = below["id"] if isinstance(below, Mapping) and isinstance(below.get("id"), str) else str(key)
            path = where if key == "_schema" else f"{where}.{name[:64]}".lstrip(".")
            yield from findings_of(inner, below, path.removeprefix("steps.").removeprefix("items."))
    elif isinstance(messages, list):
        for one in messages:
            yield from findings_of(one, document, where)
    elif isinstance(messages, Mapping):
        facts = {name: str(value) for name, value in messages.items() if name != "code"}
        code = messages["code"]
        yield Finding.of(code if code in SENTENCES else "field-wrong", where, **facts)
    elif messages in _PLAIN:
        yield Finding.of(_PLAIN[messages], where)
    else:
        yield Finding.of("field-wrong", where, detail=str(messages))


def _below(document: Any, key: Any) -> Any:
    if isinstance(document, Mapping):
        return document.get(key)
    if isinstance(document, list) and isinstance(key, int) and key < len(document):
        return document[key]
    return None

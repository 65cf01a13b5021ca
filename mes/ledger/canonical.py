"""What may stand in an entry, and the one way to write it: RFC 8785 with the rules of record-format.md section 1.

The rules (short ASCII keys, no floats, integers below 2^53) leave JCS nothing to decide but order and escapes,
and there the standard library's encoder gives the same bytes at a fifth of the cost; the tests hold it against
the `rfc8785` package.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from enum import Enum
from typing import Any

from mes.errors import Refusal
from mes.units import DECIMAL_PATTERN, UNITS

MAX_ENTRY_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1
KEY_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,39}")
WEBAUTHN_KEYS = frozenset({"authenticatorData", "clientDataJSON"})
"""Named by the WebAuthn standard, not by us: legal inside a signature's `assertion` and nowhere else."""

_encoder = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
)
_c_encoder: Any = getattr(json.encoder, "c_make_encoder", None)
"""What the standard library's encoder makes anew for each document; absent where Python lacks its C half."""
_chunks = _c_encoder and _c_encoder(
    None, _encoder.default, json.encoder.encode_basestring, None, ":", ",", True, False, False
)
_known_keys: set[str] = set()


def malformed(where: str, rule: str, given: str = "") -> Refusal:
    """Return the refusal of a document that breaks `rule` at the path `where`."""
    return Refusal("entry-malformed", status=422, where=where or "entry", rule=rule, given=given[:80])


def canonical(document: Any) -> bytes:
    """Return the RFC 8785 bytes of `document`, or refuse with `entry-malformed` where it breaks a rule."""
    return encoded(checked(document))


def encoded(document: Any) -> bytes:
    """Return the RFC 8785 bytes of a document that `checked` returned."""
    if _chunks is None:
        return _encoder.encode(document).encode()
    return "".join(_chunks(document, 0)).encode()


def checked_size(body: bytes) -> bytes:
    """Return `body` if an entry may be that long, or refuse with `entry-too-large`."""
    if len(body) > MAX_ENTRY_BYTES:
        raise Refusal("entry-too-large", status=422, bytes=len(body), limit=MAX_ENTRY_BYTES)
    return body


def checked(value: Any, where: str = "", depth: int = 1) -> Any:
    """Return a plain copy of `value` (dict, list, str, int, bool, None) that obeys every rule, or refuse.

    `where` is the path named in the refusal, `depth` the level on which `value` stands. Raises TypeError for
    what is no JSON at all: that is a mistake in the program.
    """
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _text(value, where)
    if value is None or kind is bool:
        return value
    if kind is int:
        if -MAX_INTEGER <= value <= MAX_INTEGER:
            return value
        raise malformed(where, "integer-range", str(value))
    if kind is dict or isinstance(value, Mapping):
        return _map(value, where, depth)
    if kind is list or kind is tuple or isinstance(value, list | tuple):
        if depth > MAX_DEPTH:
            raise malformed(where, "depth")
        return [checked(item, f"{where}[{place}]", depth + 1) for place, item in enumerate(value)]
    if isinstance(value, float):
        raise malformed(where, "float", repr(value))
    if isinstance(value, Enum) and isinstance(value.value, str | int):
        return checked(value.value, where, depth)
    raise TypeError(f"{where or 'entry'}: {kind.__name__} cannot stand in an entry")


def _map(value: Mapping[Any, Any], where: str, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise malformed(where, "depth")
    plain: dict[str, Any] = {}
    for key, item in value.items():
        if key not in _known_keys:
            _check_key(key, where)
        kind = type(item)
        if (kind is str and item.isascii()) or (kind is int and -MAX_INTEGER <= item <= MAX_INTEGER):
            plain[key] = item  # most values by far
        else:
            plain[key] = checked(item, f"{where}.{key}" if where else key, depth + 1)
    if len(plain) == 2 and "unit" in plain and "value" in plain:
        _check_quantity(plain, where)
    return plain


def _check_key(key: Any, where: str) -> None:
    if not isinstance(key, str) or not KEY_PATTERN.fullmatch(key):
        if key in WEBAUTHN_KEYS and where.rpartition(".")[2] == "assertion":
            return
        raise malformed(where, "key", str(key))
    if len(_known_keys) < 4096:  # a set that callers' text could fill for ever would be a leak
        _known_keys.add(key)


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise malformed(where, "text-surrogate", ascii(value)) from None
    if not unicodedata.is_normalized("NFC", value):
        raise malformed(where, "text-nfc", value)
    return value


def _check_quantity(found: Mapping[str, Any], where: str) -> None:
    value, unit = found["value"], found["unit"]
    if not isinstance(value, str) or not is_decimal(value):
        raise malformed(f"{where}.value", "decimal", str(value))
    if unit not in UNITS:
        raise malformed(f"{where}.unit", "unit", str(unit))


def is_decimal(text: str) -> bool:
    """Whether `text` is a decimal as the record writes it: plain digits, no exponent, no minus zero."""
    return bool(DECIMAL_PATTERN.fullmatch(text)) and not (text[0] == "-" and text.strip("-0.") == "")

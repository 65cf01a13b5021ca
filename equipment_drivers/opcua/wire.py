"""Reads publish and republish answers from their bytes: exact 100 ns times, and no object per sample of a library.

Layout: OPC 10000-6 5.2 (built-in types) and OPC 10000-4 7.21 (notification messages). Scalars are read here;
anything rarer goes through asyncua's own decoder.
"""

import struct
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, variant_from_binary

from equipment_drivers.opcua.values import GOOD

DATA_CHANGE, STATUS_CHANGE, EVENTS = 811, 820, 916
_SCALARS = {
    1: struct.Struct("<?"), 2: struct.Struct("<b"), 3: struct.Struct("<B"), 4: struct.Struct("<h"),
    5: struct.Struct("<H"), 6: struct.Struct("<i"), 7: struct.Struct("<I"), 8: struct.Struct("<q"),
    9: struct.Struct("<Q"), 10: struct.Struct("<f"), 11: struct.Struct("<d"), 13: struct.Struct("<q"),
}  # fmt: skip
_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_I64 = struct.Struct("<q")


@dataclass(slots=True)
class Change:
    """One changed value: `kind` is its built-in type number; times in ticks, None where not sent."""

    handle: int
    kind: int
    value: Any
    status: int
    source_time: int | None
    server_time: int | None


@dataclass(slots=True)
class Event:
    """The fields of one event, in the order of the select clauses."""

    handle: int
    fields: list[Any]


@dataclass(slots=True)
class Message:
    """One notification message; `empty` means a keep-alive, or a republish that found nothing."""

    sequence: int
    changes: list[Change]
    events: list[Event]
    status: int | None

    @property
    def empty(self) -> bool:
        """Whether it carries no notification at all."""
        return not self.changes and not self.events and self.status is None


class _Cursor:
    """A position in the bytes of one answer."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, form: struct.Struct) -> Any:
        found = form.unpack_from(self.data, self.at)[0]
        self.at += form.size
        return found

    def skip_array(self, size: int) -> None:
        length = self.take(_I32)
        self.at += max(0, length) * size


def read_publish(answer: Buffer) -> tuple[int, Message]:
    """Read a PublishResponse: the server's subscription id and the message. Raises UaStatusCodeError if bad."""
    cursor = _after_header(answer)
    subscription = cursor.take(_U32)
    cursor.skip_array(4)
    cursor.at += 1
    return subscription, _message(cursor)


def read_republish(answer: Buffer) -> Message:
    """Read a RepublishResponse. Raises UaStatusCodeError if bad, e.g. BadMessageNotAvailable."""
    return _message(_after_header(answer))


def _after_header(answer: Buffer) -> _Cursor:
    ua.ua_binary.nodeid_from_binary(answer)
    header = struct_from_binary(ua.ResponseHeader, answer)
    header.ServiceResult.check()
    return _Cursor(bytes(answer))


def _message(cursor: _Cursor) -> Message:
    message = Message(cursor.take(_U32), [], [], None)
    cursor.at += 8
    for _ in range(max(0, cursor.take(_I32))):
        kind, body = _extension(cursor)
        if kind == DATA_CHANGE:
            inner = _Cursor(body)
            message.changes.extend(_change(inner) for _ in range(max(0, inner.take(_I32))))
        elif kind == EVENTS:
            found = struct_from_binary(ua.EventNotificationList, Buffer(body))
            message.events.extend(
                Event(item.ClientHandle, [f.Value for f in item.EventFields]) for item in found.Events
            )
        elif kind == STATUS_CHANGE:
            message.status = _Cursor(body).take(_U32)
    return message


def _extension(cursor: _Cursor) -> tuple[int, bytes]:
    """Read an ExtensionObject whose type is a numeric node id of namespace 0; other types give 0."""
    buffer = Buffer(cursor.data, cursor.at)
    node = ua.ua_binary.nodeid_from_binary(buffer)
    cursor.at = buffer.cur_pos
    encoding = cursor.data[cursor.at]
    cursor.at += 1
    if encoding == 0:
        return 0, b""
    length = cursor.take(_I32)
    body = cursor.data[cursor.at : cursor.at + length]
    cursor.at += length
    known = node.NamespaceIndex == 0 and isinstance(node.Identifier, int)
    return (node.Identifier if known else 0), body


def _change(cursor: _Cursor) -> Change:
    handle = cursor.take(_U32)
    mask = cursor.data[cursor.at]
    cursor.at += 1
    kind, value = _variant(cursor) if mask & 0x01 else (0, None)
    status = cursor.take(_U32) if mask & 0x02 else GOOD
    source_time = cursor.take(_I64) if mask & 0x04 else None
    if mask & 0x10:
        cursor.at += 2
    server_time = cursor.take(_I64) if mask & 0x08 else None
    if mask & 0x20:
        cursor.at += 2
    return Change(handle, kind, value, status, source_time, server_time)


def _variant(cursor: _Cursor) -> tuple[int, Any]:
    kind = cursor.data[cursor.at]
    form = _SCALARS.get(kind)
    if form is not None:
        cursor.at += 1
        return kind, cursor.take(form)
    buffer = Buffer(cursor.data, cursor.at)
    variant = variant_from_binary(buffer)
    cursor.at = buffer.cur_pos
    value = variant.Value
    return kind & 0x3F, value.Text if isinstance(value, ua.LocalizedText) else value

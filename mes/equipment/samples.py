"""One sample as the record writes it: the canonical CSV line of record-format.md section 4, and back.

`source_time,server_time,receive_time,value,unit,status,origin`, UTF-8, LF. A number, `true`, `false`, NaN and
infinities stand literally, any other text in double quotes (doubled inside); control characters and the
backslash are escaped inside the quotes (`\\n`, `\\\\`, `\\x1f`), so that one sample is always one line.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from equipment_drivers.readings import Origin
from mes.equipment.ticks import tick_text, ticks_from_text

LITERAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false|NaN|-?Infinity|nan|-?inf")
FINITE = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
LINE = re.compile(r'([^,]*),([^,]*),([^,]*),("(?:[^"]|"")*"|[^,"]*),([^,]*),([0-9a-f]{8}),([A-Z]+)')
ESCAPED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\\]")
ESCAPE = re.compile(r"\\(n|r|t|\\|x[0-9a-f]{2}|u[0-9a-f]{4})")
SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}
LONG = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
SEVERITY_MASK = 0xC000_0000


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of one tag, times in ticks, as journal and record hold it."""

    value: str
    unit: str
    status: int
    source_time: int | None
    server_time: int | None
    receive_time: int
    origin: str = Origin.LIVE

    @property
    def good(self) -> bool:
        """Whether the device vouches for the value: the two severity bits of its OPC UA status are Good."""
        return not self.status & SEVERITY_MASK

    @property
    def at(self) -> int:
        """When it was true: source time, else server time, else the time we received it."""
        return self.source_time or self.server_time or self.receive_time


def line_of(sample: Sample) -> str:
    """Return the canonical CSV line, without its LF."""
    return (
        f"{tick_text(sample.source_time)},{tick_text(sample.server_time)},{tick_text(sample.receive_time)},"
        f"{_value_text(sample.value)},{sample.unit},{sample.status & 0xFFFFFFFF:08x},{sample.origin}"
    )


def sample_of(line: str) -> Sample:
    """Read a canonical line; ValueError if it is none."""
    found = LINE.fullmatch(line)
    if not found:
        raise ValueError(f"not a telemetry row: {line[:80]!r}")
    source, server, receive, value, unit, status, origin = found.groups()
    received = ticks_from_text(receive)
    if received is None:
        raise ValueError("a telemetry row needs a receive time")
    return Sample(
        _value_from(value),
        unit,
        int(status, 16),
        ticks_from_text(source),
        ticks_from_text(server),
        received,
        origin,
    )


def chunk_bytes(lines: Iterable[str]) -> bytes:
    """Return the canonical bytes of a chunk: its lines, each ended by LF, no header."""
    return "".join(f"{line}\n" for line in lines).encode()


def decimal_in(text: str) -> Decimal | None:
    """Return the finite decimal that a device's value text is, or None (a state, `true`, NaN, nothing)."""
    if not FINITE.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern leaves nothing that Decimal refuses
        return None


def _value_text(value: str) -> str:
    if not value or LITERAL.fullmatch(value):
        return value
    escaped = ESCAPED.sub(lambda hit: SHORT.get(hit[0]) or _hex_escape(ord(hit[0])), value)
    return '"' + escaped.replace('"', '""') + '"'


def _value_from(text: str) -> str:
    if not text.startswith('"'):
        return text
    return ESCAPE.sub(lambda hit: LONG.get(hit[1]) or chr(int(hit[1][1:], 16)), text[1:-1].replace('""', '"'))


def _hex_escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"

"""From an hour of drained rows to chunks, their root and the entry that vouches for them; pure."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import zstandard

from equipment_drivers.readings import TICKS_PER_SECOND
from mes.equipment.events import TelemetrySealed
from mes.equipment.ticks import time_of
from mes.errors import IntegrityBreach
from mes.ids import EquipmentId, RunId
from mes.ledger.merkle import leaf_hash, root_of

HOUR = 3600 * TICKS_PER_SECOND
LEVEL = 3
MAX_CHUNK_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Window:
    """One hour of record time (ticks) of what one device sent in one run."""

    device: EquipmentId
    run: RunId
    start: int

    @property
    def end(self) -> int:
        """Return the first tick behind the hour."""
        return self.start + HOUR


@dataclass(frozen=True, slots=True)
class Chunk:
    """The rows of one tag in one window: `digest` of their canonical bytes, `stored` their compressed form."""

    tag: str
    count: int
    digest: bytes
    stored: bytes


def chunks_of(slices: Iterable[bytes]) -> list[Chunk]:
    """Return the chunks of all `<tag>,<row>` lines, rows in the order they came, chunks by tag, bytewise."""
    rows: dict[bytes, list[bytes]] = {}
    for body in slices:
        for line in body.split(b"\n")[:-1]:
            tag, _, row = line.partition(b",")
            rows.setdefault(tag, []).append(row)
    return [_chunk(tag, rows[tag]) for tag in sorted(rows)]


def seal_of(window: Window, chunks: Sequence[Chunk]) -> TelemetrySealed:
    """Return the entry for a window's chunks: RFC 6962 root whose leaves are the 32-byte digests."""
    return TelemetrySealed(
        device=window.device,
        run=window.run,
        from_=time_of(window.start),
        to=time_of(window.end),
        count=sum(chunk.count for chunk in chunks),
        root=root_of(leaf_hash(chunk.digest) for chunk in chunks).hex(),
    )


def packed(body: bytes) -> bytes:
    """Compress canonical bytes for the database."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(body)


def unpacked(stored: bytes, sha256: str, what: str) -> bytes:
    """Return the canonical bytes again; IntegrityBreach if they are not those that were sealed."""
    try:
        body = zstandard.ZstdDecompressor().decompress(stored, max_output_size=MAX_CHUNK_BYTES)
    except zstandard.ZstdError as error:
        raise IntegrityBreach("telemetry-chunk", chunk=what, sealed=sha256, found=str(error)) from error
    found = hashlib.sha256(body).hexdigest()
    if found != sha256:
        raise IntegrityBreach("telemetry-chunk", chunk=what, sealed=sha256, found=found)
    return body


def _chunk(tag: bytes, rows: list[bytes]) -> Chunk:
    body = b"\n".join(rows) + b"\n"
    return Chunk(tag.decode(), len(rows), hashlib.sha256(body).digest(), packed(body))

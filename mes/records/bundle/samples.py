"""The samples of a record as files: one gzip per device and tag, and the index that the seal names by its digest."""

import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from mes.equipment.telemetry import SealedChunk
from mes.ledger.canonical import encoded
from mes.ledger.events import time_text
from mes.ledger.tables import GENERATION

HEADER = b"source_time,server_time,receive_time,value,unit,status,origin\n"
INDEX = "data/telemetry/index.json"
_GZIP = 31
"""Window bits by which zlib writes a gzip member: no name, time 0, flags 0."""


@dataclass(slots=True)
class _File:
    packer: "zlib._Compress" = field(default_factory=lambda: zlib.compressobj(9, zlib.DEFLATED, _GZIP))
    parts: list[bytes] = field(default_factory=list)
    length: int = 0

    def add(self, body: bytes) -> int:
        """Append to the unpacked file and return where it begins there."""
        offset, self.length = self.length, self.length + len(body)
        self.parts.append(self.packer.compress(body))
        return offset


def sample_files(chunks: Iterable[SealedChunk], sealed: Collection[int], gen: int = 1) -> dict[str, bytes]:
    """Return the files below data/telemetry, of the chunks that the entries `sealed`, by `Entry.order`, vouch for.

    A chunk that an earlier generation than `gen` sealed names that beside the index there.

    The compressed bytes depend on the zlib in use, so they are frozen with the seal and never made again.
    """
    files: dict[tuple[str, str], _File] = {}
    rows = []
    # within a device and tag by entry: hours in the order in which they were sealed
    for chunk in sorted(chunks, key=lambda one: (one.device, one.tag.encode(), one.entry)):
        if chunk.entry not in sealed:
            continue
        place = (str(chunk.device), chunk.tag)
        if place not in files:
            files[place] = _File()
            files[place].add(HEADER)
        row = {
            "device": str(chunk.device), "tag": chunk.tag, "from": time_text(chunk.from_at),
            "to": time_text(chunk.to_at), "count": chunk.count, "offset": files[place].add(chunk.body),
            "length": len(chunk.body), "sha256": chunk.sha256,
            **_sealer(chunk.entry, gen),
        }  # fmt: skip
        rows.append(row)
    made = {
        f"data/telemetry/{device}/{tag}.csv.gz": b"".join([*file.parts, file.packer.flush()])
        for (device, tag), file in files.items()
    }
    return {**made, INDEX: encoded({"chunks": rows})}


def _sealer(order: int, gen: int) -> dict[str, int]:
    before, index = divmod(order, GENERATION)
    return {"entry": index} if before + 1 == gen else {"entry": index, "gen": before + 1}

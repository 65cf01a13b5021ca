"""What may be recorded about batch records: one was sealed, one was handed out. Stream `site/<site>`."""

from dataclasses import dataclass
from typing import ClassVar

from mes.ledger.events import Event


@dataclass(frozen=True, slots=True)
class WholeStream:
    """A stream that stands whole in the record, from 0 to `last_seq`."""

    stream: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class RecordSealed(Event):
    """A batch record ends here: record-format.md section 4. Digests of data/telemetry/index.json and master.yaml."""

    tag: ClassVar[str] = "site:record:sealed"
    batch: str
    streams: tuple[WholeStream, ...]
    telemetry_index: str
    master: str


@dataclass(frozen=True, slots=True)
class RecordExported(Event):
    """The bundle of a seal was handed out; `seal` is the index of its entry, `sha256` of the zip."""

    tag: ClassVar[str] = "record:exported"
    batch: str
    seal: int
    sha256: str
    bytes: int

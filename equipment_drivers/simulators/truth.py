"""The ground-truth file: every sample a simulated device really emitted, for tests that count loss exactly.

Columns tag,source_time,value,status; times UTC with seven decimals, values as a driver gives them, status hex.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from types import TracebackType

from equipment_drivers.opcua.values import double_text, ticks_of, ticks_text
from equipment_drivers.simulators.samples import Sample

HEADER = "tag,source_time,value,status\n"


def sample_text(value: object) -> str:
    """Write a device value as the record does: enums by name, times as ISO with seven decimals."""
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return ticks_text(ticks_of(value))
    return double_text(value) if isinstance(value, float) else str(value)


class GroundTruth:
    """Appends to the file; `flush` after each tick, so that a reader sees whole ticks."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        if self._file.tell() == 0:
            self._file.write(HEADER)
            self._file.flush()

    def write(self, samples: Iterable[Sample]) -> None:
        """Add the samples of one batch; a value of bad status is empty, because none was sent."""
        for sample in samples:
            value = "" if sample.status & 0x80000000 else sample_text(sample.value)
            self._file.write(f"{sample.tag},{ticks_text(ticks_of(sample.at))},{value},{sample.status:08X}\n")
        self._file.flush()

    def __enter__(self) -> "GroundTruth":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

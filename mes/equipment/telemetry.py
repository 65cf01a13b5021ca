"""Samples for those who look: live values from the journal, curves and the exporter's chunks from the record."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from equipment_drivers.errors import (
    AuthenticationFailed,
    CertificateRefused,
    ConfigurationFault,
    ConnectionLost,
    DeviceDiffers,
    NodeMapRefused,
    NodesMissing,
)
from equipment_drivers.readings import LinkState
from mes.equipment.handing import reading_of
from mes.equipment.journal_reader import JournalReader
from mes.equipment.ports import DrainedReading
from mes.equipment.samples import Sample, sample_of
from mes.equipment.sealing import unpacked
from mes.equipment.tables import samples
from mes.equipment.ticks import ticks_of, time_of
from mes.ids import EquipmentId
from mes.ledger.reader import LedgerReader

MOST_POINTS = 20_000


@dataclass(frozen=True, slots=True)
class Series:
    """A curve: seconds since 1970 UTC and values, in order of time; None where no good number was sent.

    `count` samples lie behind it; every extreme among them is in it.
    """

    unit: str
    times: list[float]
    values: list[float | None]
    count: int


@dataclass(frozen=True, slots=True)
class SealedChunk:
    """One sealed chunk; `body` is its canonical bytes, `entry` the `Entry.order` of the entry that vouches for it."""

    device: EquipmentId
    tag: str
    from_at: datetime
    to_at: datetime
    count: int
    sha256: str
    entry: int
    body: bytes


FAULTS = (ConnectionLost, AuthenticationFailed, CertificateRefused, ConfigurationFault, NodesMissing, NodeMapRefused,
          DeviceDiffers)  # fmt: skip
TELLING = frozenset(fault.code for fault in FAULTS)
"""Codes of driver faults that the collector notes before the detail of a link's change."""
LINK_CODES = {LinkState.AUTH_FAILED: AuthenticationFailed.code, LinkState.DEGRADED: "device-degraded"}


@dataclass(frozen=True, slots=True)
class LinkNotice:
    """What is wrong with a link: its state, the code of the sentence to show, and the driver's own words."""

    state: LinkState
    code: str
    detail: str


class Telemetry:
    """The samples of a site, for reading; usable from any thread and from other processes."""

    def __init__(self, ledger: LedgerReader, site: str, journal: JournalReader) -> None:
        self._ledger, self._site, self._journal = ledger, site, journal

    def latest(self, device: str) -> dict[str, DrainedReading]:
        """Return the newest reading of every tag of the device, as the collector has it."""
        return {tag: reading_of(tag, sample) for tag, sample in self._journal.latest(device).items()}

    def link(self, device: str) -> LinkState:
        """Return what the collector last knew of the connection; OFFLINE if it never knew anything."""
        found = self._journal.link(device)
        return LinkState(found.body["state"]) if found else LinkState.OFFLINE

    def notice(self, device: str) -> LinkNotice | None:
        """Return what people must be told of the link to a device; None while samples come as they should."""
        found = self._journal.link(device)
        state = LinkState(found.body["state"]) if found else LinkState.OFFLINE
        if state in (LinkState.LIVE, LinkState.BACKFILLING):
            return None
        detail = str(found.body["detail"]) if found else ""
        told = detail.partition(":")[0]
        code = told if told in TELLING else LINK_CODES.get(state, ConnectionLost.code)
        return LinkNotice(state, code, detail)

    def series(self, run: str, tag: str, since: datetime, until: datetime, points: int = 1000) -> Series:
        """Return the curve of a tag in a run between two source times, at most about `points` points."""
        rows = [one for one in self._rows(run, tag) if ticks_of(since) <= one.at <= ticks_of(until)]
        rows.sort(key=lambda one: one.at)
        times = np.array([(time_of(one.at)).timestamp() for one in rows], dtype=np.float64)
        values = np.array([_number(one) for one in rows], dtype=np.float64)
        kept = extremes(values, min(points, MOST_POINTS))
        return Series(
            unit=rows[-1].unit if rows else "",
            times=times[kept].tolist(),
            values=[None if np.isnan(value) else float(value) for value in values[kept]],
            count=len(rows),
        )

    def chunks(self, run: str) -> Iterator[SealedChunk]:
        """Give a run's sealed chunks by device, tag and entry; IntegrityBreach if stored bytes were changed."""
        with self._ledger.read() as connection:
            for row in samples.sealed_chunks(connection, self._site, run):
                what = f"{run}/{row['device']}/{row['tag']}/{row['entry_index']}"
                yield SealedChunk(
                    device=EquipmentId(row["device"]),
                    tag=row["tag"],
                    from_at=time_of(row["window_from"]),
                    to_at=time_of(row["window_to"]),
                    count=row["count"],
                    sha256=row["sha256"],
                    entry=row["entry_index"],
                    body=unpacked(row["body"], row["sha256"], what),
                )

    def unsealed(self, run: str) -> int:
        """Return how many samples of the run no entry vouches for yet; an export waits until there are none."""
        with self._ledger.read() as connection:
            return sum(one.count for one in samples.slices(connection, self._site, run))

    def recorded(self, device: str) -> int:
        """Return how many samples of the device came into the record, in whichever run."""
        return self._progress(device).samples

    def drained_tick(self, device: str) -> datetime | None:
        """Return the newest tick of the device's clock that is in the record."""
        tick = self._progress(device).tick
        return time_of(tick) if tick else None

    def journal_tick(self, device: str) -> datetime | None:
        """Return the newest tick of the device's clock that the collector has on the disk."""
        tick = self._journal.tick(device)
        return time_of(tick) if tick else None

    def _progress(self, device: str) -> samples.DeviceProgress:
        with self._ledger.read() as connection:
            known = samples.progress(connection, self._site)
        return known.get(EquipmentId(device), samples.DeviceProgress())

    def _rows(self, run: str, tag: str) -> Iterator[Sample]:
        with self._ledger.read() as connection:
            for row in samples.sealed_chunks(connection, self._site, run, tag):
                for line in unpacked(row["body"], row["sha256"], f"{run}/{tag}").decode().splitlines():
                    yield sample_of(line)
            for one in samples.slices(connection, self._site, run):
                for line in one.body.decode().splitlines():
                    name, _, row_text = line.partition(",")
                    if name == tag:
                        yield sample_of(row_text)


def extremes(values: NDArray[np.float64], points: int) -> NDArray[np.intp]:
    """Return the places to draw: all, or per bucket the lowest, the highest and one NaN (a hole stays a hole)."""
    if len(values) <= max(points, 3):
        return np.arange(len(values))
    kept: list[int] = []
    for part in np.array_split(np.arange(len(values)), max(points // 3, 1)):
        numbers = part[~np.isnan(values[part])]
        holes = part[np.isnan(values[part])]
        found = {int(place) for place in holes[:1]}
        if len(numbers):
            found |= {int(numbers[values[numbers].argmin()]), int(numbers[values[numbers].argmax()])}
        kept.extend(sorted(found))
    return np.array(kept, dtype=np.intp)


def _number(sample: Sample) -> float:
    reading = reading_of("", sample)
    return float(reading.value) if reading.good and reading.value is not None else float("nan")

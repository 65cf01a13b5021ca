"""Storing and finding samples and the drain's position, all inside the caller's transaction."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from mes.equipment.sealing import Chunk, Window
from mes.equipment.tables.register import seal
from mes.equipment.tables.stored import drain_device, drain_position, telemetry_chunk, telemetry_slice
from mes.ids import EquipmentId, Op, RunId


@dataclass(frozen=True, slots=True)
class Position:
    """How far the drain came in one journal; `step` numbers its transactions over all journals of the site."""

    sample: int = 0
    fact: int = 0
    step: int = 0


@dataclass(frozen=True, slots=True)
class DeviceProgress:
    """How far one device is drained: its clock's tick, newest receive time (ticks, 0: nothing yet), samples."""

    tick: int = 0
    received: int = 0
    samples: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """Drained rows of one window that are not sealed yet; `step` is the transaction that began the slice."""

    window: Window
    step: int
    count: int
    body: bytes


def position(connection: Connection, site: str, journal: str) -> Position:
    """Return how far the drain came in this journal."""
    last = select(func.max(drain_position.c.step)).where(drain_position.c.site == site)
    step = connection.execute(last).scalar() or 0
    known = select(drain_position).where(drain_position.c.site == site, drain_position.c.journal == journal)
    row = connection.execute(known).first()
    return Position(row.sample, row.fact, step) if row else Position(step=step)


def set_position(connection: Connection, site: str, journal: str, to: Position) -> None:
    """Move on in this journal."""
    found = (drain_position.c.site == site, drain_position.c.journal == journal)
    values = {"sample": to.sample, "fact": to.fact, "step": to.step}
    if not connection.execute(update(drain_position).where(*found).values(values)).rowcount:
        connection.execute(insert(drain_position), {"site": site, "journal": journal, **values})


def progress(connection: Connection, site: str) -> dict[EquipmentId, DeviceProgress]:
    """Return how far each device is drained."""
    rows = connection.execute(select(drain_device).where(drain_device.c.site == site))
    return {EquipmentId(row.device): DeviceProgress(row.tick, row.received, row.samples) for row in rows}


def set_progress(connection: Connection, site: str, device: EquipmentId, to: DeviceProgress) -> None:
    """Move on with one device."""
    found = (drain_device.c.site == site, drain_device.c.device == device)
    values = {"tick": to.tick, "received": to.received, "samples": to.samples}
    if not connection.execute(update(drain_device).where(*found).values(values)).rowcount:
        connection.execute(insert(drain_device), {"site": site, "device": device, **values})


def put_slice(connection: Connection, site: str, new: Slice) -> None:
    """Store a slice, or the longer form of one that a transaction before had begun."""
    kept = telemetry_slice.c
    found = (
        kept.site == site,
        kept.step == new.step,
        kept.device == new.window.device,
        kept.run == new.window.run,
        kept.window_from == new.window.start,
    )
    values = {"count": new.count, "body": new.body}
    if not connection.execute(update(telemetry_slice).where(*found).values(values)).rowcount:
        key = {"site": site, "step": new.step, "device": new.window.device, "run": new.window.run}
        connection.execute(insert(telemetry_slice), {**key, "window_from": new.window.start, **values})


def open_windows(connection: Connection, site: str) -> list[Window]:
    """Return the windows with drained rows that are not sealed yet, oldest first."""
    kept = telemetry_slice.c
    rows = select(kept.device, kept.run, kept.window_from).where(kept.site == site).distinct()
    found = connection.execute(rows.order_by(kept.window_from, kept.device, kept.run))
    return [Window(EquipmentId(row.device), RunId(row.run), row.window_from) for row in found]


def slices(connection: Connection, site: str, run: str, window: Window | None = None) -> list[Slice]:
    """Return the unsealed slices of a run (or of one window of it) in the order of the journal."""
    kept = telemetry_slice.c
    rows = select(telemetry_slice).where(kept.site == site, kept.run == run)
    if window is not None:
        rows = rows.where(kept.device == window.device, kept.window_from == window.start)
    found = connection.execute(rows.order_by(kept.device, kept.window_from, kept.step)).mappings()
    return [
        Slice(
            Window(EquipmentId(row["device"]), RunId(row["run"]), row["window_from"]),
            row["step"],
            row["count"],
            row["body"],
        )
        for row in found
    ]


def seal_window(connection: Connection, site: str, step: int, op: Op, window: Window, chunks: Iterable[Chunk]) -> None:
    """Store the chunks of a window and drop the slices they were made of."""
    key = {"site": site, "step": step, "device": window.device, "run": window.run, "op": op}
    span = {"window_from": window.start, "window_to": window.end}
    rows = [
        {**key, **span, "tag": one.tag, "count": one.count, "sha256": one.digest.hex(), "body": one.stored}
        for one in chunks
    ]
    connection.execute(insert(telemetry_chunk), rows)
    kept = telemetry_slice.c
    gone = (kept.site == site, kept.device == window.device, kept.run == window.run)
    connection.execute(delete(telemetry_slice).where(*gone, kept.window_from == window.start))


def sealed_chunks(
    connection: Connection, site: str, run: str, tag: str | None = None, since: int = 0, until: int | None = None
) -> Iterator[RowMapping]:
    """Give the chunks of a run with the order of their sealing entry, by device, tag and entry."""
    kept = telemetry_chunk.c
    same = (seal.c.site == kept.site) & (seal.c.op == kept.op) & (seal.c.run == kept.run)
    same &= (seal.c.device == kept.device) & (seal.c.window_from == kept.window_from)
    rows = select(telemetry_chunk, seal.c["index"].label("entry_index")).join(seal, same)
    rows = rows.where(kept.site == site, kept.run == run, kept.window_to > since)
    if tag is not None:
        rows = rows.where(kept.tag == tag)
    if until is not None:
        rows = rows.where(kept.window_from <= until)
    yield from connection.execute(rows.order_by(kept.device, kept.tag, seal.c["index"])).mappings()


def sealed_counts(connection: Connection, site: str, device: str) -> Sequence[tuple[str, int]]:
    """Return how many sealed samples each run of the device has."""
    kept = seal.c
    total = select(kept.run, func.sum(kept["count"])).where(kept.site == site, kept.device == device)
    return [(run, int(count)) for run, count in connection.execute(total.group_by(kept.run))]

"""Projections of the device facts: rebuilt from the ledger by replaying `project` over its entries."""

from dataclasses import fields
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    update,
)

from mes.equipment.events import (
    CommandOutcomeRecorded,
    CommandRequested,
    DeviceAllocated,
    DeviceReleased,
    EquipmentQualified,
    EquipmentRegistered,
    NodeMapApproved,
    TelemetrySealed,
    UnitStateChanged,
)
from mes.equipment.ticks import ticks_of
from mes.ledger.entry import Entry
from mes.ledger.events import decode_event

projected = MetaData()

equipment = Table(
    "equipment",
    projected,
    Column("site", String(32), primary_key=True),
    Column("equipment", String(64), primary_key=True),
    Column("device_class", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("serial", Text, nullable=False),
    Column("binding", String(16), nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("endpoint", Text),
    Column("nodemap", String(64)),
    Column("server_thumbprint", String(71)),
    Column("approved_nodemap", String(64)),
    Column("qualified_until", BigInteger),
    Column("qualified_nodemap", String(64)),
)
allocation = Table(
    "device_allocation",
    projected,
    Column("site", String(32), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("run", String(64), primary_key=True),
    Column("allocated_at", BigInteger, primary_key=True),
    Column("batch", String(64), nullable=False),
    Column("released_at", BigInteger),
    Index("device_allocation_run", "site", "run"),
)
command = Table(
    "device_command",
    projected,
    Column("site", String(32), primary_key=True),
    Column("command", String(64), primary_key=True),
    Column("device", String(64), nullable=False),
    Column("run", String(64), nullable=False),
    Column("step", String(64)),
    Column("verb", String(32), nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("index", BigInteger, nullable=False),
    Column("result", String(16)),
    Column("detail", Text),
    Index("device_command_result", "site", "result"),
)
command_argument = Table(
    "device_command_argument",
    projected,
    Column("site", String(32), primary_key=True),
    Column("command", String(64), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("value", Text, nullable=False),
)
unit = Table(
    "device_unit",
    projected,
    Column("site", String(32), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("since", BigInteger, nullable=False),
)
seal = Table(
    "telemetry_seal",
    projected,
    Column("site", String(32), primary_key=True),
    Column("index", BigInteger, primary_key=True),
    Column("op", String(36), nullable=False),
    Column("device", String(64), nullable=False),
    Column("run", String(64), nullable=False),
    Column("window_from", BigInteger, nullable=False),
    Column("window_to", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("root", String(64), nullable=False),
    Index("telemetry_seal_run", "site", "run", "index"),
)


def project(connection: Connection, entry: Entry) -> None:
    """Bring the tables up to one entry; entries of other rooms pass by."""
    if not entry.type.startswith(("equipment:", "telemetry:")):
        return
    event = decode_event(entry.type, entry.tv, entry.data)
    site = str(entry.document["site"])
    match event:
        case EquipmentRegistered():
            _registered(connection, site, event)
        case NodeMapApproved():
            _set(connection, site, event.equipment, approved_nodemap=event.digest)
        case EquipmentQualified():
            until = ticks_of(event.until)
            _set(connection, site, event.equipment, qualified_until=until, qualified_nodemap=event.nodemap)
        case DeviceAllocated() | DeviceReleased() if entry.stream.startswith("run/"):
            _allocation(connection, site, event)
        case CommandRequested():
            _requested(connection, site, event, entry)
        case CommandOutcomeRecorded():
            known = (command.c.site == site, command.c.command == event.command)
            connection.execute(update(command).where(*known).values(result=event.result, detail=event.detail))
        case UnitStateChanged():
            values = {"site": site, "device": event.device, "state": event.state, "since": _occurred(entry)}
            connection.execute(delete(unit).where(unit.c.site == site, unit.c.device == event.device))
            connection.execute(insert(unit), values)
        case TelemetrySealed():
            _sealed(connection, site, event, entry)
        case _:
            pass


PROJECTION = (projected, project)


def _registered(connection: Connection, site: str, event: EquipmentRegistered) -> None:
    values = {item.name: getattr(event, item.name) for item in fields(event)}
    found = (equipment.c.site == site, equipment.c.equipment == event.equipment)
    if not connection.execute(update(equipment).where(*found).values(values)).rowcount:
        connection.execute(insert(equipment), {"site": site, **values})


def _set(connection: Connection, site: str, device: str, **values: object) -> None:
    found = (equipment.c.site == site, equipment.c.equipment == device)
    connection.execute(update(equipment).where(*found).values(values))


def _allocation(connection: Connection, site: str, event: DeviceAllocated | DeviceReleased) -> None:
    if isinstance(event, DeviceAllocated):
        values = {"site": site, "device": event.device, "run": event.run, "batch": event.batch}
        connection.execute(insert(allocation), {**values, "allocated_at": ticks_of(event.from_)})
        return
    held = (allocation.c.site == site, allocation.c.device == event.device, allocation.c.run == event.run)
    freed = update(allocation).where(*held, allocation.c.released_at.is_(None))
    connection.execute(freed.values(released_at=ticks_of(event.to)))


def _requested(connection: Connection, site: str, event: CommandRequested, entry: Entry) -> None:
    values: dict[str, object] = {"site": site, "command": event.command, "device": event.device}
    values |= {"run": event.run, "step": event.step, "verb": event.verb}
    at = {"requested_at": ticks_of(entry.at), "index": entry.order}
    connection.execute(insert(command), {**values, **at})
    for argument in event.args:
        row = {"site": site, "command": event.command, "name": argument.name, "value": argument.value}
        connection.execute(insert(command_argument), row)


def _sealed(connection: Connection, site: str, event: TelemetrySealed, entry: Entry) -> None:
    window = {"window_from": ticks_of(event.from_), "window_to": ticks_of(event.to)}
    values = {"site": site, "index": entry.order, "op": entry.op, "device": event.device, "run": event.run}
    connection.execute(insert(seal), {**values, **window, "count": event.count, "root": event.root})


def _occurred(entry: Entry) -> int:
    occurred = entry.document.get("occurred")
    return ticks_of(datetime.fromisoformat(occurred["at"]) if occurred else entry.at)

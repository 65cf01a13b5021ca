"""Questions to the projections of this room."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, or_, select

from equipment_drivers.readings import UnitState
from mes.equipment.model import Argument, OpenCommand
from mes.equipment.tables.register import allocation, command, command_argument, equipment, unit
from mes.equipment.ticks import time_of
from mes.ids import BatchId, EquipmentId, RunId


@dataclass(frozen=True, slots=True)
class Allocation:
    """A run's hold on a device, in ticks, half open; `until` is None while it lasts."""

    run: RunId
    batch: BatchId
    since: int
    until: int | None


def registered(connection: Connection, site: str) -> Sequence[RowMapping]:
    """Return the rows of all registered devices, by id."""
    rows = select(equipment).where(equipment.c.site == site).order_by(equipment.c.equipment)
    return connection.execute(rows).mappings().all()


def allocations(
    connection: Connection, site: str, devices: Iterable[str], since: int
) -> dict[str, tuple[Allocation, ...]]:
    """Return, per device, the allocations that last or ended after `since` (ticks), oldest first."""
    wanted = tuple(devices)
    lasting = or_(allocation.c.released_at.is_(None), allocation.c.released_at > since)
    rows = (
        select(allocation)
        .where(allocation.c.site == site, allocation.c.device.in_(wanted), lasting)
        .order_by(allocation.c.device, allocation.c.allocated_at)
    )
    found: dict[str, tuple[Allocation, ...]] = dict.fromkeys(wanted, ())
    for row in connection.execute(rows):
        found[row.device] += (Allocation(RunId(row.run), BatchId(row.batch), row.allocated_at, row.released_at),)
    return found


def allocation_of(connection: Connection, site: str, run: str) -> tuple[EquipmentId, Allocation] | None:
    """Return the device and the newest hold of a run, or None if it never held one."""
    rows = (
        select(allocation)
        .where(allocation.c.site == site, allocation.c.run == run)
        .order_by(allocation.c.allocated_at.desc())
    )
    row = connection.execute(rows).first()
    if row is None:
        return None
    held = Allocation(RunId(row.run), BatchId(row.batch), row.allocated_at, row.released_at)
    return EquipmentId(row.device), held


def unit_states(connection: Connection, site: str) -> dict[str, tuple[UnitState, int]]:
    """Return each device's last recorded unit state and since when, in ticks."""
    rows = connection.execute(select(unit).where(unit.c.site == site))
    return {row.device: (UnitState(row.state), row.since) for row in rows}


def open_commands(connection: Connection, site: str) -> list[OpenCommand]:
    """Return the commands without an outcome, in the order they were asked for."""
    rows = select(command).where(command.c.site == site, command.c.result.is_(None)).order_by(command.c["index"])
    return [
        OpenCommand(
            row.command,
            EquipmentId(row.device),
            RunId(row.run),
            row.verb,
            _arguments(connection, site, row.command),
            time_of(row.requested_at),
        )
        for row in connection.execute(rows).all()
    ]


def command_of(connection: Connection, site: str, ident: str) -> tuple[RunId, str, str | None] | None:
    """Return run, verb and result (None while open) of a command, or None if the record does not know it."""
    known = select(command).where(command.c.site == site, command.c.command == ident)
    row = connection.execute(known).first()
    return None if row is None else (RunId(row.run), row.verb, row.result)


def _arguments(connection: Connection, site: str, ident: str) -> tuple[Argument, ...]:
    rows = (
        select(command_argument)
        .where(command_argument.c.site == site, command_argument.c.command == ident)
        .order_by(command_argument.c.name)
    )
    return tuple(Argument(row.name, row.value) for row in connection.execute(rows))

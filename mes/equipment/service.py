"""Registering devices, approving how they are read, and declaring them fit: the commits of this room."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select

from equipment_drivers.errors import NodeMapRefused
from equipment_drivers.nodemap import parse_nodemap
from mes.clock import Clock
from mes.equipment import decide
from mes.equipment.events import EquipmentQualified, EquipmentRegistered, NodeMapApproved
from mes.equipment.fold import fold
from mes.equipment.model import EquipmentState, Registration
from mes.equipment.tables import queries
from mes.equipment.tables.stored import nodemap_file
from mes.errors import Refusal
from mes.ids import EquipmentId, Op, checked_id, stream
from mes.ledger.entry import Actor, Write
from mes.ledger.events import Event, decode_event
from mes.ledger.repeats import repeated
from mes.ledger.store import Alongside, Ledger
from mes.people.model import Role

REGISTERS, APPROVES, QUALIFIES = Role.ADMINISTRATOR, Role.QA, Role.QA


class EquipmentService:
    """The register of one site's devices."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock

    def state(self, equipment: str) -> EquipmentState:
        """Return the device's state; one without registration if nobody entered it."""
        ident = EquipmentId(checked_id(equipment))
        entries = self._ledger.stream(stream("equipment", ident))
        folded = fold(ident, (decode_event(entry.type, entry.tv, entry.data) for entry in entries))
        return replace(folded, next_seq=entries[-1].seq + 1 if entries else 0)

    def devices(self) -> Sequence[RowMapping]:
        """Return the register, one row per device, by id."""
        with self._ledger.read() as connection:
            return queries.registered(connection, self._ledger.site)

    def nodemap(self, digest: str) -> bytes | None:
        """Return the bytes of a node map file, None if this site never had it."""
        with self._ledger.read() as connection:
            return _nodemap(connection, digest)

    def register(
        self, equipment: str, wanted: Registration, *, nodemap: bytes | None = None, by: Actor, op: Op
    ) -> EquipmentState:
        """Enter a device, or enter it anew because its binding changed; the map's digest is taken from its bytes.

        Refuses role-missing, node-map-malformed, node-map-other-class, node-map-other-thumbprint,
        equipment-form-wrong, device-in-use.
        """
        if self._repeats(op, by, equipment, EquipmentRegistered, serial=wanted.serial, model=wanted.model):
            return self.state(equipment)
        decide.check_role(by.kind, by.role, REGISTERS)
        body = nodemap or b""
        if nodemap is not None:
            check_nodemap(nodemap, wanted)
            wanted = replace(wanted, nodemap=hashlib.sha256(body).hexdigest())
        state = self.state(equipment)
        event = decide.register(state, wanted)

        def keep(connection: Connection) -> None:
            if event.nodemap is not None and _nodemap(connection, event.nodemap) is None:
                connection.execute(insert(nodemap_file), {"digest": event.nodemap, "body": body})

        return self._record(state, event, by=by, op=op, alongside=keep)

    def approve_nodemap(
        self,
        equipment: str,
        digest: str,
        *,
        signature: Mapping[str, Any],
        by: Actor,
        op: Op,
        shown: Sequence[bytes] = (),
    ) -> EquipmentState:
        """Record QA's signed approval of the node map that the device is bound by.

        Refuses role-missing, equipment-unknown, node-map-not-bound, node-map-approved-already.
        """
        if self._repeats(op, by, equipment, NodeMapApproved, digest=digest):
            return self.state(equipment)
        decide.check_role(by.kind, by.role, APPROVES)
        state = self.state(equipment)
        event = decide.approve_nodemap(state, digest)
        return self._record(state, event, by=by, op=op, signature=signature, shown=shown)

    def qualify(
        self,
        equipment: str,
        until: datetime,
        *,
        by: Actor,
        op: Op,
        signature: Mapping[str, Any] | None = None,
        shown: Sequence[bytes] = (),
    ) -> EquipmentState:
        """Record that the device is fit, as it is bound now, until `until`.

        Refuses role-missing, equipment-unknown, node-map-not-approved, qualification-in-the-past.
        """
        if self._repeats(op, by, equipment, EquipmentQualified, until=until):
            return self.state(equipment)
        decide.check_role(by.kind, by.role, QUALIFIES)
        state = self.state(equipment)
        event = decide.qualify(state, until, self._clock.now())
        return self._record(state, event, by=by, op=op, signature=signature, shown=shown)

    def _repeats(self, op: Op, by: Actor, equipment: str, act: type[Event], **said: object) -> bool:
        return repeated(self._ledger, op, stream("equipment", equipment), by.id, act, **said) is not None

    def _record(
        self,
        state: EquipmentState,
        event: Event,
        *,
        by: Actor,
        op: Op,
        signature: Mapping[str, Any] | None = None,
        alongside: Alongside | None = None,
        shown: Sequence[bytes] = (),
    ) -> EquipmentState:
        draft = event.draft(signature=signature)
        write = Write(stream("equipment", state.equipment), (draft,), expected_seq=state.next_seq)
        self._ledger.append(op, [write], actor=by, now=self._clock.now(), alongside=alongside, shown=shown)
        return self.state(state.equipment)


def check_nodemap(body: bytes, wanted: Registration) -> None:
    """Refuse a file that is no node map, or one for another class of device or another certificate."""
    try:
        found = parse_nodemap(body)
    except NodeMapRefused as refused:
        raise Refusal("node-map-malformed", status=422, detail=refused.detail) from refused
    if found.device_class != wanted.device_class:
        raise Refusal("node-map-other-class", status=422, map=found.device_class, registered=wanted.device_class)
    if found.server_thumbprint not in ("", wanted.server_thumbprint):
        raise Refusal("node-map-other-thumbprint", status=422, map=found.server_thumbprint)


def _nodemap(connection: Connection, digest: str) -> bytes | None:
    row = connection.execute(select(nodemap_file.c.body).where(nodemap_file.c.digest == digest)).first()
    return None if row is None else bytes(row.body)

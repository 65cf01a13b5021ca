"""QA's signed acts on a device: approving how it is read, and declaring it fit; decide, sign, then the register."""

from collections.abc import Sequence
from datetime import datetime

from mes.clock import Clock
from mes.equipment import decide
from mes.equipment.events import EquipmentQualified, NodeMapApproved
from mes.equipment.model import EquipmentState
from mes.equipment.service import APPROVES, QUALIFIES, EquipmentService
from mes.ids import Op, stream
from mes.ledger.events import Event
from mes.ledger.repeats import repeated
from mes.ledger.store import Ledger
from mes.people.decide import actor_for
from mes.people.model import Session
from mes.signatures.meanings import Meaning
from mes.signatures.model import Credentials, ShownItem, Signature, shown_document
from mes.signatures.service import SigningService


class EquipmentApproval:
    """Lets QA sign for devices of the register."""

    def __init__(self, register: EquipmentService, signing: SigningService, ledger: Ledger, clock: Clock) -> None:
        self._register, self._signing, self._ledger, self._clock = register, signing, ledger, clock

    def approve_nodemap(
        self, session: Session, credentials: Credentials | None, equipment: str, digest: str, op: Op
    ) -> EquipmentState:
        """Approve the node map that a device is bound by; refuses as the register does, and what signing refuses."""
        where = stream("equipment", equipment)
        if repeated(self._ledger, op, where, session.person.id, NodeMapApproved, digest=digest):
            return self._register.state(equipment)
        actor = actor_for(session, APPROVES)
        state = self._register.state(equipment)
        event = decide.approve_nodemap(state, digest)
        items = [*_device(state), ShownItem("SHA-256 of the node map", digest)]
        signed = self._sign(session, credentials, state, event, Meaning.CHANGE_APPROVED, items)
        return self._register.approve_nodemap(
            equipment, digest, signature=signed.document, by=actor, op=op, shown=[signed.shown]
        )

    def qualify(
        self, session: Session, credentials: Credentials | None, equipment: str, until: datetime, op: Op
    ) -> EquipmentState:
        """Declare a device fit, as it is bound now; refuses as the register does, and what signing refuses."""
        where = stream("equipment", equipment)
        if repeated(self._ledger, op, where, session.person.id, EquipmentQualified, until=until):
            return self._register.state(equipment)
        actor = actor_for(session, QUALIFIES)
        state = self._register.state(equipment)
        event = decide.qualify(state, until, self._clock.now())
        items = [*_device(state), ShownItem("Fit for use until", f"{until:%Y-%m-%d %H:%M %Z}")]
        signed = self._sign(session, credentials, state, event, Meaning.VERIFIED, items)
        return self._register.qualify(
            equipment, until, signature=signed.document, by=actor, op=op, shown=[signed.shown]
        )  # fmt: skip

    def _sign(
        self, session: Session, credentials: Credentials | None, state: EquipmentState, event: Event,
        meaning: Meaning, items: Sequence[ShownItem],
    ) -> Signature:  # fmt: skip
        name, draft = stream("equipment", state.equipment), event.draft()
        return self._signing.sign(
            session, credentials, meaning=meaning, stream=name, type=draft.type, data=draft.data, reason=None,
            after=[(name, state.next_seq - 1)], shown=shown_document(items), now=self._clock.now(),
        )  # fmt: skip


def _device(state: EquipmentState) -> list[ShownItem]:
    known = state.registration
    if known is None:
        return [ShownItem("Device", state.equipment)]
    kind = "SIMULATED DEVICE" if known.simulated else known.binding.value
    return [
        ShownItem("Device", f"{state.equipment}, {known.model}, serial number {known.serial}"),
        ShownItem("Binding", kind),
    ]

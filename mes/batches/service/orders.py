"""From a clinician's order to an open batch with its chain-of-identity id."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mes.batches import events as ev
from mes.batches.decide.orders import OrderRequest, accept_order, check_crew, place_order
from mes.batches.decide.trained import subject_of
from mes.batches.model import BatchState, Binding
from mes.batches.ports import MasterSource
from mes.batches.service.acting import Acting
from mes.batches.service.recorder import Recorder
from mes.errors import Refusal
from mes.ids import BatchId, Stream, stream
from mes.ledger.entry import Entry, Write
from mes.ledger.events import Event, decode_event
from mes.people.decide import actor_for
from mes.people.model import Role
from mes.signatures.meanings import Meaning
from mes.signatures.model import ShownItem, shown_document
from mes.signatures.service import SigningService

MAX_WAITING = 256
"""Chain-of-identity ids kept between a prompt and its signature."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How QA accepts an order: which master, how the device is bound, whether a simulator stands in for it."""

    batch: str
    master: str
    version: int
    binding: Binding
    simulated: bool


class OrderService:
    """Places and accepts orders."""

    def __init__(
        self, recorder: Recorder, masters: MasterSource, signing: SigningService, new_coi: Callable[[], str]
    ) -> None:
        self._recorder = recorder
        self._masters = masters
        self._signing = signing
        self._new_coi = new_coi
        self._coi_shown: dict[str, str] = {}

    def place(self, acting: Acting, order: str, request: OrderRequest) -> str:
        """Record a clinician's signed order; the patient is named by vault reference only.

        Refuses `role-missing`, `order-known`, and what the values refuse. Returns the order id.
        """
        if self._recorder.repeats(acting, f"order/{order}", ev.OrderPlaced, patient=request.patient):
            return order
        name, now = stream("order", order), self._recorder.clock.now()
        if self._recorder.ledger.next_seq(name):
            raise Refusal("order-known", order=order)
        role = acting.in_role(Role.CLINICIAN.value)
        event = place_order(order, request, acting.person)
        items = [ShownItem("Order", order), ShownItem("Product", request.product),
                 ShownItem("Patient reference", request.patient), ShownItem("Body weight", f"{event.weight_kg} kg"),
                 ShownItem("Prescribed dose", event.dose)]  # fmt: skip
        self._append(acting, event, name, role, Meaning.PERFORMED, items, now, ())
        return order

    def accept(self, acting: Acting, order: str, how: Acceptance) -> BatchState:
        """Open a batch for an order on an approved master; QA signs.

        Refuses `order-unknown`, `batch-known`, `training-shortage` while too few people are trained on the master
        (PRA-20), and what the register of masters and decide.orders.accept_order refuse.
        """
        if self._recorder.repeats(acting, f"batch/{how.batch}", ev.BatchCreated, order=order, master=how.master):
            return self._recorder.load(how.batch)
        now = self._recorder.clock.now()
        placed = self.order(order)
        role = acting.in_role(Role.QA.value)
        if self._recorder.ledger.next_seq(stream("batch", how.batch)):
            raise Refusal("batch-known", batch=how.batch)
        master = self._masters.startable(how.master, how.version)
        check_crew(master, self._recorder.training.crew(subject_of(master), now))
        event = accept_order(
            placed, master, BatchId(how.batch), self._coi_of(how.batch), how.binding, how.simulated, self._taken(order)
        )
        source = self._recorder.ledger.stream(stream("order", order))[0]
        items = [ShownItem("Order", order, source), ShownItem("Batch", how.batch),
                 ShownItem("Chain of identity", event.coi),
                 ShownItem("Master", f"{master.id} version {master.version}"),
                 ShownItem("Device", "SIMULATED DEVICE" if how.simulated else how.binding.value)]  # fmt: skip
        accepted = ev.OrderAccepted(order, how.batch).draft(refs=(source.reference,))
        others = (Write(stream("order", order), (accepted,), 1),)
        self._append(acting, event, stream("batch", how.batch), role, Meaning.MASTER_ISSUED, items, now, others)
        self._coi_shown.pop(how.batch, None)
        return self._recorder.load(how.batch)

    def order(self, order: str) -> ev.OrderPlaced:
        """Return an order; refuses `order-unknown` (404)."""
        entries = self._recorder.ledger.stream(stream("order", order))
        event = _event(entries[0]) if entries else None
        if not isinstance(event, ev.OrderPlaced):
            raise Refusal("order-unknown", status=404, order=order)
        return event

    def _taken(self, order: str) -> str | None:
        entries = self._recorder.ledger.stream(stream("order", order))
        return next((event.batch for entry in entries if isinstance(event := _event(entry), ev.OrderAccepted)), None)

    def _coi_of(self, batch: str) -> str:
        # The prompt and the signed act are two calls: both must show the same id.
        if len(self._coi_shown) >= MAX_WAITING:
            self._coi_shown.pop(next(iter(self._coi_shown)))
        return self._coi_shown.setdefault(batch, self._new_coi())

    def _append(
        self, acting: Acting, event: Event, name: Stream, role: Role, meaning: Meaning, items: Sequence[ShownItem],
        now: datetime, others: Sequence[Write],
    ) -> None:  # fmt: skip
        draft = event.draft(reason=acting.reason)
        signature = self._signing.sign(
            acting.session, acting.credentials, meaning=meaning, stream=name, type=draft.type, data=draft.data,
            reason=acting.reason, after=[], shown=shown_document(items), now=now,
        )  # fmt: skip
        signed = event.draft(reason=acting.reason, signature=signature.document)
        writes = [Write(name, (signed,), 0), *others]
        actor = actor_for(acting.session, role)
        self._recorder.ledger.append(acting.op, writes, actor=actor, now=now, shown=[signature.shown])


def _event(entry: Entry) -> Event | None:
    return decode_event(entry.type, entry.tv, entry.data)

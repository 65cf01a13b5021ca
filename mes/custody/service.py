"""The acts of custody that commit: donation, filling, labels, handovers, the ward's go, bedside checks, infusion."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mes.batches import events as ev
from mes.batches.model import BatchState
from mes.batches.ports import ScanVerdict
from mes.batches.service.acting import Acting
from mes.batches.service.kept import Kept
from mes.batches.service.recorder import Recorder
from mes.custody import bedside, containers, handovers, labelling
from mes.custody.events import ContainerCreated, ContainerInfused, ContainerMoved
from mes.custody.matching import CustodyMatcher, Wristbands
from mes.custody.shown import batch_items, product_items
from mes.errors import Refusal
from mes.identity.codes import bag_code, donation_barcode, read_code
from mes.identity.label_texts import product_text
from mes.identity.labels import ProductText
from mes.identity.symbols import label_svg
from mes.ids import stream
from mes.ledger.content import new_content
from mes.ledger.entry import Content, Write
from mes.ledger.events import Event
from mes.people.model import Role
from mes.signatures.meanings import Meaning
from mes.signatures.model import ShownItem

HANDLERS = tuple(
    role.value for role in (Role.OPERATOR, Role.COURIER, Role.COLLECTION_NURSE, Role.PHARMACIST, Role.CLINICIAN)
)
MAX_SEARCH = 4_000


@dataclass(frozen=True, slots=True)
class LabelView:
    """One label for screen and printer; the text still holds the vault's placeholders."""

    serial: str
    container: str
    text: tuple[str, ...]
    payload: str
    svg: str


class CustodyService:
    """What people do with the containers of a batch."""

    def __init__(
        self, recorder: Recorder, wristbands: Wristbands, texts: Callable[[str], ProductText] = product_text
    ) -> None:
        self._recorder = recorder
        self._matcher = CustodyMatcher(wristbands)
        self._texts = texts
        self._ended: Kept[datetime] = Kept()

    def identify_donation(self, acting: Acting, batch_id: str, *, code: str) -> BatchState:
        """Bind the scanned donation number to the batch; the collected bag becomes container `<batch>.A1`."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.DonationIdentified):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(Role.COLLECTION_NURSE.value, Role.OPERATOR.value)
        events = containers.identify_donation(state, code)
        created = ContainerCreated(f"{batch_id}.A1", "apheresis", state.batch, state.coi)
        others = [Write(stream("container", created.container), (created.draft(),))]
        return self._recorder.commit(state, acting, events, role=role, now=now, others=others)

    def fill_container(
        self, acting: Acting, batch_id: str, *, volume_ml: str, formulated_ml: str, dose: str | None = None,
        quality_control_ml: str = "0", retained_ml: str = "0", backup_ml: str = "0", waste_ml: str = "0",
        container: str | None = None,
    ) -> BatchState:  # fmt: skip
        """Record the filled product container and where the formulated volume went."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.ContainerFilled):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(Role.OPERATOR.value)
        events = containers.fill_container(state, containers.Filling(
            volume_ml, formulated_ml, quality_control_ml, retained_ml, backup_ml, waste_ml, dose, container
        ))  # fmt: skip
        filled = events[0]
        if not isinstance(filled, ev.ContainerFilled):
            raise TypeError("a filling begins with its container")
        created = ContainerCreated(filled.container, "product", state.batch, state.coi)
        others = [Write(stream("container", filled.container), (created.draft(),))]
        return self._recorder.commit(state, acting, events, role=role, now=now, others=others)

    def issue_labels(self, acting: Acting, batch_id: str, *, container: str, count: int = 1) -> BatchState:
        """Issue serial-numbered labels of a container; each label's entry bears the signature."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.LabelIssued, container=container):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(Role.OPERATOR.value)
        text = self._texts(state.master.id)
        events = labelling.issue_labels(state, text, container, count, acting.person, acting.reason)
        items = [*batch_items(state), ShownItem("Labels", ", ".join(event.serial for event in events)),
                 *(ShownItem("Label text", line) for line in events[0].text)]  # fmt: skip
        each = [acting, *(acting.signing_next() for _ in events[1:])]
        signed = [
            self._recorder.sign(
                one, event, stream=state.stream, meaning=Meaning.LABEL_ISSUED, items=items, state=state, now=now
            )
            for one, event in zip(each, events, strict=True)
        ]
        return self._recorder.commit(
            state, acting, [one.draft for one in signed], role=role, now=now, shown=[signed[0].shown]
        )

    def reconcile_labels(
        self, acting: Acting, batch_id: str, *, used: tuple[str, ...], destroyed: tuple[str, ...] = (),
        missing: tuple[str, ...] = (), search: str | None = None,
    ) -> BatchState:  # fmt: skip
        """Account for every label; a missing one needs the account of its search, kept as detachable content."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.LabelsReconciled, used=used):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(Role.VERIFIER.value, Role.SUPERVISOR.value, Role.OPERATOR.value, Role.QA.value)
        events = labelling.reconcile_labels(state, used, destroyed, missing, acting.person)
        contents: list[Content] = []
        if missing:
            if not search or len(search) > MAX_SEARCH:
                raise Refusal("search-missing", status=422, longest=MAX_SEARCH)
            contents.append(new_content(search))
            opened = next(event for event in events if isinstance(event, ev.ExceptionOpened))
            events = (*events, ev.ExceptionAssessed(opened.exception, contents[0].as_reference()))
        items = [*batch_items(state), ShownItem("Printed", ", ".join(state.labels)),
                 ShownItem("Used", ", ".join(used) or "none"), ShownItem("Destroyed", ", ".join(destroyed) or "none"),
                 ShownItem("Missing", ", ".join(missing) or "none")]  # fmt: skip
        return self._signed(acting, state, events, Meaning.LABEL_RECONCILED, items, role, now, contents=contents)

    def hand_over(
        self, acting: Acting, batch_id: str, *, step: str, container: str, place: str, condition: str
    ) -> BatchState:
        """Hand a container over in a transport step."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.CustodyHandedOver, container=container):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(*HANDLERS)
        if container in state.filled:
            for refusal in bedside.against_issue(state, now):
                raise refusal
        events = handovers.hand_over(state, step, container, place, condition)
        items = [*batch_items(state), ShownItem("Container", container), ShownItem("Place", place),
                 ShownItem("Condition", condition)]  # fmt: skip
        return self._signed(acting, state, events, Meaning.HANDED_OVER, items, role, now)

    def take_over(
        self, acting: Acting, batch_id: str, *, handover: str, place: str, condition: str,
        lowest_celsius: str | None = None, highest_celsius: str | None = None,
    ) -> BatchState:  # fmt: skip
        """Take a container over from somebody else and read its logger."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.CustodyTakenOver, handover=handover):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(*HANDLERS)
        events = handovers.take_over(
            state, handover, place, condition, lowest_celsius, highest_celsius, acting.person
        )  # fmt: skip
        container = state.handovers[handover].container
        read = f"{lowest_celsius or 'not read'} to {highest_celsius or 'not read'}"
        moved = ContainerMoved(container, handover, handovers.coded(place))
        items = [*batch_items(state), ShownItem("Container", container), ShownItem("Place", place),
                 ShownItem("Condition", condition), ShownItem("Temperatures", f"{read} Cel")]  # fmt: skip
        others = [Write(stream("container", container), (moved.draft(),))]
        return self._signed(acting, state, events, Meaning.TAKEN_OVER, items, role, now, others=others)

    def give_issue_go(self, acting: Acting, batch_id: str, *, container: str, checks: tuple[str, ...]) -> BatchState:
        """Record the clinician's go; refuses what stands against issue too."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.IssueGoGiven, container=container):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(Role.CLINICIAN.value)
        for refusal in bedside.against_issue(state, now):
            raise refusal
        events = bedside.give_issue_go(state, container, checks)
        items = [*batch_items(state), *product_items(state),
                 *(ShownItem(text, "yes") for text in bedside.ISSUE_CHECKS.values())]  # fmt: skip
        return self._signed(acting, state, events, Meaning.RECEIVED_ACCEPTED, items, role, now)

    def check_bedside(self, acting: Acting, batch_id: str, *, wristband: str, bag: str) -> BatchState:
        """Check wristband and bag as one of two people; a mismatch is recorded, then refused with `scan-mismatch`."""
        state = self._recorder.load(batch_id)
        if not self._recorder.repeats(acting, f"batch/{batch_id}", ev.BedsideChecked, ev.ScanMismatched):
            now = self._recorder.clock.now()
            role = acting.in_role(Role.CLINICIAN.value, Role.PHARMACIST.value, Role.COLLECTION_NURSE.value)
            one = self._matcher.match("wristband", wristband, state)
            other = self._matcher.match("bag:product", bag, state)
            container = read_code(bag).ident if other.matched else ""
            state = self._checked(acting, state, container, one, other, role, now)
        for entry in self._recorder.done(acting.op):
            if entry.type == ev.BedsideChecked.tag and not self._are_ours(state, wristband, bag):
                raise Refusal("operation-other", op=acting.op)  # the earlier check was right, these codes are others
            if entry.type == ev.ScanMismatched.tag:
                raise Refusal("scan-mismatch", found=entry.data["found"], expects=entry.data["expects"], batch=batch_id)
        return state

    def _are_ours(self, state: BatchState, wristband: str, bag: str) -> bool:
        codes = {"wristband": wristband, "bag:product": bag}
        return all(self._matcher.match(expects, code, state).matched for expects, code in codes.items())

    def _checked(
        self, acting: Acting, state: BatchState, container: str, wristband: ScanVerdict, bag: ScanVerdict, role: Role,
        now: datetime,
    ) -> BatchState:  # fmt: skip
        events = bedside.check_bedside(state, container, wristband, bag, acting.person)
        if not isinstance(events[0], ev.BedsideChecked):
            # Nobody signs a mismatch: it is recorded as it was scanned.
            return self._recorder.commit(state, acting, events, role=role, now=now)
        meaning = Meaning.BEDSIDE_ID_1 if events[0].checker == 1 else Meaning.BEDSIDE_ID_2
        items = [*batch_items(state), *product_items(state), ShownItem("Wristband", wristband.found),
                 ShownItem("Bag", bag.found)]  # fmt: skip
        return self._signed(acting, state, events, meaning, items, role, now)

    def start_infusion(self, acting: Acting, batch_id: str, *, container: str) -> BatchState:
        """Begin the infusion: the last reading of status, expiry, go and checks."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.InfusionStarted, container=container):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(Role.CLINICIAN.value)
        events = bedside.start_infusion(state, container, now)
        items = [*batch_items(state), *product_items(state)]
        return self._signed(acting, state, events, Meaning.INFUSION_STARTED, items, role, now)

    def end_infusion(
        self, acting: Acting, batch_id: str, *, volume_ml: str, outcome: str = "complete"
    ) -> BatchState:  # fmt: skip
        """Record how the infusion ended."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.Infused, volume_ml=volume_ml, outcome=outcome):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(Role.CLINICIAN.value)
        ended = self._ended.of((acting.op, volume_ml, outcome), lambda: now)
        events = bedside.end_infusion(state, volume_ml, outcome, ended)
        container = events[0].container
        infused = ContainerInfused(container, outcome, volume_ml)
        items = [*batch_items(state), ShownItem("Container", container), ShownItem("Volume given", f"{volume_ml} mL"),
                 ShownItem("Outcome", outcome)]  # fmt: skip
        others = [Write(stream("container", container), (infused.draft(),))]
        return self._signed(acting, state, events, Meaning.INFUSION_COMPLETED, items, role, now, others=others)

    def may_infuse(self, batch_id: str) -> tuple[Refusal, ...]:
        """Return everything that stands against infusing now; empty: go."""
        return bedside.against_infusion(self._recorder.load(batch_id), self._recorder.clock.now())

    def label(self, batch_id: str, serial: str) -> LabelView:
        """Return one label with its symbol; refuses `labels-unknown` (404)."""
        found = self._recorder.load(batch_id).labels.get(serial)
        if found is None:
            raise Refusal("labels-unknown", status=404, labels=serial[:80])
        return LabelView(serial, found.container, found.text, found.payload, label_svg(found.payload))

    def codes(self, batch_id: str) -> dict[str, str]:
        """Return what can be scanned on the bags of the batch, by container id, and `din`; never the wristband."""
        state = self._recorder.load(batch_id)
        made = {} if state.din is None else {"din": donation_barcode(state.din)}
        made |= {one: bag_code(one, state.coi) for one in state.containers if one not in state.filled}
        live = {label.container: label.payload for label in state.labels.values() if label.fate in (None, "used")}
        return made | live

    def _signed(
        self, acting: Acting, state: BatchState, events: Sequence[Event], meaning: Meaning,
        items: Sequence[ShownItem], role: Role, now: datetime, *, contents: Sequence[Content] = (),
        others: Sequence[Write] = (),
    ) -> BatchState:  # fmt: skip
        signed = self._recorder.sign(
            acting, events[0], stream=state.stream, meaning=meaning, items=items, state=state, now=now
        )
        drafts = [signed.draft, *(event.draft() for event in events[1:])]
        return self._recorder.commit(
            state, acting, drafts, role=role, now=now, contents=contents, shown=[signed.shown], others=others
        )

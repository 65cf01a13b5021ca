"""A whole batch on the seven-day master: nearly everything that a record can hold, told through a house."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from equipment_drivers.readings import CommandResult, CommandVerb, LinkState, UnitState
from mes.batches import events as ev
from mes.batches.model import Judgement, MaterialUse, RecordedValue
from mes.equipment import events as eq
from mes.equipment.model import Argument, Binding
from mes.equipment.samples import Sample, line_of
from mes.equipment.ticks import ticks_of
from mes.ids import BatchId, EquipmentId, MasterId, PersonId, RunId, Stream
from mes.ledger.content import new_content
from mes.ledger.entry import Actor, Occurred, Write
from mes.masters.events import MasterApproved, MasterImported
from mes.masters.model import Act, BatchKind, Kind, Master, Parameter, Step
from mes.masters.reader import read_master, read_specification
from mes.masters.specification import Operator, Specification
from mes.people.model import Role
from mes.signatures.meanings import Meaning
from mes.signatures.model import ShownItem
from tests.records.house import PEOPLE, House

TEMPLATES = Path(__file__).parents[2] / "batch_templates"
BATCH, ORDER, DEVICE = "B-2026-007", "O-2026-007", EquipmentId("prodigy-1")
RUN = RunId(f"{BATCH}.R1")
STREAM = f"batch/{BATCH}"
DEVICE_STEPS = ("A07", "A18")
SIGNALS = {
    "culture.temperature": ("Cel", 37.0, 0.12),
    "culture.co2": ("%", 5.0, 0.08),
    "culture.volume": ("mL", 120.0, 3.0),
    "supply.air_pressure": ("bar", 1.6, 0.05),
}


def the_master() -> Master:
    """Return the shipped seven-day master."""
    return read_master((TEMPLATES / "prodigy-cd19-7d" / "1.yaml").read_bytes())


def the_specification() -> Specification:
    """Return the shipped specification."""
    return read_specification((TEMPLATES / "specifications" / "ari-0001" / "1.yaml").read_bytes())


class Tale:
    """Tells one batch step by step; `upto` ends it early, `hours` is how much telemetry it has."""

    def __init__(self, house: House, *, hours: int = 6, upto: str | None = None, binding: str = "opcua") -> None:
        self.house, self.hours, self.upto, self.binding = house, hours, upto, binding
        self.master = the_master()
        self.specification = the_specification()

    def told(self) -> "Tale":
        """Tell everything."""
        self.device_and_master()
        self.order()
        for step in self.master.steps:
            if step.id == "A07" and self.binding == "opcua":
                self.begin_run()
            self.step(step)
            if step.id == "A06":
                self.correction()
            if step.id == "A11" and self.binding == "opcua":
                self.culture()
            if step.id == "A18" and self.binding == "opcua":
                self.end_run()
            if step.id == self.upto:
                return self
        self.results()
        return self

    def device_and_master(self) -> None:
        """Register and approve the device and the master."""
        house, admin, qa = self.house, Role.ADMINISTRATOR, Role.QA
        registered = eq.EquipmentRegistered(
            DEVICE,
            "cell_processor",
            "prodigy_like",
            "SN-0042",
            Binding.OPCUA,
            True,
            "opc.tcp://127.0.0.1:4840",
            "cd" * 32,
            "sha256:" + "ab" * 32,
        )
        house.append(f"equipment/{DEVICE}", registered.draft(), by=admin)
        house.sign(f"equipment/{DEVICE}", eq.NodeMapApproved(DEVICE, "cd" * 32), qa, Meaning.CHANGE_APPROVED)
        until = house.clock.now() + timedelta(days=180)
        house.append(f"equipment/{DEVICE}", eq.EquipmentQualified(DEVICE, until, "cd" * 32).draft(), by=qa)
        master, stream = self.master, f"master/{self.master.id}.1"
        house.keep(master.body)
        imported = MasterImported(
            MasterId(master.id),
            1,
            master.digest,
            "ee" * 32,
            master.product,
            master.title,
            BatchKind.PATIENT.value,
            master.specification,
            PersonId(PEOPLE[admin][0]),
        )
        entry = house.append(stream, imported.draft(), by=admin)[0]
        approved = MasterApproved(MasterId(master.id), 1, master.digest, PersonId(PEOPLE[qa][0]))
        house.sign(stream, approved, qa, Meaning.MASTER_APPROVED, items=[ShownItem("Master", master.id, entry)])

    def order(self) -> None:
        """Place and accept the order."""
        house, product = self.house, self.master.product
        placed = ev.OrderPlaced(ORDER, product, "PT-7KQ2MW9XHB", "5f" * 32, "72", "98 10*6{cells}", "P-CLIN0001")
        entry = house.sign(f"order/{ORDER}", placed, Role.CLINICIAN, Meaning.PERFORMED)
        house.later(2)
        created = ev.BatchCreated(
            BATCH,
            ORDER,
            "CHA999926K3M7QX",
            product,
            "PT-7KQ2MW9XHB",
            "5f" * 32,
            "72",
            "98 10*6{cells}",
            self.master.id,
            1,
            self.master.digest,
            self.master.specification,
            self.binding,
            simulated=self.binding == "opcua",
        )
        draft, shown = house.signed(
            STREAM, created, Role.QA, Meaning.MASTER_ISSUED, items=[ShownItem("Order", ORDER, entry)]
        )
        accepted = ev.OrderAccepted(ORDER, BATCH).draft(refs=(entry.reference,))
        house.append(STREAM, draft, by=Role.QA, shown=[shown], others=[Write(Stream(f"order/{ORDER}"), (accepted,))])

    def step(self, step: Step) -> None:
        """Start, perform, verify and complete a step, with lots, scans and what its act demands."""
        house = self.house
        performer = Role(step.signatures.performed or "operator")
        house.later(0.5)
        program = step.program if self.binding == "opcua" else None
        late = "1.5" if step.id == "A12" else None
        started = ev.StepStarted(
            step.id, DEVICE if program else None, RUN if program else None, program.number if program else None, late
        )
        reason = "The analyser was being serviced; the window is not critical." if late else None
        house.append(STREAM, started.draft(reason=reason), by=performer)
        for scan in step.scans:
            house.append(STREAM, ev.ScanMatched(step.id, scan.id, scan.expects, "this batch").draft(), by=performer)
        for material in step.materials:
            lot = f"{BATCH}.A1" if material.patient_material else f"LOT-{sum(map(ord, material.code)):04d}"
            use = MaterialUse(material.code, lot, house.clock.now() + timedelta(days=120))
            house.append(STREAM, ev.MaterialUsed(step.id, use).draft(), by=performer)
        self.act(step)
        house.later(float(step.duration_h) or 0.2)
        performed = ev.StepPerformed(step.id, self.master.digest, tuple(self.value(one) for one in step.parameters))
        entry = house.sign(STREAM, performed, performer, Meaning.PERFORMED)
        if step.signatures.verified:
            verifier = Role(step.signatures.verified)
            verifier = Role.VERIFIER if verifier is performer else verifier
            house.sign(
                STREAM,
                ev.StepVerified(step.id),
                verifier,
                Meaning.VERIFIED,
                items=[ShownItem("Values", f"{len(step.parameters)} values", entry)],
            )
        for also in step.signatures.also:
            house.sign(STREAM, ev.StepAttested(step.id, also.meaning), Role(also.role), Meaning(also.meaning))
        now = house.clock.now()
        forecast = ev.ForecastMade(step.id, now + timedelta(hours=100), now + timedelta(hours=110), "163.5", "4.5")
        house.append(STREAM, ev.StepCompleted(step.id).draft(), forecast.draft(), by=performer)

    def value(self, one: Parameter) -> RecordedValue:
        """Return a value in the middle of its limits."""
        source = "device" if one.source.value == "device" and self.binding == "opcua" else "manual"
        if one.kind is not Kind.NUMBER:
            text = one.expected or (one.choices[0] if one.choices else "RX-2026-113 v2")
            return RecordedValue(one.id, text, None, source, Judgement("value", 1, one.expected or "any", True))
        low = one.low if one.low is not None else Decimal(0)
        high = one.high if one.high is not None else low + max(abs(low), Decimal(1))
        text = format((low + high) / 2, ".2f")
        limit = f"{'' if one.low is None else one.low} to {'' if one.high is None else one.high} {one.unit}"
        return RecordedValue(one.id, text, one.unit, source, Judgement("limit", 1, limit, True))

    def act(self, step: Step) -> None:
        """Record what the act of a step demands beside values."""
        house, bag = self.house, f"{BATCH}.P1"
        if step.id == "A04":
            house.append(
                STREAM, ev.DonationIdentified("A999926000001", f"{BATCH}.A1").draft(), by=Role.COLLECTION_NURSE
            )
        if step.act is Act.LABEL:
            expiry = house.clock.now() + timedelta(hours=24)
            house.append(
                STREAM,
                ev.ContainerFilled(bag, "50.0", "98 10*6{cells}", expiry).draft(),
                ev.ContainersReconciled("62.0", "50.0", "6.0", "4.0", "0.0", "2.0").draft(),
                by=Role.OPERATOR,
            )
            for nth in (1, 2):
                label = ev.LabelIssued(f"{bag}.L{nth}", bag, f"&/CHA999926K3M7QX{nth}", ("Patient: {{patient.name}}",))
                house.sign(STREAM, label, Role.OPERATOR, Meaning.LABEL_ISSUED)
            house.sign(
                STREAM, ev.LabelsReconciled((f"{bag}.L1",), (f"{bag}.L2",)), Role.VERIFIER, Meaning.LABEL_RECONCILED
            )
        if step.act is Act.HANDOVER:
            container = f"{BATCH}.A1" if step.id == "A05" else bag
            given = ev.CustodyHandedOver(f"{step.id}-1", container, "Ward 4", "sealed, dry")
            house.sign(STREAM, given, Role.COURIER, Meaning.HANDED_OVER)
            house.later(1)
            taken = ev.CustodyTakenOver(
                f"{step.id}-1", container, "Clean room", "sealed, dry", "3.1", "5.8", "2 to 8 Cel", within=True
            )
            house.sign(STREAM, taken, Role.OPERATOR, Meaning.TAKEN_OVER)
        if step.act is Act.CERTIFY_PRELIMINARY:
            self.certify("preliminary")
        if step.act is Act.INFUSION:
            self.infusion(bag)

    def certify(self, stage: str) -> None:
        """Review and certify."""
        house = self.house
        for kind, role, meaning in (
            ("production", Role.SUPERVISOR, Meaning.PROD_REVIEWED),
            ("qc", Role.QC_REVIEWER, Meaning.QC_UNIT_APPROVED),
            ("qa", Role.QA, Meaning.QA_REVIEWED),
        ):
            house.sign(STREAM, ev.ReviewSigned(kind), role, meaning)
        gate = (
            ev.GateItemJudged("G-01", "Every step of the master is done or lawfully left out", "MET", "23 of 23 steps"),
            ev.GateItemJudged("G-04", "Every deviation is approved by QA", "MET", "1 of 1"),
            ev.GateItemJudged(
                "G-11",
                "Environmental monitoring",
                "NOT MONITORED",
                "no room monitoring is connected",
                acknowledged=True,
            ),
        )
        expiry = house.clock.now() + timedelta(hours=20)
        certified = ev.BatchCertified(
            f"{BATCH}.C1",
            stage,
            expiry,
            ("sterility", "rcl"),
            gate,
            ("authorisation", "national_duties", "register_entry"),
        )
        meaning = Meaning.QP_PRELIM_CERTIFIED if stage == "preliminary" else Meaning.QP_FINAL_CERTIFIED
        house.sign(STREAM, certified, Role.QP, meaning)
        house.sign(STREAM, ev.ReleaseAssigned(f"{BATCH}.C1", (f"{BATCH}.P1",)), Role.QP, Meaning.RELEASE_ASSIGNED)

    def infusion(self, bag: str) -> None:
        """Check at the bedside and infuse."""
        house = self.house
        house.sign(
            STREAM,
            ev.IssueGoGiven(bag, ("patient_present", "no_new_infection")),
            Role.CLINICIAN,
            Meaning.RECEIVED_ACCEPTED,
        )
        house.sign(STREAM, ev.BedsideChecked(bag, 1), Role.COLLECTION_NURSE, Meaning.BEDSIDE_ID_1)
        house.sign(STREAM, ev.BedsideChecked(bag, 2), Role.CLINICIAN, Meaning.BEDSIDE_ID_2)
        house.sign(STREAM, ev.InfusionStarted(bag), Role.CLINICIAN, Meaning.INFUSION_STARTED)
        begun = house.clock.now()
        house.later(0.4)
        done = ev.Infused(bag, begun, house.clock.now(), "50.0", "complete")
        house.sign(STREAM, done, Role.CLINICIAN, Meaning.INFUSION_COMPLETED)

    def correction(self) -> None:
        """Correct a value of A06 after it was verified: the verification falls and is given anew."""
        house, step = self.house, "A06"
        entries = house.ledger.stream(Stream(STREAM))
        performed = next(one for one in entries if one.type == "batch:step:performed" and one.data["step"] == step)
        verified = next(one for one in entries if one.type == "batch:step:verified" and one.data["step"] == step)
        old = next(self.value(one) for one in self.master.step(step).parameters if one.id == "volume")
        change = ev.ValueCorrected(step, old, replace(old, value="156.00"), self.master.digest)
        void = ev.SignatureVoided(verified.index, ev.Cause(STREAM, house.ledger.next_seq(Stream(STREAM))))
        entry = house.sign(
            STREAM,
            change,
            Role.OPERATOR,
            Meaning.CORRECTED,
            void,
            items=[ShownItem("Old value", "165.00", performed)],
            reason="Transposed digits; the scale's printout says 156.00.",
            corrects=(performed.stream, performed.seq),
        )
        house.sign(
            STREAM,
            ev.StepVerified(step),
            Role.VERIFIER,
            Meaning.VERIFIED,
            items=[ShownItem("Volume", "156.00 mL", entry)],
        )
        house.append(STREAM, ev.StepCompleted(step).draft(), by=Role.VERIFIER)

    def begin_run(self) -> None:
        """Take the device."""
        house, now = self.house, self.house.clock.now()
        house.append(STREAM, ev.RunBegun(RUN, DEVICE).draft(), by=Role.OPERATOR)
        house.append(f"run/{RUN}", eq.DeviceAllocated(RUN, DEVICE, BatchId(BATCH), now).draft(), by=Role.OPERATOR)
        asked = eq.CommandRequested("c-1", DEVICE, RUN, CommandVerb.START, (Argument("program", "1"),), "A07")
        outcome = eq.CommandOutcomeRecorded("c-1", DEVICE, RUN, "start", CommandResult.CONFIRMED, "")
        drain = Actor.system("drain")
        house.append(f"run/{RUN}", asked.draft(), by=Role.OPERATOR)
        house.append(
            f"run/{RUN}",
            outcome.draft(),
            eq.UnitStateChanged(DEVICE, RUN, UnitState.RUNNING, UnitState.IDLE).draft(),
            eq.DeviceLinkChanged(DEVICE, RUN, LinkState.LIVE, "").draft(),
            by=drain,
        )

    def culture(self) -> None:
        """Let the culture run, with an excursion, an alarm, a gap, a hold and a deviation."""
        house, drain = self.house, Actor.system("drain")
        start = house.clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        for hour in range(self.hours):
            begin = start + timedelta(hours=hour)
            house.clock.advance(begin + timedelta(hours=1) - house.clock.now())
            house.seal_hour(DEVICE, RUN, begin, list(rows_of(begin, hour, self.hours)))
        out = start + timedelta(hours=self.hours // 2, minutes=10)
        exceeded = ev.LimitExceeded(
            "A12", "culture.temperature", "38.4", "Cel", "36.0 to 38.0", out, "limit", 1, self.master.digest
        )
        opened = ev.ExceptionOpened(
            f"{BATCH}.E1",
            "limit",
            "critical",
            "Culture temperature 38.4 Cel, limit 36.0 to 38.0",
            "A12",
            "culture.temperature",
        )
        deviation = ev.DeviationOpened(f"{BATCH}.D1", f"{BATCH}.E1", "critical", "Culture temperature out of limits")
        occurred = Occurred(out, "device")
        house.append(
            STREAM, exceeded.draft(occurred=occurred), opened.draft(occurred=occurred), deviation.draft(), by=drain
        )
        alarm = eq.AlarmChanged(
            DEVICE, RUN, "T-HIGH", "e1", "Chamber temperature high", 700, active=True, acknowledged=False
        )
        gap = eq.GapRecorded(DEVICE, RUN, "connection lost", out, out + timedelta(seconds=40), ())
        house.append(f"run/{RUN}", alarm.draft(occurred=occurred), gap.draft(), by=drain)
        house.sign(
            STREAM, ev.BatchHeld("deviation"), Role.QA, Meaning.QA_REVIEWED, reason="Assess the warm period first."
        )
        returned = ev.LimitReturned(
            "A12", "culture.temperature", "37.6", "Cel", "36.0 to 38.0", out + timedelta(minutes=25)
        )
        minor = ev.ExceptionOpened(
            f"{BATCH}.E2", "gap", "minor", "No samples for 40 s while the connection was lost", "A12"
        )
        house.append(STREAM, returned.draft(), minor.draft(), by=drain)
        told = new_content(
            "25 minutes at up to 38.4 Cel. Glucose and lactate before and after are unremarkable; the "
            "expansion curve shows no lag. No effect on the product is expected."
        )
        house.sign(
            STREAM,
            ev.DeviationAssessed(f"{BATCH}.D1", told.as_reference()),
            Role.SUPERVISOR,
            Meaning.DEV_ASSESSED,
            contents=[told],
        )
        house.sign(STREAM, ev.DeviationApproved(f"{BATCH}.D1"), Role.QA, Meaning.DEV_APPROVED)
        gap_text = new_content("The device buffered; the trend before and after is the same.")
        house.sign(
            STREAM,
            ev.ExceptionAssessed(f"{BATCH}.E2", gap_text.as_reference()),
            Role.SUPERVISOR,
            Meaning.ALARM_ASSESSED,
            contents=[gap_text],
        )
        house.sign(STREAM, ev.BatchResumed("executing"), Role.QA, Meaning.QA_REVIEWED, reason="Assessment approved.")

    def end_run(self) -> None:
        """Give the device back."""
        now = self.house.clock.now()
        freed = eq.DeviceReleased(RUN, DEVICE, BatchId(BATCH), now)
        self.house.append(f"run/{RUN}", freed.draft(), by=Role.OPERATOR)
        self.house.append(STREAM, ev.RunEnded(RUN, DEVICE).draft(), by=Role.OPERATOR)

    def results(self) -> None:
        """Enter and review the results."""
        for item in self.specification.items:
            if item.operator is Operator.ANY_OF:
                continue
            value = item.wanted or format((item.limit or Decimal(1)) * (2 if item.operator.value[0] == "g" else 1), "f")
            entered = ev.ResultEntered(
                self.specification.reference, item.id, value, item.unit, item.limit_text, True, "spec", 1
            )
            entry = self.house.sign(STREAM, entered, Role.QC_ANALYST, Meaning.RESULT_ENTERED)
            self.house.sign(
                STREAM,
                ev.ResultReviewed(item.id, entry.seq),
                Role.QC_REVIEWER,
                Meaning.RESULT_REVIEWED,
                items=[ShownItem(item.label, value, entry)],
            )


def rows_of(start: datetime, hour: int, hours: int) -> Iterator[tuple[str, str]]:
    """Yield the samples of one hour, one a minute and signal; half way the temperature leaves its limits."""
    for minute in range(60):
        at = ticks_of(start + timedelta(minutes=minute))
        for tag, (unit, middle, swing) in SIGNALS.items():
            value = middle + swing * math.sin((hour * 60 + minute) / 37)
            if tag == "culture.temperature" and hour == hours // 2 and 10 <= minute < 35:
                value += 1.3
            yield tag, line_of(Sample(f"{value:.2f}", unit, 0, at, at, at))
        yield "unit.state", line_of(Sample("RUNNING", "", 0, at, None, at))

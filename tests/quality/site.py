"""A small site with a batch already run as planned in its ledger, and the people who go on from there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from mes.batches import events as ev
from mes.batches.model import BatchState
from mes.batches.service.acting import Acting
from mes.batches.service.recorder import Recorder
from mes.custody.service import CustodyService
from mes.errors import Refusal
from mes.identity.service import PatientService
from mes.identity.vault import PatientVault
from mes.ids import PersonId, new_op, stream
from mes.ledger.entry import Actor, Entry, Write
from mes.ledger.events import Event
from mes.masters.model import Master
from mes.people.model import Role
from mes.people.training.model import Subject, SubjectKind
from mes.quality.integrity import BatchIntegrity
from mes.quality.service import QualityService
from mes.quality.specifications import VendoredSpecifications
from mes.schedule import VeinToVein
from mes.signatures.model import Credentials, SignaturePrompt
from tests.people.builders import PASSWORD
from tests.people.houses import House, login, open_house
from tests.quality.builders import Story
from tests.schedule.builders import SEVEN_DAYS, T0

WRISTBAND = "WB-0001"
STAFF: dict[str, tuple[Role, ...]] = {
    "op-1": (Role.OPERATOR,),
    "op-2": (Role.OPERATOR, Role.VERIFIER),
    "sup-1": (Role.SUPERVISOR,),
    "qc-1": (Role.QC_ANALYST,),
    "qc-2": (Role.QC_REVIEWER,),
    "qp-1": (Role.QP,),
    "qp-2": (Role.QP,),
    "courier-1": (Role.COURIER,),
    "nurse-1": (Role.COLLECTION_NURSE,),
    "dr-1": (Role.CLINICIAN,),
    "dr-2": (Role.CLINICIAN,),
    "qa-1": (Role.QA,),  # last: from then on QA approves every role
}
SECOND_FACTOR = ("qa-1", "qp-1", "qp-2")


class OneMaster:
    """Implements MasterSource with the shipped master, approved."""

    def approved(self, master_id: str, version: int) -> Master:
        """Return it; refuses `master-unknown`."""
        if (master_id, version) != (SEVEN_DAYS.id, SEVEN_DAYS.version):
            raise Refusal("master-unknown", status=404, master=master_id)
        return SEVEN_DAYS


@dataclass
class Site:
    """The services above execution, and the sessions of everybody."""

    house: House
    recorder: Recorder
    quality: QualityService
    custody: CustodyService
    patients: PatientService

    def act(self, who: str, reason: str | None = None) -> Acting:
        """Return an act of a person without credentials."""
        return Acting(self.house.signed_in(who), new_op(), None, reason)

    def sign(self, call: object, who: str, *, reason: str | None = None, **given: object) -> BatchState:
        """Do a signed act as the web does: ask for the prompt, then sign what it showed, under one operation id."""
        asked = self.act(who, reason)
        try:
            state: BatchState = call(asked, "B1", **given)
        except SignaturePrompt as prompt:
            totp = self.house.code(who) if "totp" in prompt.factors else None
            given_in = Credentials(login(who), PASSWORD, totp, prompt.shown.digest)
            state = call(Acting(asked.session, asked.op, given_in, reason), "B1", **given)
            self.house.wall.now += 60 if totp else 0
        return state

    def review_trail(self, who: str) -> BatchState:
        """Open every critical entry of the audit trail and sign its review."""
        for one in self.quality.trail.trail(self.state()).critical:
            self.quality.trail.examine(self.act(who), "B1", index=one.entry.index)
        return self.sign(self.quality.review, who, kind="audit_trail")

    def entries(self, kind: str, ident: str) -> list[Entry]:
        """Return the entries of a stream."""
        return self.house.ledger.stream(stream(kind, ident))

    def last(self, tag: str) -> Entry:
        """Return the newest entry of a type in the batch."""
        return [entry for entry in self.entries("batch", "B1") if entry.type == tag][-1]

    def state(self) -> BatchState:
        """Return the batch as it stands."""
        return self.recorder.load("B1")

    def record(self, who: str, *events: Event) -> BatchState:
        """Record facts of execution that are not this test's subject."""
        state = self.state()
        role = STAFF[who][0]
        return self.recorder.commit(state, self.act(who), events, role=role, now=self.house.clock.now())

    def wait(self, hours: float) -> None:
        """Let record time pass."""
        self.house.clock.advance(timedelta(hours=hours))


@contextmanager
def a_site(folder: Path, story: Story) -> Iterator[Site]:
    """Open a site whose ledger holds the story; its clock stands at the story's last fact."""
    with open_house(folder, f"sqlite:///{folder / 'site.sqlite'}") as house:
        people = {
            name: house.employ(name, *roles, totp=name in SECOND_FACTOR) for name, roles in STAFF.items()
        }  # fmt: skip
        house.train(people.values(), Subject(SubjectKind.MASTER, SEVEN_DAYS.id, SEVEN_DAYS.version))
        patients = PatientService(PatientVault.create(folder), house.ledger, house.clock)
        recorder = Recorder(house.ledger, house.clock, OneMaster(), house.signing, VeinToVein())
        quality = QualityService(recorder, VendoredSpecifications(), BatchIntegrity(house.ledger))
        custody = CustodyService(recorder, patients)
        _replay(house, story, {name: person.id for name, person in people.items()}, patients)
        yield Site(house, recorder, quality, custody, patients)


def _replay(house: House, story: Story, ids: dict[str, PersonId], patients: PatientService) -> None:
    begun = house.clock.now()
    created = ev.BatchCreated(
        batch="B1", order="O1", coi=story.state.coi, product=story.state.product, patient="PT-1",
        wristband=patients.wristband_digest(WRISTBAND), weight_kg="70", dose="1.0 10*6{cells}/kg",
        master=SEVEN_DAYS.id, master_version=SEVEN_DAYS.version, master_digest=SEVEN_DAYS.digest,
        specification=SEVEN_DAYS.specification, binding="opcua", simulated=True,
    )  # fmt: skip
    facts = [(created, T0, "qa-1"), *story.told]
    last = begun
    for (when, who), acts in groupby(facts, key=lambda fact: fact[1:]):
        last = max(last, when)
        actor = Actor("person", ids[who], f"Name of {who}", STAFF[who][0].value, "touch-1")
        write = Write(stream("batch", "B1"), tuple(event.draft() for event, _, _ in acts))
        house.ledger.append(new_op(), [write], actor=actor, now=last)
    house.clock.advance(last - begun)

"""A batch of the shipped seven-day master, run as planned up to any step, and the people who ran it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from mes.batches import events as ev
from mes.batches.decide.values import GivenValue, judge
from mes.batches.fold import Fact, fold_more
from mes.batches.model import BatchState, MaterialUse, RecordedValue, StepState
from mes.ids import PersonId
from mes.ledger.events import Event
from mes.masters.critical_path import plan
from mes.masters.model import Act, Kind, Parameter
from mes.masters.reader import read_specification
from mes.masters.specification import Specification
from mes.people.model import Person, Role
from mes.people.training.model import Training
from mes.quality.judging import judge_result
from tests.schedule.builders import SEVEN_DAYS, T0, a_batch, at

SPECIFICATION = read_specification(
    (Path(__file__).parents[2] / "batch_templates/specifications/ari-0001/1.yaml").read_bytes()
)
PLAN = plan(SEVEN_DAYS)
DOSE = "dose_cells"
FIXED = {DOSE: "98", "dose_of_prescribed": "100", "weight": "70"}
REAL = {
    # ARI0001/01: the values of the published validation batch, in the words of the specification
    "appearance": ("cloudy liquid", None),
    "car_pos_cells_total": ("1495", "10*6{cells}"),
    "car_pos_fraction": ("26.0", "%"),
    "cd3_pos_fraction": ("97.9", "%"),
    "viability": ("97.9", "%"),
    "sterility_in_process": ("negative to date", None),
    "mycoplasma": ("absent", None),
    "endotoxin": ("<=0.5", "[EU]/mL"),
    "transgene_copies_per_cell": ("1.45", "{copies}/{cell}"),
}
DEFERRED = {
    "sterility": ("sterile", None),
    "adventitious_viruses": ("absent", None),
    "rcl": ("absent", None),
    "potency_a": ("14.9", "%"),
    "potency_b": ("90.9", "%"),
}
RELEASE_H = 152.0
"""An hour after H0 at which the preliminary certificate is due: the sterility sample has its 48 h."""


def a_person(person: str, *roles: Role) -> Person:
    """Return a person in roles."""
    return Person(PersonId(person), f"Name of {person}", person, frozenset(roles))


QP = a_person("qp-1", Role.QP)
TRAINED = {
    name: (Training(T0 - timedelta(days=400), T0 + timedelta(days=400)),)
    for name in (
        "op-1",
        "op-2",
        "nurse-1",
        "courier-1",
        "qc-1",
        "qc-2",
        "sup-1",
        "qa-1",
        "qp-1",
        "qp-2",
        "dr-1",
        "dr-2",
    )
}
"""Everybody of the story, trained on the master all the time."""


class Story:
    """Tells a batch's facts one after the other; `hour` counts from H0."""

    def __init__(self, state: BatchState, shift: float = 0.0) -> None:
        self.state = state
        self.shift = shift
        self.told: list[tuple[Event, datetime, str]] = []

    def tell(self, event: Event, hour: float, actor: str = "op-1") -> "Story":
        """Record one fact."""
        seq = self.state.next_seq
        when = T0 + timedelta(hours=hour + self.shift)
        self.told.append((event, when, actor))
        self.state = fold_more(
            self.state, [Fact(event, seq, seq, when, when, "person", actor, f"Name of {actor}", "operator")]
        )
        return self

    def now(self, hour: float) -> datetime:
        """Return the time of an hour after H0."""
        return T0 + timedelta(hours=hour + self.shift)


def within(parameter: Parameter) -> str:
    """Return a value of the parameter that is within its limits."""
    if parameter.id in FIXED:
        return FIXED[parameter.id]
    if parameter.kind is Kind.NUMBER:
        for bound, step in ((parameter.high, 0), (parameter.low, 1)):
            if bound is not None:
                return f"{bound + step:f}"
        return "1"
    if parameter.expected is not None:
        return parameter.expected
    return parameter.choices[0] if parameter.choices else "RX-1"


def value_of(parameter: Parameter, text: str | None = None) -> RecordedValue:
    """Return a recorded value of the parameter, judged."""
    given = GivenValue(parameter.id, text or within(parameter), parameter.unit, parameter.source.value)
    return judge(parameter, given)


def do_step(story: Story, step: StepState, values: Callable[[Parameter], RecordedValue] = value_of) -> None:
    """Tell one step as planned: start, scans, lots, program, values, signatures, completion."""
    name, rule = step.step.id, step.step.signatures
    start, end = float(PLAN.starts[name]), float(PLAN.completions[name])
    story.tell(ev.StepStarted(name), start)
    for scan in step.step.scans:
        story.tell(ev.ScanMatched(name, scan.id, scan.expects, "ours"), start)
    for material in step.step.materials:
        if not material.patient_material:
            story.tell(ev.MaterialUsed(name, MaterialUse(material.code, "LOT-1", at(10_000))), start)
    if step.step.program is not None:
        story.tell(ev.ProgramCompleted(name, step.step.program.number, "COMPLETE"), end)
    told = tuple(values(one) for one in step.step.parameters)
    story.tell(ev.StepPerformed(name, SEVEN_DAYS.digest, told), end)
    if rule.verified is not None:
        story.tell(ev.StepVerified(name), end, "op-2")
    for one in rule.also:
        story.tell(ev.StepAttested(name, one.meaning), end, "qa-1")
    story.tell(ev.StepCompleted(name), end)


def enter(story: Story, item: str, value: str, unit: str | None, hour: float = 150.0, *, reviewed: bool = True) -> None:
    """Tell a result and its review."""
    judged = judge_result(SPECIFICATION.item(item), value, unit)
    entered = ev.ResultEntered("ari-0001.1", item, value, unit, judged.limit, judged.passed, "r", 1)
    story.tell(entered, hour, "qc-1")
    if reviewed:
        story.tell(ev.ResultReviewed(item, story.state.results[item].seq), hour, "qc-2")


def product(story: Story, *, label: bool = True) -> None:
    """Tell the filled container, its label, and their reconciliation."""
    expiry = story.now(float(PLAN.completions[SEVEN_DAYS.expiry_step or SEVEN_DAYS.start_step]) + 24)
    story.tell(ev.ContainerFilled("B1.P1", "50", "98 10*6{cells}", expiry), 146.5)
    story.tell(ev.ContainersReconciled("60", "50", "8", "2", "0", "0"), 146.5)
    if label:
        story.tell(ev.LabelIssued("B1.P1.L1", "B1.P1", "S7", ("text",)), 147)
        story.tell(ev.LabelsReconciled(("B1.P1.L1",), ()), 147, "op-2")


def reviews(story: Story, hour: float = 151.0) -> None:
    """Tell the four reviews."""
    for kind, actor in (("production", "sup-1"), ("qc", "qc-2"), ("audit_trail", "qp-2"), ("qa", "qa-1")):
        story.tell(ev.ReviewSigned(kind), hour, actor)


BEFORE_REVIEW = [
    name for name in SEVEN_DAYS.steps if name.act not in (Act.REVIEW, Act.CERTIFY_PRELIMINARY, Act.CERTIFY_FINAL)
    and PLAN.starts[name.id] < PLAN.starts[next(one.id for one in SEVEN_DAYS.steps if one.act is Act.REVIEW)]
]  # fmt: skip


def ready(skip: tuple[str, ...] = (), values: Callable[[Parameter], RecordedValue] = value_of) -> Story:
    """Return a batch that a QP may certify: run as planned, every result of the first stage in, everything reviewed."""
    state = a_batch(SEVEN_DAYS)
    story = Story(state, shift=-float(min(PLAN.starts.values())))
    for step in sorted(BEFORE_REVIEW, key=lambda one: PLAN.completions[one.id]):
        if step.id == "A05" and "donation" not in skip:
            story.tell(ev.DonationIdentified("A999926000001", "B1.A1"), 0, "nurse-1")
        if step.id not in skip:
            do_step(story, StepState(step), values)
        if step.id == "A05" and "handover" not in skip:
            story.tell(ev.CustodyHandedOver("A05-1", "B1.A1", "ward", "sealed"), 1, "courier-1")
            story.tell(ev.CustodyTakenOver("A05-1", "B1.A1", "lab", "ok", "3", "5", "2 to 8 Cel", True), 4)
    if "product" not in skip:
        product(story)
    if "results" not in skip:
        for item, (value, unit) in REAL.items():
            enter(story, item, value, unit)
    if "reviews" not in skip:
        reviews(story)
    if "A21" not in skip:
        story.tell(ev.StepStarted("A21"), 151, "qa-1").tell(ev.StepCompleted("A21"), 151, "qa-1")
    return story


def spoilt(**fields: object) -> BatchState:
    """Return a batch ready to certify, with fields of its state replaced."""
    return replace(ready().state, **fields)


def without_deferral(specification: Specification = SPECIFICATION) -> Specification:
    """Return the specification with nothing deferrable."""
    return replace(specification, items=tuple(replace(one, deferrable=False) for one in specification.items))

"""The play: one batch of the 7-day master from order to final certification, hour by hour of virtual time."""

from datetime import datetime, timedelta

from mes.demo.acts import Playing, Who, every
from mes.demo.panel import DEFERRED, RAPID

BATCH, ORDER, MASTER = "B-2026-0001", "ORD-2026-0001", "prodigy-cd19-7d"
HOUR = timedelta(hours=1)
MINUTES_10 = timedelta(minutes=10)
HALF = timedelta(minutes=30)

DONATION = "=A99992600000100"
WRISTBAND = "WB-7F3K-2291"
ISSUE_CHECKS = [
    "patient_present", "no_infection", "lymphodepletion_given", "line_patent", "premedication_given",
    "tocilizumab_at_hand", "vital_signs_taken",
]  # fmt: skip
"""The boxes that the clinician ticks before issue."""
CONFIRMATIONS = ["authorisation", "national_duties", "register_entry"]
"""The boxes that the Qualified Person ticks in person."""

OPERATORS = Who("operator", "verifier")
ALONE = Who("operator")
CLINIC = Who("clinician")
LAB = Who("analyst", "reviewer")


def collect_and_bring(play: Playing) -> datetime:
    """Order checks, leukapheresis, label, transport; returns H0, the end of the collection."""
    pace = play.pace
    play.do("A01", Who("clinician", also=(("QA_REVIEWED", "qa"),)), MINUTES_10)
    pace.until(pace.now + 2 * HOUR)
    play.do("A02", Who("clinician", "qa"), HOUR)
    pace.until(pace.now + 21 * HOUR)
    play.begin("A03", Who("nurse", "clinician2"))
    pace.until(pace.now + 4 * HOUR)
    play.finish("A03", Who("nurse", "clinician2"))
    vein = pace.now
    pace.until(vein + MINUTES_10)
    play.start("A04", Who("nurse", "clinician2"))
    play.people["nurse"].act(play.of_batch("donation"), code=DONATION)
    play.record("A04", Who("nurse", "clinician2"))
    pace.until(pace.now + 2 * MINUTES_10)
    play.finish("A04", Who("nurse", "clinician2"))
    pace.until(vein + HOUR)
    bag = play.state()["container_ids"][0]
    play.begin("A05", Who("courier"))
    hand(play, "A05", bag, "nurse", "courier", "apheresis unit", "sealed, cool box", ("4.0", "4.6"))
    pace.until(vein + 4 * HOUR)
    hand(play, "A05", bag, "courier", "operator", "clean room lock", "sealed, cool box", ("3.4", "6.1"))
    play.finish("A05", Who("courier", also=(("TAKEN_OVER", "operator"),)))
    return vein


def activate(play: Playing, vein: datetime) -> None:
    """Intake, set, buffers, selection, seeding and activation."""
    pace = play.pace
    play.do("A06", OPERATORS, HOUR)
    play.begin("A07", OPERATORS)
    play.do("A08", OPERATORS, HOUR)
    play.finish("A07", OPERATORS)
    pace.until(pace.now + MINUTES_10)
    play.do("A09", ALONE, HOUR)
    play.do("A10", OPERATORS, HALF)
    pace.until(pace.now + 2 * HOUR)
    play.do("A10a", ALONE, MINUTES_10)


def culture(play: Playing, vein: datetime) -> None:
    """Transduction to the last media exchange, with the clinic's lymphodepletion beside it."""
    pace = play.pace
    pace.until(vein + 31 * HOUR)
    play.do("A12", OPERATORS, HOUR)
    pace.until(vein + 36 * HOUR)
    play.do("A11", Who("clinician", also=(("QA_REVIEWED", "qa"),)), MINUTES_10)
    pace.until(vein + 38 * HOUR)
    play.do("A11a", CLINIC, 2 * HOUR)
    pace.until(vein + 59 * HOUR)
    play.do("A13", ALONE, HOUR)
    pace.until(vein + 62 * HOUR)
    play.do("A11b", CLINIC, 2 * HOUR)
    pace.until(vein + 84 * HOUR)
    play.do("A14", ALONE, HALF)
    pace.until(vein + 86 * HOUR)
    play.do("A11c", CLINIC, 2 * HOUR)
    settle_problems(play)
    pace.until(vein + 97 * HOUR)
    play.do("A15", OPERATORS, HALF)
    pace.until(pace.now + 16 * HOUR)
    play.do("A16", ALONE, HALF)
    pace.until(pace.now + 8 * HOUR)
    play.do("A16b", ALONE, HALF)
    play.people["operator"].act(play.path("A16c", "skip"), reason="two exchanges kept glucose and lactate in limits")
    pace.until(vein + 138 * HOUR)
    play.do("A17", ALONE, MINUTES_10)


def harvest_and_release(play: Playing, vein: datetime) -> None:
    """Harvest, dose before label, rapid panel, reviews, preliminary certification, release."""
    pace = play.pace
    pace.until(vein + 139 * HOUR)
    play.do("A18", OPERATORS, HOUR)
    play.begin("A18a", LAB)
    play.begin("A20", LAB)
    pace.until(pace.now + 3 * HOUR)
    play.finish("A18a", LAB)
    play.do("A18b", OPERATORS, MINUTES_10)
    play.do("A18c", OPERATORS, HALF)
    label(play)
    pace.until(pace.now + 2 * HOUR)
    every(play, "analyst", play.of_batch("results"), RAPID)
    every(play, "reviewer", play.of_batch("results/review"), [{"item": one["item"]} for one in RAPID])
    play.finish("A20", LAB)
    settle_problems(play)
    pace.until(pace.now + HOUR)
    review(play)
    certify(play, "preliminary")
    play.people["qa"].act(play.of_batch("release"))


def infuse(play: Playing, vein: datetime) -> None:
    """To the ward, the clinician's go, the bedside check by two people, the infusion."""
    pace = play.pace
    bag = play.state()["container_ids"][-1]
    play.begin("A23", Who("courier"))
    hand(play, "A23", bag, "operator", "courier", "clean room lock", "sealed, 15 to 25 C box", ("20.1", "20.6"))
    pace.until(pace.now + 3 * HOUR)
    hand(play, "A23", bag, "courier", "clinician", "ward", "sealed, 15 to 25 C box", ("18.9", "21.7"))
    play.finish("A23", Who("courier", also=(("TAKEN_OVER", "clinician"),)))
    play.do("A23a", CLINIC, MINUTES_10)
    bedside = Who("clinician", "clinician2")
    play.begin("A24", bedside)
    play.people["clinician"].act(play.of_batch("issue-go"), container=bag, checks=ISSUE_CHECKS)
    for person in ("clinician", "clinician2"):
        play.people[person].act(
            play.of_batch("bedside"), wristband=play.code("wristband"), bag=play.code("bag:product")
        )
    play.people["clinician"].act(play.of_batch("infusion/start"), container=bag)
    pace.until(pace.now + HALF)
    play.people["clinician"].act(play.of_batch("infusion/end"), volume_ml="50", outcome="complete")
    play.finish("A24", bedside)


def certify_finally(play: Playing) -> None:
    """The deferred results come in; the Qualified Person certifies for good."""
    play.begin("A25", LAB)
    play.pace.until(play.pace.now + 336 * HOUR)
    every(play, "analyst", play.of_batch("results"), DEFERRED)
    every(play, "reviewer", play.of_batch("results/review"), [{"item": one["item"]} for one in DEFERRED])
    play.finish("A25", LAB)
    play.pace.until(play.pace.now + HOUR)
    open_critical(play, "qa2")
    play.people["qa2"].act(play.of_batch("reviews"), kind="audit_trail")
    certify(play, "final")


def label(play: Playing) -> None:
    """The product bag: container, two labels issued by one person, reconciled by another."""
    operator, verifier = play.people["operator"], play.people["verifier"]
    play.start("A19", OPERATORS)
    operator.act(play.of_batch("container"), volume_ml="50", dose="70 10*6{cells}", formulated_ml="102",
                 quality_control_ml="8", retained_ml="4", backup_ml="36", waste_ml="4")  # fmt: skip
    bag = play.state()["container_ids"][-1]
    operator.act(play.of_batch("labels"), container=bag, count=2)
    serials = [one["serial"] for one in play.state()["labels"]]
    play.record("A19", OPERATORS)
    play.pace.until(play.pace.now + 2 * MINUTES_10)
    verifier.act(play.of_batch("labels/reconcile"), used=serials[:1], destroyed=serials[1:])
    play.finish("A19", OPERATORS)


def hand(
    play: Playing, step: str, container: str, giver: str, taker: str, place: str, condition: str,
    celsius: tuple[str, str],
) -> None:  # fmt: skip
    """One hands the container over, another takes it over."""
    play.people[giver].act(play.of_batch("hand-over"), step=step, container=container, place=place, condition=condition)
    handover = next(one["handover"] for one in play.state()["handovers"] if one["taker"] is None)
    play.people[taker].act(
        play.of_batch("take-over"),
        handover=handover,
        place=place,
        condition=condition,
        lowest_celsius=celsius[0],
        highest_celsius=celsius[1],
    )


def settle_problems(play: Playing) -> None:
    """Every exception is assessed; every deviation assessed by the supervisor and approved by QA."""
    state = play.state()
    for one in state["exceptions"]:
        if one["assessed_by"] is None:
            play.people["supervisor"].act(
                play.of_batch(f"exceptions/{one['exception']}/assess"),
                text="Chamber door found ajar by the rounds; closed. Cells were out of limits for minutes only.",
            )
    for one in state["deviations"]:
        if one["approved_by"] is None:
            path = play.of_batch(f"deviations/{one['deviation']}")
            play.people["supervisor"].act(
                f"{path}/assess", text="No effect on growth expected; count and viability at harvest decide."
            )
            play.people["qa"].act(f"{path}/approve")


def review(play: Playing) -> None:
    """Production, QC unit, audit trail by somebody uninvolved, then QA, which closes the review step."""
    for person, kind in (("supervisor", "production"), ("reviewer", "qc"), ("qa2", "audit_trail"), ("qa", "qa")):
        if kind == "audit_trail":
            open_critical(play, person)
        play.people[person].act(play.of_batch("reviews"), kind=kind)


def open_critical(play: Playing, person: str) -> None:
    """The reviewer of the audit trail opens every critical entry before signing."""
    reviewer = play.people[person]
    for one in reviewer.get(play.of_batch("trail"))["findings"]:
        if one["critical"] and not one["opened"]:
            reviewer.act(play.of_batch("trail/examine"), index=str(one["index"]))


def certify(play: Playing, stage: str) -> None:
    """The Qualified Person reads the gate, acknowledges by name what is open, confirms and certifies."""
    qp = play.people["qp"]
    gate = qp.get(play.of_batch(f"gate?stage={stage}"))["items"]
    open_points = [one["item"] for one in gate if one["status"] in ("COVERED", "NOT MONITORED")]
    qp.act(play.of_batch("certify"), stage=stage, confirmations=CONFIRMATIONS, acknowledged=open_points)

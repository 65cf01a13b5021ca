"""The rules of the audit-trail review: what is risky and how it is ordered, who may review, when it may be signed."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.batches import events as ev
from mes.batches.fold import Fact, fold_more
from mes.batches.model import BatchState, Binding
from mes.errors import Refusal
from mes.ledger.entry import Entry
from mes.quality.trail import Risk, decide
from mes.quality.trail.risk import findings, risk_of
from tests.quality.trails import a_correction, a_value, an_entry
from tests.schedule.builders import SEVEN_DAYS, T0, a_batch

REFUSED = {"person": "op-1", "meaning": "PERFORMED", "terminal": "T1", "cause": "password_wrong", "in_a_row": 1}
LIMIT = {"step": "A12", "tag_name": "culture.temperature", "value": "39", "unit": "Cel", "limit": "<= 38 Cel"}


def a_result(value: str, *, passed: bool = True, supersedes: int | None = None) -> ev.ResultEntered:
    return ev.ResultEntered("s.1", "viability", value, "%", ">= 80", passed, "r", 1, supersedes)


def state() -> BatchState:
    return a_batch(SEVEN_DAYS)


CRITICAL: list[tuple[Any, Risk]] = [
    (a_correction("A06", "viability", "97.9", "97.8"), Risk.CHANGE),
    (("content:removed", {"content": "ab", "ground": "consent withdrawn"}), Risk.CHANGE),
    (a_result("96", supersedes=3), Risk.REPEAT),
    (ev.ProgramAskedAgain("A12", "P1"), Risk.REPEAT),
    (ev.StepSkipped("A16"), Risk.REPEAT),
    (ev.BatchHeld("person"), Risk.REPEAT),
    (("equipment:command:outcome", {"verb": "start", "result": "UNKNOWN"}), Risk.REPEAT),
    (("equipment:unit:state", {"state": "ABORTED", "previous": "RUNNING"}), Risk.REPEAT),
    (ev.StepStarted("A09", late_by_h="2.5"), Risk.OVERRIDE),
    (ev.StepPerformed("A10a", "m", (a_value("temperature", "37.1", "Cel"),)), Risk.OVERRIDE),
    (("batch:glass:broken", {"step": "A12", "missing": "verifier"}), Risk.OVERRIDE),
    (ev.ScanMismatched("A12", "bag", "bag:apheresis", "another"), Risk.IDENTITY),
    (a_result("12", passed=False), Risk.ALARM),
    (ev.StepPerformed("A06", "m", (a_value("viability", "70", within=False),)), Risk.ALARM),
    (ev.ExceptionOpened("B1.E1", "alarm", "critical", "too warm"), Risk.ALARM),
    (("signature:refused", {**REFUSED, "cause": "person_wrong"}), Risk.FAILED_SIGNING),
    (("person:session:refused", {"terminal": "T1", "in_a_row": 3, "person": "op-1"}), Risk.FAILED_SIGNING),
    (ev.SignatureVoided(4, ev.Cause("batch/B1", 9)), Risk.VOIDED),
    (ev.FactReported("other", {"content": "ab"}, "nurse"), Risk.TESTIMONY),
    (("site:clock:stepped", {"from": "a", "to": "b"}), Risk.CLOCK),
    (("equipment:gap:recorded", {"from": "a", "to": "b", "cause": "link"}), Risk.GAP),
    (("person:role:granted", {"person": "op-1", "role": "verifier"}), Risk.ACCESS),
]
PLAIN: list[Any] = [
    ev.StepStarted("A12"),
    ev.StepPerformed("A06", "m", (a_value("viability", "97.9"),)),
    ev.StepPerformed("A10a", "m", (a_value("temperature", "37.1", "Cel", "device"),)),
    ev.StepVerified("A06"),
    ev.ScanMatched("A12", "bag", "bag:apheresis", "ours"),
    a_result("97.9"),
    ev.ReviewSigned("production"),
    ("equipment:command:outcome", {"verb": "start", "result": "CONFIRMED"}),
    ("equipment:unit:state", {"state": "RUNNING", "previous": "READY"}),
    ("telemetry:window:sealed", {"count": 4}),
    ("person:session:started", {"person": "op-1", "terminal": "T1"}),
]
MINOR: list[tuple[Any, Risk]] = [
    (a_correction("A05", "transport_min", "4", "5"), Risk.CHANGE),
    (("signature:refused", REFUSED), Risk.FAILED_SIGNING),
    (ev.ExceptionOpened("B1.E2", "alarm", "minor", "door"), Risk.ALARM),
    (("batch:limit:exceeded", LIMIT), Risk.ALARM),
    (("person:credential:changed", {"credential": "password"}), Risk.ACCESS),
]
SEEDED = [event for event, _ in CRITICAL[:2] + CRITICAL[3:12] + CRITICAL[13:]]


def ids(cases: list[tuple[Any, Risk]]) -> list[str]:
    return [f"{risk.name}-{nth}" for nth, (_, risk) in enumerate(cases)]


@pytest.mark.rule("REG-A11D-12-7")
@pytest.mark.parametrize(("event", "risk"), CRITICAL, ids=ids(CRITICAL))
def test_what_a_reviewer_must_open(event: Any, risk: Risk) -> None:
    (found,) = findings(state(), [an_entry(7, event)])
    assert (found.risk, found.critical) == (risk, True)
    assert found.why


@pytest.mark.rule("REG-A11D-12-7")
@pytest.mark.parametrize(("event", "risk"), MINOR[1:], ids=ids(MINOR[1:]))
def test_what_is_told_but_need_not_be_opened(event: Any, risk: Risk) -> None:
    (found,) = findings(state(), [an_entry(7, event)])
    assert (found.risk, found.critical) == (risk, False)


@pytest.mark.rule("REG-A11D-12-7", negative=True)
@pytest.mark.parametrize("event", PLAIN, ids=range(len(PLAIN)))
def test_what_went_as_planned_is_no_finding(event: Any) -> None:
    assert findings(state(), [an_entry(7, event)]) == ()
    assert risk_of(an_entry(7, event)) is None


def test_the_master_says_which_correction_is_critical() -> None:
    step = next(one for one in SEVEN_DAYS.steps if any(p.severity.value != "critical" for p in one.parameters))
    parameter = next(one for one in step.parameters if one.severity.value != "critical")
    (found,) = findings(state(), [an_entry(7, a_correction(step.id, parameter.id, "4", "5"))])
    assert (found.risk, found.critical) == (Risk.CHANGE, False)
    assert parameter.label in found.why


def test_by_hand_there_is_no_device_to_overrule() -> None:
    typed = ev.StepPerformed("A10a", "m", (a_value("temperature", "37.1", "Cel"),))
    assert findings(replace(state(), binding=Binding.MANUAL), [an_entry(7, typed)]) == ()


@pytest.mark.parametrize("meaning", ["LATE_ENTRY", "BREAK_GLASS", "TRANSCRIBED_FROM_PAPER", "VOIDED"])
def test_a_signature_can_say_that_the_usual_way_was_not_gone(meaning: str) -> None:
    found = risk_of(an_entry(7, ev.StepVerified("A06"), signature={"meaning": meaning, "text": "t"}))
    assert found is not None
    assert (found[0], found[2]) == (Risk.OVERRIDE, True)


def test_a_late_entry_is_an_override() -> None:
    late = an_entry(7, ev.StepVerified("A06"), occurred={"at": "2026-11-01T08:00:00.000000Z", "by": "person"})
    assert (risk_of(late) or [None])[0] is Risk.OVERRIDE
    assert risk_of(an_entry(7, ev.StepVerified("A06"), occurred={"at": "x", "by": "device"})) is None


@pytest.mark.rule("REG-A11D-12-7")
@given(st.permutations([*SEEDED, *PLAIN * 2, *(event for event, _ in MINOR[1:])]))
def test_exactly_the_seeded_critical_events_come_first(told: list[Any]) -> None:
    seen = [event for event in told if not isinstance(event, ev.ResultEntered)]
    entries = [an_entry(nth, event) for nth, event in enumerate(seen)]
    trail = decide.trail_of(state(), entries)
    seeded = {nth for nth, event in enumerate(seen) if event in SEEDED}
    first = trail.findings[: len(seeded)]
    assert {one.entry.index for one in first} == seeded
    assert [one.critical for one in trail.findings] == sorted((one.critical for one in trail.findings), reverse=True)
    order = list(Risk)
    assert [order.index(one.risk) for one in first] == sorted(order.index(one.risk) for one in first)
    assert len(trail.findings) + sum(trail.rest.values()) == len(entries)


@pytest.mark.rule("REG-DI-04")
def test_a_test_run_three_times_is_three_findings() -> None:
    results = [a_result("79", passed=False), a_result("81", supersedes=0), a_result("97", supersedes=1)]
    found = decide.trail_of(state(), [an_entry(nth, one) for nth, one in enumerate(results)])
    assert sorted(one.entry.index for one in found.findings) == [0, 1, 2]
    passed = [a_result("90"), a_result("97", supersedes=0)]
    found = decide.trail_of(state(), [an_entry(nth, one) for nth, one in enumerate(passed)])
    assert [(one.entry.index, one.risk, one.critical) for one in found.findings] == [
        (1, Risk.REPEAT, True), (0, Risk.REPEAT, False),
    ]  # fmt: skip


@pytest.mark.rule("REG-DI-04")
def test_the_review_counts_every_class_and_says_how_far_it_goes() -> None:
    told = [ev.StepSkipped("A16"), ev.BatchHeld("x"), ("signature:refused", REFUSED), ev.ReviewSigned("qc")]
    entries = [an_entry(nth, one) for nth, one in enumerate(told)]
    seen = opened(state(), "qp-2", 0, 1)
    signed = decide.sign(seen, decide.trail_of(seen, entries), "qp-2")
    assert (signed.up_to, signed.entries, signed.opened) == (2, 4, 2)
    assert {one.risk: one.count for one in signed.counted} == {
        "repeated or aborted": 2, "failed signing or sign-in": 1,
    }  # fmt: skip


def opened(batch: BatchState, person: str, *indices: int) -> BatchState:
    facts = [
        Fact(ev.TrailExamined(index), 100 + index, 100 + index, T0, T0, "person", person, person, "qp")
        for index in indices
    ]
    return fold_more(batch, facts)


@pytest.mark.rule("REG-DI-09", negative=True)
@pytest.mark.rule("REG-DI-04", negative=True)
def test_nobody_signs_before_every_critical_entry_was_opened() -> None:
    entries = [an_entry(3, ev.StepSkipped("A16")), an_entry(5, ev.BatchHeld("x"))]
    for seen in (state(), opened(state(), "qp-2", 3), opened(opened(state(), "qp-2", 3), "qa-9", 5)):
        with pytest.raises(Refusal) as refused:
            decide.sign(seen, decide.trail_of(seen, entries), "qp-2")
        assert refused.value.code == "trail-unopened"
        assert "5" in refused.value.facts["entries"]


@pytest.mark.rule("REG-A11D-12-6", negative=True)
@given(st.integers(0, 9), st.sampled_from([("batch/B1", "batch:step:verified"), ("run/R1", "batch:held"),
                                           ("person/op-1", "person:role:granted")]))  # fmt: skip
def test_the_actor_of_any_event_in_scope_cannot_review(place: int, where: tuple[str, str]) -> None:
    stream, kind = where
    data = {"step": "A06", "cause": "x", "role": "operator"}
    entries = [
        an_entry(nth, (kind, data), "qp-2" if nth == place else "op-1", stream=stream if nth == place else "batch/B1")
        for nth in range(10)
    ]
    seen = opened(state(), "qp-2", *range(10))
    with pytest.raises(Refusal) as refused:
        decide.sign(seen, decide.trail_of(seen, entries), "qp-2")
    assert refused.value.code == "reviewer-in-scope"
    assert (refused.value.facts["index"], refused.value.facts["type"]) == (place, kind)


@pytest.mark.rule("REG-A11D-12-6")
def test_reviewing_the_trail_makes_nobody_involved() -> None:
    entries: list[Entry] = [
        an_entry(0, ev.StepVerified("A06")),
        an_entry(1, ev.TrailExamined(0), "qp-2"),
        an_entry(2, ev.TrailReviewDeferred("preliminary"), "qp-2"),
        an_entry(3, ev.TrailReviewSigned("audit_trail", 0, 1, 0), "qp-2"),
        an_entry(4, ev.ReviewSigned("qa"), "qa-1"),
    ]
    assert decide.involvement(entries, "qp-2") is None
    assert decide.involvement(entries, "qa-1") == entries[4]


def reviewed(up_to: int) -> BatchState:
    event = ev.TrailReviewSigned("audit_trail", up_to, 5, 0)
    return fold_more(state(), [Fact(event, 50, 50, T0, T0, "person", "qp-2", "Name of qp-2", "qp")])


@pytest.mark.rule("REG-A11D-12-8")
@pytest.mark.parametrize(
    ("event", "matters"),
    [
        (ev.StepVerified("A06"), True),
        (a_result("97"), True),
        (ev.ExceptionOpened("B1.E1", "alarm", "minor", "door"), True),
        (ev.ForecastMade("A06", T0, T0, "1", "1"), False),
        (ev.TrailExamined(3), False),
        (ev.TrailReviewSigned("audit_trail", 9, 9, 0), False),
        (ev.ReviewSigned("qa"), False),
        (ev.StepStarted("A21"), False),
        (ev.StepCompleted("A21"), False),
        (ev.StepCompleted("A06"), True),
        (("telemetry:window:sealed", {"count": 3}), False),
        (("site:ledger:heartbeat", {"root": "ab"}), False),
    ],
)
def test_what_needs_a_further_review(event: Any, matters: bool) -> None:
    stream = "site/site-one" if isinstance(event, tuple) and event[0].startswith("site") else "batch/B1"
    newer = decide.newer_than_review(reviewed(10), [an_entry(11, event, stream=stream)])
    assert bool(newer) is matters
    assert decide.newer_than_review(reviewed(11), [an_entry(11, event, stream=stream)]) == ()


def test_a_review_that_would_see_nothing_new_is_refused() -> None:
    entries = [an_entry(nth, ev.StepVerified("A06")) for nth in range(4)]
    with pytest.raises(Refusal) as refused:
        decide.sign(reviewed(3), decide.trail_of(state(), entries), "qp-2")
    assert refused.value.code == "trail-nothing-new"
    assert decide.sign(reviewed(2), decide.trail_of(state(), entries), "qp-2").up_to == 3


@pytest.mark.rule("REG-A11D-12-8", negative=True)
@pytest.mark.parametrize(
    ("batch", "stage", "reason", "code"),
    [
        (state(), "preliminary", None, "reason-missing"),
        (state(), "preliminary", "", "reason-missing"),
        (state(), "final", "nobody on duty", "trail-final-not-deferred"),
        (reviewed(3), "preliminary", "nobody on duty", "trail-nothing-new"),
        (replace(state(), certificates={"preliminary": "B1.CP"}), "preliminary", "late", "certified-already"),
    ],
)
def test_a_deferral_is_refused(batch: BatchState, stage: str, reason: str | None, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        decide.defer(batch, stage, reason, [])
    assert refused.value.code == code


@pytest.mark.rule("REG-A11D-12-8")
def test_a_deferral_holds_for_its_stage() -> None:
    event = decide.defer(state(), "preliminary", "nobody on duty", [])
    after = fold_more(state(), [Fact(event, 9, 9, T0, T0, "person", "qa-1", "Ada", "qa", "nobody on duty")])
    assert (after.trail_deferred["preliminary"].name, after.trail_deferred_reason) == ("Ada", "nobody on duty")


def test_only_an_entry_of_the_trail_can_be_opened() -> None:
    trail = decide.trail_of(state(), [an_entry(3, ev.StepVerified("A06"))])
    assert decide.examine(state(), trail, 3, None) == ev.TrailExamined(3)
    with pytest.raises(Refusal) as refused:
        decide.examine(state(), trail, 4, None)
    assert refused.value.code == "trail-entry-unknown"

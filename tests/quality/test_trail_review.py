"""The review of a batch's audit trail through its service: opened one by one, signed, limited, deferred, copied."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mes.batches import events as ev
from mes.errors import Refusal
from mes.ids import Stream, new_op
from mes.ledger.entry import Actor, Draft, Write
from mes.people.model import Role
from mes.quality.gate.model import GateItem, GateStatus
from mes.quality.trail import Risk, Trail
from tests.quality.builders import ready
from tests.quality.site import Site, a_site
from tests.quality.trails import a_value


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Give a site whose batch waits for the review of its trail; nothing else is missing."""
    with a_site(tmp_path, ready(skip=("reviews", "A21"))) as made:
        made.wait(5)
        yield made


def trail(site: Site) -> Trail:
    return site.quality.trail.trail(site.state())


def g07(site: Site, stage: str = "preliminary") -> GateItem:
    return next(one for one in site.quality.gate("B1", stage=stage) if one.item == "G-07")


def refusal(call: object, *given: object, **named: object) -> Refusal:
    with pytest.raises(Refusal) as refused:
        call(*given, **named)
    return refused.value


def seed(site: Site) -> set[int]:
    """Let things go wrong around the batch; return the entries that a reviewer has to open."""
    start = site.house.ledger.size
    site.record("op-1", ev.ScanMismatched("A12", "bag", "bag:apheresis", "another"))
    old, new = a_value("viability", "97.9"), a_value("viability", "97.8")
    site.record("op-1", ev.ValueCorrected("A06", old, new, "m"))
    site.record("op-2", ev.StepVerified("A06"))
    other = [
        ("run/R1", "equipment:gap:recorded", {"from": "a", "to": "b", "cause": "link"}),
        (f"person/{site.house.signed_in('op-2').person.id}", "signature:refused",
         {"person": "x", "meaning": "VERIFIED", "terminal": "T", "cause": "person_wrong", "in_a_row": 1}),
    ]  # fmt: skip
    now = site.house.clock.now()
    for stream, kind, data in other:
        write = Write(Stream(stream), (Draft(kind, data),))
        site.house.ledger.append(new_op(), [write], actor=Actor.system("test"), now=now)
    back = Write(Stream("equipment/X-1"), (Draft("equipment:note", {}),))
    site.house.ledger.append(new_op(), [back], actor=Actor.system("test"), now=now - timedelta(hours=60))
    site.record("op-1", ev.StepStarted("A14"))
    risky = ("mismatched", "corrected", "signature:refused", "stepped", "gap")
    found = [one for one in site.house.ledger.entries(start) if any(word in one.type for word in risky)]
    return {one.index for one in found if one.stream != "run/R1"}


@pytest.mark.rule("REG-A11D-12-7", "REG-A11-09")
def test_the_review_lists_exactly_what_was_seeded_first(site: Site) -> None:
    before = {one.entry.index for one in trail(site).critical}
    seeded = seed(site)
    found = trail(site)
    assert {one.entry.index for one in found.critical} - before == seeded
    assert [one.critical for one in found.findings][: len(found.critical)] == [True] * len(found.critical)
    assert {Risk.CHANGE, Risk.IDENTITY, Risk.CLOCK, Risk.FAILED_SIGNING} <= {one.risk for one in found.critical}


def test_a_trail_reaches_into_the_run_of_its_device(site: Site) -> None:
    site.record("op-1", ev.RunBegun("R1", "PRD-01"))
    write = Write(Stream("run/R1"), (Draft("equipment:gap:recorded", {"from": "a", "to": "b", "cause": "link"}),))
    site.house.ledger.append(new_op(), [write], actor=Actor.device("PRD-01"), now=site.house.clock.now())
    assert Risk.GAP in {one.risk for one in trail(site).critical}


@pytest.mark.rule("REG-DI-04", "REG-DI-09", "REG-A11D-12-6")
@pytest.mark.rule("REG-DI-09", negative=True)
def test_a_review_is_signed_once_everything_critical_was_opened(site: Site) -> None:
    seed(site)
    wanted = [one.entry.index for one in trail(site).critical]
    for nth, index in enumerate(wanted):
        left = refusal(site.quality.review, site.act("qp-2"), "B1", kind="audit_trail")
        assert (left.code, left.facts["count"]) == ("trail-unopened", len(wanted) - nth)
        site.quality.trail.examine(site.act("qp-2"), "B1", index=index, comment="looked at it")
    state = site.sign(site.quality.review, "qp-2", kind="audit_trail")
    signed = site.last("batch:review:signed")
    assert signed.document["signature"]["meaning"] == "AUDIT_TRAIL_REVIEWED"
    assert signed.data["opened"] == len(wanted)
    assert signed.data["up_to"] < signed.index
    assert sum(one["count"] for one in signed.data["counted"]) >= len(wanted)
    assert state.trail_reviewed_to == signed.data["up_to"]
    assert g07(site).status is GateStatus.MET
    comments = site.quality.trail.comments(state, trail(site))
    assert {index: text for index, ((_, text),) in comments.items()} == dict.fromkeys(wanted, "looked at it")


@pytest.mark.rule("REG-A11D-12-6", negative=True)
def test_who_recorded_any_of_it_cannot_review_it(site: Site) -> None:
    refused = refusal(site.quality.review, site.act("qa-1"), "B1", kind="audit_trail")  # qa-1 created the batch
    assert (refused.code, refused.facts["type"]) == ("reviewer-in-scope", "batch:created")
    assert site.house.ledger.entry(refused.facts["index"]).type == "batch:created"


@pytest.mark.rule("REG-A11D-12-6", negative=True)
def test_an_act_on_a_participant_is_in_scope(site: Site) -> None:
    qa = site.house.employ("qa-2", Role.QA)
    participant = site.house.signed_in("op-1").person.id
    acting = Actor("person", qa.id, qa.name, "qa", "T1")
    write = Write(
        Stream(f"person/{participant}"), (Draft("person:role:withdrawn", {"person": participant, "role": "operator"}),)
    )
    site.house.ledger.append(new_op(), [write], actor=acting, now=site.house.clock.now())
    site.record("op-2", ev.StepStarted("A14"))
    refused = refusal(site.quality.review, site.act("qa-2"), "B1", kind="audit_trail")
    assert (refused.code, refused.facts["type"]) == ("reviewer-in-scope", "person:role:withdrawn")


@pytest.mark.rule("REG-A11D-12-8")
@pytest.mark.rule("REG-A11D-12-8", negative=True)
def test_what_comes_after_the_review_needs_another(site: Site) -> None:
    assert (g07(site).status, g07(site).detail) == (GateStatus.NOT_MET, "audit trail not reviewed")
    site.review_trail("qp-2")
    assert g07(site).status is GateStatus.MET
    site.sign(site.quality.review, "sup-1", kind="production")
    assert g07(site).status is GateStatus.MET
    site.record("op-1", ev.StepStarted("A14"))
    newest = site.last("batch:step:started").index
    assert g07(site).status is GateStatus.NOT_MET
    assert f"{newest} step started" in g07(site).detail
    site.review_trail("qp-2")
    assert g07(site).status is GateStatus.MET
    nothing = refusal(site.quality.review, site.act("qp-2"), "B1", kind="audit_trail")
    assert nothing.code == "trail-nothing-new"


@pytest.mark.rule("REG-A11D-12-8")
def test_a_deferral_covers_the_first_stage_alone_and_is_shown(site: Site) -> None:
    refused = refusal(site.quality.trail.defer, site.act("qa-1"), "B1", stage="preliminary")
    assert refused.code == "reason-missing"
    assert refusal(site.quality.trail.defer, site.act("qp-1", "x"), "B1", stage="preliminary").code == "role-missing"
    site.sign(site.quality.trail.defer, "qa-1", reason="the only uninvolved person is ill", stage="preliminary")
    entry = site.last("batch:trail:deferred")
    assert entry.document["reason"] == "the only uninvolved person is ill"
    assert entry.document["signature"]["meaning"] == "CHANGE_APPROVED"
    assert "totp" in entry.document["signature"]["factors"]
    assert g07(site).status is GateStatus.COVERED
    assert "the only uninvolved person is ill" in g07(site).detail
    assert g07(site, "final").status is GateStatus.NOT_MET
    for kind, who in (("production", "sup-1"), ("qc", "qc-2"), ("qa", "qa-1")):
        site.sign(site.quality.review, who, kind=kind)
    assert not site.state().step("A21").is_open


def test_opening_is_recorded_once_and_by_its_role(site: Site) -> None:
    act = site.act("qp-2")
    index = trail(site).entries[0].index
    site.quality.trail.examine(act, "B1", index=index)
    size = site.house.ledger.size
    site.quality.trail.examine(act, "B1", index=index)
    assert site.house.ledger.size == size
    assert refusal(site.quality.trail.examine, site.act("op-1"), "B1", index=index).code == "role-missing"
    assert refusal(site.quality.trail.examine, site.act("qp-2"), "B1", index=10**9).code == "trail-entry-unknown"
    empty = refusal(site.quality.trail.examine, site.act("qp-2"), "B1", index=index, comment=" ")
    assert empty.code == "text-length"


@pytest.mark.rule("REG-A11D-09")
@pytest.mark.rule("REG-A11D-09", negative=True)
def test_an_unacknowledged_critical_alarm_closes_the_gate(site: Site) -> None:
    def g06() -> GateItem:
        return next(one for one in site.quality.gate("B1", stage="preliminary") if one.item == "G-06")

    assert g06().status is GateStatus.MET
    opened = ev.ExceptionOpened("B1.E1", "alarm", "critical", "T01: too warm", "A12")
    site.record("op-1", opened, ev.DeviationOpened("B1.D1", "B1.E1", "critical", "T01: too warm"))
    assert (g06().status, g06().evidence) == (GateStatus.NOT_MET, ("B1.E1",))
    assert "B1.E1" in " ".join(one.why for one in trail(site).critical)

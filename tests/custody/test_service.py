"""Custody through its service on a real ledger: one bag from the collection to the patient, and what stops it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mes.batches import events as ev
from mes.custody.bedside import ISSUE_CHECKS
from mes.custody.matching import CustodyMatcher
from mes.errors import Refusal
from mes.identity.codes import product_code
from mes.signatures.model import SignaturePrompt
from tests.quality.builders import RELEASE_H, Story, ready
from tests.quality.site import WRISTBAND, Site, a_site
from tests.quality.test_decide import released
from tests.schedule.builders import SEVEN_DAYS, a_batch

DIN = "=A99992600000100"
CHECKS = tuple(ISSUE_CHECKS)


@pytest.fixture
def unfilled(tmp_path: Path) -> Iterator[Site]:
    """Give a site whose batch is harvested and has its dose, but no bag yet."""
    with a_site(tmp_path, ready(skip=("product", "A19", "results", "reviews", "A21"))) as made:
        yield made


@pytest.fixture
def released_site(tmp_path: Path) -> Iterator[Site]:
    """Give a site whose batch is released."""
    with a_site(tmp_path, released()) as made:
        yield made


def filled(site: Site, labels: int = 2) -> None:
    site.custody.fill_container(
        site.act("op-1"), "B1", volume_ml="50", formulated_ml="60", quality_control_ml="8", retained_ml="2"
    )
    site.sign(site.custody.issue_labels, "op-1", container="B1.P1", count=labels)


@pytest.mark.rule("REG-ATMP-05", "REG-ATMP-10")
def test_a_donation_becomes_a_container_of_the_batch(tmp_path: Path) -> None:
    with a_site(tmp_path, Story(a_batch(SEVEN_DAYS))) as site:
        asked = site.act("nurse-1")
        state = site.custody.identify_donation(asked, "B1", code=DIN)
        assert site.custody.identify_donation(asked, "B1", code=DIN) == state
        assert (state.din, state.containers) == ("A999926000001", ("B1.A1",))
        (created,) = site.entries("container", "B1.A1")
        assert created.data == {"container": "B1.A1", "kind": "apheresis", "batch": "B1", "coi": state.coi}
        codes = site.custody.codes("B1")
        matcher = CustodyMatcher(site.patients)
        for code in codes.values():
            assert matcher.match("bag:apheresis", code, state).matched
        assert set(codes) == {"din", "B1.A1"}
        assert matcher.match("wristband", WRISTBAND, state).matched
        assert not matcher.match("wristband", "WB-0002", state).matched


@pytest.mark.rule("REG-ATMP-12", "PRA-04")
def test_labels_are_issued_signed_and_reconciled_by_another(unfilled: Site) -> None:
    filled(unfilled)
    issued = [entry for entry in unfilled.entries("batch", "B1") if entry.type == "batch:label:issued"]
    assert [entry.document["signature"]["meaning"] for entry in issued] == ["LABEL_ISSUED"] * 2
    assert len({entry.document["signature"]["statement"] for entry in issued}) == 2
    label = unfilled.custody.label("B1", "B1.P1.L1")
    assert label.svg.startswith("<svg viewBox")
    assert "{{patient.name}}" in "\n".join(label.text)
    state = unfilled.sign(
        unfilled.custody.reconcile_labels, "op-2", used=("B1.P1.L1",), missing=("B1.P1.L2",), search="searched bin 4"
    )
    assert state.labels_reconciled_by is not None
    found = state.exceptions["B1.E1"]
    assert (found.kind, found.assessed_by is not None, found.deviation) == ("label", True, "B1.D1")
    assert b"searched bin 4" not in unfilled.house.every_byte()
    stored = unfilled.house.ledger.content(found.assessment or "")
    assert stored is not None
    assert stored[1] == b"searched bin 4"
    assert unfilled.custody.codes("B1")["B1.P1"] == label.payload


def test_a_missing_label_needs_its_search(unfilled: Site) -> None:
    filled(unfilled)
    for search in (None, "", "x" * 5_000):
        with pytest.raises(Refusal) as refused:
            unfilled.custody.reconcile_labels(
                unfilled.act("op-2"), "B1", used=("B1.P1.L1",), missing=("B1.P1.L2",), search=search
            )
        assert refused.value.code == "search-missing"
    with pytest.raises(Refusal) as refused:
        unfilled.custody.label("B1", "B1.P1.L9")
    assert refused.value.code == "labels-unknown"


@pytest.mark.rule("REG-ATMP-14", "PRA-01")
def test_a_bag_does_not_leave_before_its_release(tmp_path: Path) -> None:
    with a_site(tmp_path, ready()) as site:
        site.record("courier-1", ev.StepStarted("A23"))
        with pytest.raises(Refusal) as refused:
            site.custody.hand_over(
                site.act("courier-1"), "B1", step="A23", container="B1.P1", place="lab", condition="sealed"
            )
        assert refused.value.code == "not-released"
        with pytest.raises(Refusal) as refused:
            site.custody.give_issue_go(site.act("dr-1"), "B1", container="B1.P1", checks=CHECKS)
        assert refused.value.code == "not-released"


def on_the_ward(site: Site) -> str:
    """Bring the released bag to the bedside and return its label's code."""
    site.record("courier-1", ev.StepStarted("A23"))
    site.sign(site.custody.hand_over, "courier-1", step="A23", container="B1.P1", place="lab", condition="sealed")
    site.wait(1)
    site.sign(
        site.custody.take_over, "dr-1", handover="A23-1", place="ward 5", condition="intact", lowest_celsius="18",
        highest_celsius="21",
    )  # fmt: skip
    site.record("courier-1", ev.StepCompleted("A23"))
    site.sign(site.custody.give_issue_go, "dr-1", container="B1.P1", checks=CHECKS)
    site.record("dr-1", ev.StepStarted("A23a"), ev.StepCompleted("A23a"), ev.StepStarted("A24"))
    return product_code("B1.P1", "B1.P1.L1", site.state().coi)


@pytest.mark.rule("PRA-08", "REG-ATMP-10", "REG-ATMP-14", "REG-ID-12")
def test_one_bag_to_one_patient(released_site: Site) -> None:
    site = released_site
    bag = on_the_ward(site)
    assert [one.code for one in site.custody.may_infuse("B1")] == ["bedside-checks-missing"]
    for who in ("dr-1", "dr-2"):
        state = site.sign(site.custody.check_bedside, who, wristband=WRISTBAND, bag=bag)
    assert state.step("A24").scans == {"wristband": True, "bag": True}
    assert site.custody.may_infuse("B1") == ()
    state = site.sign(site.custody.start_infusion, "dr-1", container="B1.P1")
    assert (state.infusing, state.infusion_started_at) == ("B1.P1", site.house.clock.now())
    assert state.forecast is not None
    site.wait(0.5)
    state = site.sign(site.custody.end_infusion, "dr-1", volume_ml="50")
    assert state.infusion_ended_at == site.house.clock.now()
    assert [entry.type for entry in site.entries("container", "B1.P1")] == ["container:moved", "container:infused"]
    signed = {
        entry.type: entry.document["signature"]["meaning"]
        for entry in site.entries("batch", "B1")
        if "signature" in entry.document
    }
    assert signed["batch:custody:handed_over"] == "HANDED_OVER"
    assert signed["batch:custody:taken_over"] == "TAKEN_OVER"
    assert signed["batch:bedside:checked"] == "BEDSIDE_ID_2"
    assert signed["batch:infusion:started"] == "INFUSION_STARTED"
    assert signed["batch:infused"] == "INFUSION_COMPLETED"
    assert WRISTBAND.encode() not in site.house.every_byte()


@pytest.mark.rule("REG-ATMP-10")
def test_a_wrong_bag_at_the_bedside_is_recorded_and_then_refused(released_site: Site) -> None:
    site = released_site
    on_the_ward(site)
    wrong = product_code("B2.P1", "B2.P1.L1", "CHA999926ZZZZZZ")
    asked = site.act("dr-1")
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            site.custody.check_bedside(asked, "B1", wristband=WRISTBAND, bag=wrong)
        assert refused.value.code == "scan-mismatch"
        assert refused.value.facts["found"] == "product bag B2.P1 of another batch"
    state = site.state()
    assert (state.bedside, len(state.open_deviations())) == ((), 1)


@pytest.mark.rule("REG-P11-10g")
def test_every_act_has_its_role(released_site: Site) -> None:
    site = released_site
    table: list[tuple[str, str, dict[str, object]]] = [
        ("identify_donation", "dr-1", {"code": DIN}),
        ("fill_container", "dr-1", {"volume_ml": "1", "formulated_ml": "1"}),
        ("issue_labels", "qa-1", {"container": "B1.P1"}),
        ("reconcile_labels", "dr-1", {"used": ()}),
        ("hand_over", "qa-1", {"step": "A23", "container": "B1.P1", "place": "x", "condition": "y"}),
        ("take_over", "qa-1", {"handover": "A23-1", "place": "x", "condition": "y"}),
        ("give_issue_go", "courier-1", {"container": "B1.P1", "checks": CHECKS}),
        ("check_bedside", "courier-1", {"wristband": WRISTBAND, "bag": "x"}),
        ("start_infusion", "op-1", {"container": "B1.P1"}),
        ("end_infusion", "op-1", {"volume_ml": "50"}),
    ]
    for method, who, given in table:
        asked = site.act(who)
        size = site.house.ledger.size
        with pytest.raises(Refusal) as refused:
            getattr(site.custody, method)(asked, "B1", **given)
        assert (method, refused.value.code) == (method, "role-missing")
        assert site.house.ledger.size == size


def test_a_prompt_writes_nothing(released_site: Site) -> None:
    site = released_site
    site.record("courier-1", ev.StepStarted("A23"))
    asked = site.act("courier-1")
    size = site.house.ledger.size
    with pytest.raises(SignaturePrompt) as prompt:
        site.custody.hand_over(asked, "B1", step="A23", container="B1.P1", place="lab", condition="sealed")
    assert site.house.ledger.size == size
    assert ("Device", "SIMULATED DEVICE") in [(item.label, item.value) for item in prompt.value.shown.items]


@pytest.mark.rule("PRA-04")
def test_an_expired_bag_is_neither_handed_over_nor_infused(released_site: Site) -> None:
    site = released_site
    on_the_ward(site)
    site.wait(170 - RELEASE_H)
    assert "product-expired" in [one.code for one in site.custody.may_infuse("B1")]
    with pytest.raises(Refusal) as refused:
        site.custody.start_infusion(site.act("dr-1"), "B1", container="B1.P1")
    assert refused.value.code == "product-expired"

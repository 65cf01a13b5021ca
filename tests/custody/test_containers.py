"""Donation, filling, labels and their reconciliation: what may be, and what is refused by name."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mes.batches import events as ev
from mes.batches.model import Phase
from mes.custody.containers import Filling, fill_container, identify_donation
from mes.custody.labelling import infectious_status, issue_labels, reconcile_labels
from mes.custody.matching import chain_of
from mes.errors import Refusal
from mes.identity.codes import CodeKind, read_code
from mes.identity.label_texts import product_text
from mes.identity.labels import AUTOLOGOUS
from mes.ids import StepId
from tests.quality.builders import Story, product, ready, value_of
from tests.schedule.builders import SEVEN_DAYS, a_batch

TEXT = product_text(SEVEN_DAYS.id)
FILLING = Filling("50", "60", "8", "2")
DIN = "=A99992600000100"


def code_of(call: object, *arguments: object) -> str:
    with pytest.raises(Refusal) as refused:
        call(*arguments)
    return refused.value.code


def before_filling(*skip: str) -> Story:
    return ready(skip=("product", "reviews", "A21", *skip))


def filled() -> Story:
    story = before_filling()
    product(story, label=False)
    return story


def printed(count: int = 2, story: Story | None = None) -> Story:
    story = story or filled()
    for event in issue_labels(story.state, TEXT, "B1.P1", count, "op-1", None):
        story.tell(event, 147)
    return story


@pytest.mark.rule("REG-ATMP-05", "REG-ID-01")
def test_a_donation_is_bound_once() -> None:
    state = a_batch(SEVEN_DAYS)
    assert identify_donation(state, DIN) == (ev.DonationIdentified("A999926000001", "B1.A1"),)
    assert code_of(identify_donation, ready().state, DIN) == "donation-identified"
    assert code_of(identify_donation, state, "A999926000001") == "check-character-missing"
    assert code_of(identify_donation, replace(state, phase=Phase.TERMINATED), DIN) == "batch-closed"


@pytest.mark.rule("PRA-02", "PRA-04")
def test_a_container_bears_the_calculated_dose_and_the_harvests_expiry() -> None:
    state = before_filling().state
    bag, volumes = fill_container(state, FILLING)
    harvested = state.steps[StepId("A18")].completed_at
    assert harvested is not None
    assert bag == ev.ContainerFilled("B1.P1", "50", "98 10*6{cells}", harvested + timedelta(hours=24))
    assert volumes == ev.ContainersReconciled("60", "50", "8", "2", "0", "0")


def test_a_second_container_has_its_own_name() -> None:
    assert fill_container(filled().state, FILLING)[0].container == "B1.P2"
    assert code_of(fill_container, filled().state, replace(FILLING, container="B1.P1")) == "container-known"


@pytest.mark.rule("PRA-02", "PRA-04")
@pytest.mark.parametrize(
    ("story", "filling", "code"),
    [
        (before_filling("A18"), FILLING, "expiry-start-unknown"),
        (before_filling("A18b"), FILLING, "dose-not-calculated"),
        (before_filling(), replace(FILLING, dose="97 10*6{cells}"), "dose-differs"),
        (before_filling(), replace(FILLING, dose="98"), "unit-unknown"),
        (before_filling(), replace(FILLING, formulated_ml="61"), "volumes-not-balanced"),
        (before_filling(), replace(FILLING, volume_ml="0", formulated_ml="10"), "volumes-not-balanced"),
        (before_filling(), replace(FILLING, waste_ml="-1", formulated_ml="59"), "volumes-not-balanced"),
        (before_filling(), replace(FILLING, volume_ml="5,0"), "number-malformed"),
        (before_filling(), replace(FILLING, container="a b"), "id-malformed"),
        (before_filling().tell(ev.BatchTerminated("no growth"), 150), FILLING, "batch-closed"),
    ],
)
def test_a_filling_is_refused(story: Story, filling: Filling, code: str) -> None:
    assert code_of(fill_container, story.state, filling) == code


def test_a_dose_may_be_told_in_another_unit_or_where_the_master_calculates_none() -> None:
    told = replace(FILLING, dose="98000000 {cells}")
    assert fill_container(before_filling().state, told)[0].dose == "98 10*6{cells}"
    state = before_filling().state
    free = replace(state, master=replace(state.master, dose_step=None))
    assert fill_container(free, replace(FILLING, dose="7 {bag}"))[0].dose == "7 {bag}"
    assert code_of(fill_container, free, FILLING) == "dose-not-calculated"


@pytest.mark.rule("REG-ATMP-12", "REG-ATMP-13")
def test_a_label_comes_from_the_record_alone() -> None:
    one, two = issue_labels(filled().state, TEXT, "B1.P1", 2, "op-1", None)
    assert (one.serial, two.serial) == ("B1.P1.L1", "B1.P1.L2")
    read = read_code(one.payload)
    assert (read.kind, read.ident, read.serial) == (CodeKind.PRODUCT, "B1.P1", "B1.P1.L1")
    text = "\n".join(one.text)
    for wanted in ("98 10*6{cells}", "A9999 26 000001 8", AUTOLOGOUS, "SIMULATED", "{{patient.name}}", "non-reactive"):
        assert wanted in text
    assert "2026-11-15 09:00 UTC" in text


@pytest.mark.rule("REG-ATMP-12")
@pytest.mark.parametrize(
    ("story", "container", "count", "person", "reason", "code"),
    [
        (filled(), "B1.P9", 1, "op-1", None, "container-unknown"),
        (filled(), "B1.A1", 1, "op-1", None, "container-unknown"),
        (filled(), "B1.P1", 0, "op-1", None, "labels-count-unfit"),
        (filled(), "B1.P1", 21, "op-1", None, "labels-count-unfit"),
        (printed(), "B1.P1", 1, "op-2", None, "reprint-reason-missing"),
        (printed(), "B1.P1", 1, "op-1", "smudged", "same-person"),
        (filled().tell(ev.BatchTerminated("x"), 150), "B1.P1", 1, "op-1", None, "batch-closed"),
    ],
)
def test_labels_are_not_printed(
    story: Story, container: str, count: int, person: str, reason: str | None, code: str
) -> None:
    assert code_of(issue_labels, story.state, TEXT, container, count, person, reason) == code


def test_labels_need_their_donation() -> None:
    state = replace(filled().state, din=None)
    assert code_of(issue_labels, state, TEXT, "B1.P1", 1, "op-1", None) == "donation-not-identified"


def test_a_reprint_goes_on_counting() -> None:
    (label,) = issue_labels(printed().state, TEXT, "B1.P1", 1, "op-2", "smudged")
    assert label.serial == "B1.P1.L3"


@pytest.mark.rule("PRA-24")
@pytest.mark.parametrize(
    ("answer", "told"), [("non-reactive", "markers non-reactive"), ("reactive", "BIOHAZARD"), ("pending", "BIOHAZARD")]
)
def test_the_infectious_status_is_what_the_record_says(answer: str, told: str) -> None:
    story = ready(values=lambda one: value_of(one, answer if one.id == "hbsag" else None))
    status = infectious_status(story.state)
    assert told in status
    assert ("HBsAg" in status) is (answer != "non-reactive")
    assert infectious_status(a_batch(SEVEN_DAYS)).startswith("not evaluated")


@pytest.mark.rule("REG-ATMP-12", "PRA-04")
def test_every_label_is_accounted_for() -> None:
    state = printed().state
    events = reconcile_labels(state, ("B1.P1.L1",), ("B1.P1.L2",), (), "op-2")
    assert events == (ev.LabelsReconciled(("B1.P1.L1",), ("B1.P1.L2",)),)
    lost = reconcile_labels(state, ("B1.P1.L1",), (), ("B1.P1.L2",), "op-2")
    assert [event.tag for event in lost[1:]] == ["batch:exception:opened", "batch:deviation:opened"]
    assert lost[1].kind == "label"


L1, L2 = "B1.P1.L1", "B1.P1.L2"


@pytest.mark.rule("REG-ATMP-12")
@pytest.mark.parametrize(
    ("story", "used", "destroyed", "person", "code"),
    [
        (filled(), (), (), "op-2", "labels-none"),
        (printed(), (L1,), (L2,), "op-1", "same-person"),
        (printed(), (L1,), (), "op-2", "labels-unaccounted"),
        (printed(), (L1, L2), (L2,), "op-2", "labels-twice"),
        (printed(), (L1, L2, "B1.P1.L3"), (), "op-2", "labels-unknown"),
        (printed().tell(ev.LabelsReconciled((L1, L2), ()), 148, "op-2"), (L1, L2), (), "op-2", "labels-reconciled"),
    ],
)
def test_a_reconciliation_is_refused(
    story: Story, used: tuple[str, ...], destroyed: tuple[str, ...], person: str, code: str
) -> None:
    assert code_of(reconcile_labels, story.state, used, destroyed, (), person) == code


def test_a_reprint_opens_the_reconciliation_again() -> None:
    story = printed().tell(ev.LabelsReconciled((L1, L2), ()), 148, "op-2")
    (label,) = issue_labels(story.state, TEXT, "B1.P1", 1, "op-3", "smudged")
    assert story.tell(label, 149, "op-3").state.labels_reconciled_by is None


def test_the_chain_of_a_batch_holds_what_belongs_to_it() -> None:
    story = printed().tell(ev.LabelsReconciled((L1,), (), (L2,)), 148, "op-2")
    chain = chain_of(story.state)
    assert (chain.din, chain.coi, chain.wristband) == ("A999926000001", "CHA999926A1B2C3", "aa")
    assert (chain.apheresis, chain.product) == ({"B1.A1"}, {"B1.P1"})
    assert (chain.serials, chain.void_serials) == ({L1, L2}, {L2})

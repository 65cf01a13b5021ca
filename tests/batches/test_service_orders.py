"""From an order to an open batch: signed, once, and nothing half-written when somebody says no."""

from dataclasses import replace

import pytest

from mes.batches import tables
from mes.batches.decide.orders import OrderRequest
from mes.batches.model import Binding, Disposition, Phase
from mes.batches.service.orders import Acceptance
from mes.errors import Refusal
from mes.ids import new_op
from mes.signatures.model import SignaturePrompt
from mes.units import Measure
from tests.batches.houses import ORDERED, Ward, refuses

HOW = Acceptance("B1", "test", 1, Binding.MANUAL, simulated=False)


def place(ward: Ward, order: str = "O1", request: OrderRequest = ORDERED, by: str = "claire"):
    return ward.does(by, ward.orders.place, order, request)


def accept(ward: Ward, order: str = "O1", how: Acceptance = HOW, by: str = "quinn"):
    return ward.does(by, ward.orders.accept, order, how)


def test_an_accepted_order_is_a_batch_in_quarantine(ward):
    place(ward)
    state = accept(ward)
    assert (state.phase, state.disposition, state.order) == (Phase.EXECUTING, Disposition.QUARANTINE, "O1")
    assert (state.coi, state.weight_kg, state.dose) == ("COI-1", "70", "1.0 10*6{cells}/kg")
    assert ward.house.types_of("order", "O1") == ["order:placed", "order:accepted"]
    assert ward.types() == ["batch:created"]
    accepted = ward.house.ledger.stream("order/O1")[1]
    assert accepted.op == ward.entries()[0].op
    assert accepted.document["refs"][0]["index"] == ward.house.ledger.stream("order/O1")[0].index


def test_lists_show_orders_and_batches(ward):
    place(ward, "O1")
    place(ward, "O2")
    accept(ward, "O2")
    with ward.house.ledger.read() as connection:
        assert [(one.order, one.batch) for one in tables.orders(connection, "site-a")] == [("O1", None), ("O2", "B1")]
        assert [one.batch for one in tables.batches(connection, "site-a")] == ["B1"]
        assert tables.batches(connection, "another-site") == []


def test_a_repeated_operation_gets_its_answer_and_writes_nothing(ward):
    first, second = new_op(), new_op()
    ward.does("claire", ward.orders.place, "O1", ORDERED, op=first)
    state = ward.does("quinn", ward.orders.accept, "O1", HOW, op=second)
    size = ward.house.ledger.size
    assert ward.orders.place(ward.acting("claire", first), "O1", ORDERED) == "O1"
    assert ward.orders.accept(ward.acting("quinn", second), "O1", HOW) == state
    assert ward.house.ledger.size == size


@pytest.mark.parametrize(
    ("code", "request_"),
    [
        ("weight-out-of-range", replace(ORDERED, weight=Measure.of("0.9", "kg"))),
        ("weight-out-of-range", replace(ORDERED, weight=Measure.of("301", "kg"))),
        ("dose-unit", replace(ORDERED, dose=Measure.of("50", "mL"))),
        ("dose-unit", replace(ORDERED, dose=Measure.of("0", "10*6{cells}"))),
        ("unit-incompatible", replace(ORDERED, weight=Measure.of("70", "mL"))),
    ],
)
def test_an_order_with_wrong_values_is_not_placed(ward, code, request_):
    refuses(code, place, ward, request=request_)
    assert ward.house.types_of("order", "O1") == []


def test_only_a_clinician_orders_and_only_once(ward):
    refuses("role-missing", place, ward, by="olivia")
    place(ward)
    refuses("order-known", place, ward)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("order-unknown", {"order": "O9"}), ("role-missing", {"by": "sofia"}),
        ("master-unknown", {"how": replace(HOW, master="other")}), ("id-malformed", {"how": replace(HOW, batch="B/1")}),
    ],
)  # fmt: skip
def test_what_keeps_an_order_from_acceptance(ward, code, changes):
    place(ward)
    refuses(code, accept, ward, **changes)
    assert ward.house.types_of("order", "O1") == ["order:placed"]


def test_an_order_gives_one_batch_and_a_batch_has_one_order(ward):
    place(ward, "O1")
    place(ward, "O2")
    accept(ward, "O1")
    assert refuses("order-accepted", accept, ward, "O1", replace(HOW, batch="B2")).facts["batch"] == "B1"
    refuses("batch-known", accept, ward, "O2", HOW)
    assert ward.house.types_of("order", "O2") == ["order:placed"]


def test_a_superseded_master_begins_no_batch_but_goes_on_in_one(ward):
    place(ward, "O1")
    place(ward, "O2")
    accept(ward, "O1")
    ward.shelf.superseded.add(("test", 1))
    refuses("master-superseded", accept, ward, "O2", replace(HOW, batch="B2"))
    assert ward.recorder.load("B1").master.id == "test"


@pytest.mark.rule("REG-P11-70")
def test_the_prompt_shows_the_very_chain_of_identity_that_is_signed(ward):
    place(ward)
    acting = ward.acting("quinn")
    with pytest.raises(SignaturePrompt) as first:
        ward.orders.accept(acting, "O1", HOW)
    with pytest.raises(SignaturePrompt) as second:
        ward.orders.accept(acting, "O1", HOW)
    assert first.value.shown.digest == second.value.shown.digest
    shown = {one.label: one.value for one in first.value.shown.items}
    state = ward.orders.accept(ward.signed(acting, first.value), "O1", HOW)
    assert shown["Chain of identity"] == state.coi


@pytest.mark.rule("REG-A11-14")
def test_a_wrong_password_writes_no_batch(ward):
    place(ward)
    acting = ward.acting("quinn")
    with pytest.raises(SignaturePrompt) as prompt:
        ward.orders.accept(acting, "O1", HOW)
    wrong = ward.signed(acting, prompt.value, password="another password")
    refuses("signature-secret-wrong", ward.orders.accept, wrong, "O1", HOW)
    with pytest.raises(Refusal, match="batch-unknown"):
        ward.recorder.load("B1")
    assert ward.house.types_of("order", "O1") == ["order:placed"]
    assert accept(ward).coi == "COI-1"

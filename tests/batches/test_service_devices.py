"""Steps that run on a device: taken for one batch, asked or confirmed by hand, given back with the last of them."""

import pytest

from equipment_drivers.readings import CommandVerb
from mes.batches.model import Binding, Phase, StepStatus
from mes.ids import new_op
from tests.batches.houses import DEVICE, refuses, with_device
from tests.batches.test_service_steps import collect, intake, later


@pytest.fixture
def begun(ward):
    """A ward with a batch and a fit device."""
    with_device(ward)
    ward.a_batch()
    return ward


@pytest.mark.rule("PRA-12")
def test_with_the_operator_as_driver_the_device_is_taken_and_given_back(begun):
    collect(begun)
    intake(begun)
    refuses("equipment-missing", begun.does, "olivia", begun.steps.start, "B1", "S3")
    begun.does("olivia", begun.steps.start, "B1", "S3", equipment=DEVICE)
    held = begun.equipment.state(DEVICE).held_by
    assert (held.batch, held.run) == ("B1", "B1.R1")
    refuses("program-running", begun.does, "olivia", begun.steps.perform, "B1", "S3", ())
    refuses("binding-manual", begun.does, "olivia", begun.steps.request_program, "B1", "S3")
    begun.does("olivia", begun.steps.confirm_program, "B1", "S3")
    begun.does("olivia", begun.steps.perform, "B1", "S3", ())
    begun.does("viktor", begun.steps.verify, "B1", "S3")
    assert begun.equipment.state(DEVICE).held_by is None
    assert begun.types()[-3:] == ["batch:step:verified", "batch:step:completed", "batch:run:ended"]
    assert "equipment:command:requested" not in [one.type for one in begun.house.ledger.stream("run/B1.R1")]


@pytest.mark.rule("REG-ATMP-10")
def test_a_device_that_serves_another_patient_is_refused_and_the_step_stays_pending(begun):
    begun.a_batch("B2", "O2")
    for batch in ("B1", "B2"):
        collect(begun, batch)
    for batch in ("B1", "B2"):
        intake(begun, batch)
    begun.does("olivia", begun.steps.start, "B1", "S3", equipment=DEVICE)
    size = begun.house.ledger.size
    refuses("device-in-use", begun.does, "olivia", begun.steps.start, "B2", "S3", equipment=DEVICE)
    assert begun.house.ledger.size == size
    assert begun.recorder.load("B2").step("S3").status is StepStatus.PENDING


def test_a_simulated_device_is_asked_for_the_program_and_asked_again_by_a_person(ward):
    with_device(ward, Binding.OPCUA)
    ward.a_batch(binding=Binding.OPCUA)
    collect(ward)
    intake(ward)
    ward.does("olivia", ward.steps.start, "B1", "S3", equipment=DEVICE)
    refuses("program-followed", ward.does, "olivia", ward.steps.confirm_program, "B1", "S3")
    ward.does("olivia", ward.steps.request_program, "B1", "S3", reason="door was open")
    asked = [one.data for one in ward.house.ledger.stream("run/B1.R1") if one.type == "equipment:command:requested"]
    assert [one["verb"] for one in asked] == [CommandVerb.SELECT_PROGRAM.value] * 2
    assert len({one["command"] for one in asked}) == 2
    assert ward.types()[-1] == "batch:program:asked_again"


def test_an_optional_step_is_left_out_with_a_reason_and_the_last_step_completes_the_batch(begun):
    collect(begun)
    intake(begun)
    begun.does("olivia", begun.steps.start, "B1", "S3", equipment=DEVICE)
    begun.does("olivia", begun.steps.confirm_program, "B1", "S3")
    begun.does("olivia", begun.steps.perform, "B1", "S3", ())
    begun.does("viktor", begun.steps.verify, "B1", "S3")
    refuses("reason-missing", begun.does, "olivia", begun.steps.skip, "B1", "S5")
    op = new_op()
    state = begun.does("olivia", begun.steps.skip, "B1", "S5", op=op, reason="not needed")
    assert state.step("S5").skip_reason == "not needed"
    assert begun.steps.skip(begun.acting("olivia", op), "B1", "S5") == state
    later(begun, 25)
    begun.does("olivia", begun.steps.start, "B1", "S4")
    begun.does("olivia", begun.steps.perform, "B1", "S4", ())
    begun.does("olivia", begun.steps.start, "B1", "S6")
    refuses("labels-not-reconciled", begun.does, "olivia", begun.steps.perform, "B1", "S6", ())
    assert begun.recorder.load("B1").phase is Phase.EXECUTING

"""What may be done with a device: tables of reasons, without a database."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from equipment_drivers.readings import CommandVerb
from mes.equipment import decide
from mes.equipment.events import DeviceAllocated, DeviceReleased
from mes.equipment.model import Binding, EquipmentState, Holding, Qualification
from mes.errors import Refusal
from tests.equipment.builders import BATCH, BY_HAND, DEVICE, NOW, OVER_OPCUA, RUN, at

MAP = OVER_OPCUA.nodemap
FIT = EquipmentState(DEVICE, OVER_OPCUA, MAP, Qualification(at(60), MAP))
HELD = replace(FIT, held_by=Holding(RUN, BATCH, NOW))
MANUAL = EquipmentState(DEVICE, BY_HAND, None, Qualification(at(60), None))


def refused(act: Any, *args: Any, **more: Any) -> str:
    with pytest.raises(Refusal) as found:
        act(*args, **more)
    return found.value.code


@pytest.mark.rule("REG-P11-10h")
def test_a_fit_device_is_given_to_one_run_and_back() -> None:
    assert decide.allocate(FIT, RUN, BATCH, NOW) == DeviceAllocated(RUN, DEVICE, BATCH, NOW)
    assert decide.release(HELD, RUN, at(5)) == DeviceReleased(RUN, DEVICE, BATCH, at(5))
    assert decide.allocate(MANUAL, RUN, BATCH, NOW).device == DEVICE


@pytest.mark.rule("REG-P11-10h", negative=True)
@pytest.mark.parametrize(
    ("state", "now", "code"),
    [
        (EquipmentState(DEVICE), NOW, "equipment-unknown"),
        (replace(FIT, approved_nodemap=None), NOW, "node-map-not-approved"),
        (replace(FIT, approved_nodemap="00" * 32), NOW, "node-map-not-approved"),
        (replace(FIT, qualification=None), NOW, "equipment-not-qualified"),
        (replace(FIT, qualification=Qualification(at(60), "00" * 32)), NOW, "node-map-changed-since-qualification"),
        (FIT, at(60), "qualification-expired"),
        (replace(MANUAL, qualification=None), NOW, "equipment-not-qualified"),
        (HELD, NOW, "device-in-use"),
    ],
)
def test_an_unfit_or_held_device_is_not_given(state: EquipmentState, now: datetime, code: str) -> None:
    assert refused(decide.allocate, state, RUN, BATCH, now) == code


def test_only_its_own_run_gives_a_device_back() -> None:
    assert refused(decide.release, FIT, RUN, NOW) == "device-not-held"
    assert refused(decide.release, HELD, "B-2.R1", NOW) == "device-not-held"
    expired = replace(HELD, qualification=Qualification(NOW, MAP))
    assert decide.release(expired, RUN, at(1)).run == RUN


@pytest.mark.parametrize(
    ("state", "verb", "more", "code"),
    [
        (replace(HELD, registration=BY_HAND), CommandVerb.START, {}, "device-bound-manually"),
        (FIT, CommandVerb.START, {}, "device-not-held"),
        (HELD, CommandVerb.START, {"run": "B-2.R1"}, "device-not-held"),
        (HELD, CommandVerb.START, {"now": at(60)}, "qualification-expired"),
        (HELD, CommandVerb.SELECT_PROGRAM, {"now": at(60)}, "qualification-expired"),
        (HELD, CommandVerb.START, {"args": {"program": "1\n2"}}, "command-malformed"),
        (HELD, CommandVerb.START, {"args": {str(n): "x" for n in range(17)}}, "command-malformed"),
    ],
)
def test_a_command_is_refused(state: EquipmentState, verb: CommandVerb, more: dict[str, Any], code: str) -> None:
    terms = {"run": RUN, "command": "c-1", "verb": verb, "args": {}, "step": "S-1", "now": NOW, **more}
    assert refused(decide.request_command, state, **terms) == code


@pytest.mark.parametrize("verb", [CommandVerb.HOLD, CommandVerb.STOP, CommandVerb.ABORT, CommandVerb.RESUME])
def test_stopping_never_waits_for_a_qualification(verb: CommandVerb) -> None:
    terms = {"run": RUN, "command": "c-1", "args": {"b": "2", "a": "1"}, "step": None, "now": at(61)}
    asked = decide.request_command(HELD, verb=verb, **terms)
    assert [(one.name, one.value) for one in asked.args] == [("a", "1"), ("b", "2")]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"endpoint": None}, "endpoint"),
        ({"endpoint": "http://127.0.0.1"}, "endpoint"),
        ({"nodemap": "xyz"}, "nodemap"),
        ({"server_thumbprint": None}, "server_thumbprint"),
        ({"server_thumbprint": "ab" * 32}, "server_thumbprint"),
        ({"model": ""}, "model"),
        ({"serial": "a\nb"}, "serial"),
        ({"binding": Binding.MANUAL}, "binding"),
    ],
)
def test_an_unpinned_binding_is_not_registered(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal) as found:
        decide.register(EquipmentState(DEVICE), replace(OVER_OPCUA, **change))
    assert (found.value.code, found.value.facts) == ("equipment-form-wrong", {"field": field})


def test_a_device_in_use_is_not_bound_anew() -> None:
    assert refused(decide.register, HELD, OVER_OPCUA) == "device-in-use"
    assert refused(decide.register, EquipmentState("x" * 57), OVER_OPCUA) == "equipment-form-wrong"


@pytest.mark.parametrize(
    ("state", "digest", "code"),
    [
        (EquipmentState(DEVICE), MAP, "equipment-unknown"),
        (FIT, "00" * 32, "node-map-not-bound"),
        (MANUAL, MAP, "node-map-not-bound"),
        (FIT, MAP, "node-map-approved-already"),
    ],
)
def test_only_the_bound_map_is_approved_once(state: EquipmentState, digest: str, code: str) -> None:
    assert refused(decide.approve_nodemap, state, digest) == code


def test_a_qualification_lies_ahead_and_needs_an_approved_map() -> None:
    assert refused(decide.qualify, FIT, NOW, NOW) == "qualification-in-the-past"
    assert refused(decide.qualify, replace(FIT, approved_nodemap=None), at(1), NOW) == "node-map-not-approved"
    assert decide.qualify(FIT, at(1), NOW).nodemap == MAP


def test_a_person_acts_in_the_role_that_may() -> None:
    assert refused(decide.check_role, "person", "operator", "qa") == "role-missing"
    decide.check_role("person", "qa", "qa")
    decide.check_role("system", None, "qa")

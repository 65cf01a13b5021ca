"""May a device be registered, approved, qualified, given to a patient, commanded? Pure: events, or Refusal."""

import re
from collections.abc import Mapping
from datetime import datetime

from equipment_drivers.readings import CommandVerb
from mes.equipment.events import (
    CommandRequested,
    DeviceAllocated,
    DeviceReleased,
    EquipmentQualified,
    EquipmentRegistered,
    NodeMapApproved,
)
from mes.equipment.model import Argument, Binding, EquipmentState, Registration
from mes.errors import Refusal
from mes.ids import BatchId, RunId

MAX_ID = 56
"""`<device>.idle` must itself be an id of at most 64 characters."""
DIGEST = re.compile(r"[0-9a-f]{64}")
THUMBPRINT = re.compile(r"sha256:[0-9a-f]{64}")
ENDPOINT = re.compile(r"opc\.tcp://[^\s/]{1,200}(/\S{0,200})?")
TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,120}")
BEGINS_WORK = frozenset({CommandVerb.SELECT_PROGRAM, CommandVerb.START})
"""Verbs that begin something new: refused on a device that is not fit. Stopping and resuming never are."""


def register(state: EquipmentState, wanted: Registration) -> EquipmentRegistered:
    """Decide whether the device may be entered (anew), so that every part of its binding is known and pinned."""
    if state.held_by is not None:
        raise Refusal("device-in-use", device=state.equipment, run=state.held_by.run)
    if len(state.equipment) > MAX_ID:
        raise Refusal("equipment-form-wrong", status=422, field="equipment")
    needs: dict[str, tuple[str | None, re.Pattern[str]]] = {
        "device_class": (wanted.device_class, TEXT),
        "model": (wanted.model, TEXT),
        "serial": (wanted.serial, TEXT),
    }
    bound: dict[str, tuple[str | None, re.Pattern[str]]] = {
        "endpoint": (wanted.endpoint, ENDPOINT),
        "nodemap": (wanted.nodemap, DIGEST),
        "server_thumbprint": (wanted.server_thumbprint, THUMBPRINT),
    }
    if wanted.binding is Binding.OPCUA:
        needs |= bound
    elif any(value is not None for value, _ in bound.values()):
        raise Refusal("equipment-form-wrong", status=422, field="binding")
    for name, (value, pattern) in needs.items():
        if value is None or not pattern.fullmatch(value):
            raise Refusal("equipment-form-wrong", status=422, field=name)
    return EquipmentRegistered(
        equipment=state.equipment,
        device_class=wanted.device_class,
        model=wanted.model,
        serial=wanted.serial,
        binding=wanted.binding,
        simulated=wanted.simulated,
        endpoint=wanted.endpoint,
        nodemap=wanted.nodemap,
        server_thumbprint=wanted.server_thumbprint,
    )


def approve_nodemap(state: EquipmentState, digest: str) -> NodeMapApproved:
    """Decide whether QA may approve this node map: it must be the one that the device is bound by."""
    known = _registered(state)
    if known.nodemap is None or known.nodemap != digest:
        raise Refusal("node-map-not-bound", device=state.equipment, digest=digest[:64], bound=known.nodemap or "")
    if state.approved_nodemap == digest:
        raise Refusal("node-map-approved-already", device=state.equipment, digest=digest)
    return NodeMapApproved(state.equipment, digest)


def qualify(state: EquipmentState, until: datetime, now: datetime) -> EquipmentQualified:
    """Decide whether the device may be declared fit until `until`, as it is bound now."""
    known = _registered(state)
    _check_nodemap(state, known)
    if until <= now:
        raise Refusal("qualification-in-the-past", status=422, device=state.equipment, until=until)
    return EquipmentQualified(state.equipment, until, known.nodemap)


def check_fit(state: EquipmentState, now: datetime) -> Registration:
    """Return the registration if the device may be used now: map approved, qualified, nothing changed since.

    A map that changed after qualification blocks the start.
    """
    known = _registered(state)
    _check_nodemap(state, known)
    if state.qualification is None:
        raise Refusal("equipment-not-qualified", device=state.equipment)
    if state.qualification.nodemap != known.nodemap:
        raise Refusal("node-map-changed-since-qualification", device=state.equipment)
    if now >= state.qualification.until:
        raise Refusal("qualification-expired", device=state.equipment, until=state.qualification.until)
    return known


def allocate(state: EquipmentState, run: RunId, batch: BatchId, now: datetime) -> DeviceAllocated:
    """Decide whether the device may be given to this run: fit, and given to no other patient."""
    check_fit(state, now)
    if state.held_by is not None:
        raise Refusal("device-in-use", device=state.equipment, run=state.held_by.run)
    return DeviceAllocated(run, state.equipment, batch, now)


def release(state: EquipmentState, run: RunId, now: datetime) -> DeviceReleased:
    """Decide whether the run may give the device back; a device whose qualification ran out can be, too."""
    if state.held_by is None or state.held_by.run != run:
        raise Refusal("device-not-held", device=state.equipment, run=run)
    return DeviceReleased(run, state.equipment, state.held_by.batch, now)


def request_command(
    state: EquipmentState,
    *,
    run: RunId,
    command: str,
    verb: CommandVerb,
    args: Mapping[str, str],
    step: str | None,
    now: datetime,
) -> CommandRequested:
    """Decide whether this run may ask this of the device.

    Only the run that holds it may; what begins work needs a fit device; stopping is never refused for fitness.
    """
    known = _registered(state)
    if known.binding is Binding.MANUAL:
        raise Refusal("device-bound-manually", device=state.equipment, verb=verb)
    if state.held_by is None or state.held_by.run != run:
        raise Refusal("device-not-held", device=state.equipment, run=run)
    if verb in BEGINS_WORK:
        check_fit(state, now)
    if len(args) > 16 or any(not TEXT.fullmatch(text) for pair in args.items() for text in pair):
        raise Refusal("command-malformed", status=422, verb=verb)
    listed = tuple(Argument(name, args[name]) for name in sorted(args))
    return CommandRequested(command, state.equipment, run, verb, listed, step)


def _registered(state: EquipmentState) -> Registration:
    if state.registration is None:
        raise Refusal("equipment-unknown", status=404, device=state.equipment)
    return state.registration


def _check_nodemap(state: EquipmentState, known: Registration) -> None:
    if known.nodemap != state.approved_nodemap and known.binding is Binding.OPCUA:
        raise Refusal("node-map-not-approved", device=state.equipment, digest=known.nodemap)


def check_role(kind: str, role: str | None, wanted: str) -> None:
    """Refuse `role-missing` to a person who acts in another role; the system's own set-up acts pass."""
    if kind == "person" and role != wanted:
        raise Refusal("role-missing", status=403, role=wanted)

"""A batch as JSON: what programs read, and what a screen of another make would need."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from mes.batches.decide.values import limit_text
from mes.batches.decide.windows import closes_at, opens_at
from mes.batches.model import BatchState, Signer, StepState, StepStatus
from mes.batches.tables import BatchRow
from mes.masters.model import Edge, Parameter, Step


def of_state(state: BatchState) -> dict[str, Any]:
    """Return a batch as it stands; no patient's name can be in it."""
    return {
        "batch": state.batch, "order": state.order, "product": state.product, "coi": state.coi,
        "master": f"{state.master.id}.{state.master.version}", "binding": state.binding.value,
        "simulated": state.simulated, "phase": state.phase.value, "disposition": state.disposition.value,
        "hold_reason": state.hold_reason, "created_at": state.created_at, "vein_start_at": state.vein_start_at,
        "infused_at": state.infused_at, "infusion_started_at": state.infusion_started_at,
        "expiry_at": state.expiry_at, "weight_kg": state.weight_kg, "dose": state.dose, "din": state.din,
        "next_seq": state.next_seq,
        "run": {"run": state.run, "equipment": state.equipment, "active_step": state.active_device_step,
                "released_at": state.run_released_at},
        "forecast": asdict(state.forecast) if state.forecast else None,
        "steps": [of_step(state, one) for one in state.steps.values()],
        "next_steps": [one.step.id for one in state.next_steps()],
        "exceptions": _each(state.exceptions), "deviations": _each(state.deviations),
        "results": _each(state.results), "labels": _each(state.labels), "containers": _each(state.filled),
        "container_ids": list(state.containers),
        "handovers": _each(state.handovers), "reviews": sorted(state.reviews),
        "certificates": dict(state.certificates), "issue_go_by": state.issue_go_by, "bedside": list(state.bedside),
        "labels_reconciled_by": state.labels_reconciled_by, "signatures_voided": sorted(state.voided),
    }  # fmt: skip


def of_step(state: BatchState, one: StepState) -> dict[str, Any]:
    """Return one step: what its master demands, what was recorded, and which signatures it waits for."""
    step = one.step
    return {
        "step": step.id, "title": step.title, "state": one.status.value, "lane": step.lane.value,
        "act": step.act.value, "optional": step.optional, "after": list(step.after),
        "opens_at": opens_at(state, step), "closes_at": closes_at(state, step),
        "complete_from": opens_at(state, step, Edge.COMPLETED), "complete_by": closes_at(state, step, Edge.COMPLETED),
        "started_at": one.started_at, "completed_at": one.completed_at,
        "parameters": [of_parameter(parameter) for parameter in step.parameters],
        "values": {name: asdict(value) for name, value in one.values.items()},
        "scans": {scan.id: {"expects": scan.expects, "matched": one.scans.get(scan.id)} for scan in step.scans},
        "materials_needed": [material.code for material in step.materials if not material.patient_material],
        "materials": [asdict(use) for use in one.materials],
        "program": step.program.number if step.program else None, "program_requested": one.program_requested,
        "program_done_at": one.program_done_at,
        "signed": {"performed": _signer(one.performed_by), "verified": _signer(one.verified_by),
                   **{meaning: _signer(signer) for meaning, signer in one.attested.items()}},
        "open_signatures": open_signatures(one),
        "glass": _signer(one.glass), "verified_late": one.verified_late,
    }  # fmt: skip


def of_parameter(parameter: Parameter) -> dict[str, Any]:
    """Return what a step asks for, and its limit in words."""
    return {
        "parameter": parameter.id, "label": parameter.label, "kind": parameter.kind.value, "unit": parameter.unit,
        "limit": limit_text(parameter), "choices": list(parameter.choices), "expected": parameter.expected,
        "required": parameter.required, "source": parameter.source.value, "tag": parameter.tag,
        "severity": parameter.severity.value,
    }  # fmt: skip


def open_signatures(one: StepState) -> list[dict[str, str]]:
    """Return the signatures that a confirmed step still waits for, verification first."""
    if one.status is not StepStatus.PERFORMED:
        return []
    rule = one.step.signatures
    waits = rule.verified and one.verified_by is None and one.glass is None
    verify = [("VERIFIED", str(rule.verified))] if waits else []
    wanted = [*verify, *((also.meaning, also.role) for also in rule.also if also.meaning not in one.attested)]
    return [{"meaning": meaning, "role": role} for meaning, role in wanted]


def of_row(row: BatchRow) -> dict[str, Any]:
    """Return a line of the list of batches."""
    return asdict(row)


def bounds(step: Step, tag: str) -> tuple[float | None, float | None]:
    """Return the widest limits that a step watches a signal with, for drawing them; None: no such bound."""
    watched = [limit for limit in step.monitored if limit.tag == tag]
    lows = [float(limit.low) for limit in watched if limit.low is not None]
    highs = [float(limit.high) for limit in watched if limit.high is not None]
    return min(lows, default=None), max(highs, default=None)


def _each(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [asdict(one) for one in found.values()]


def _signer(signer: Signer | None) -> dict[str, str | datetime] | None:
    return None if signer is None else {"person": signer.person, "name": signer.name, "role": signer.role,
                                        "at": signer.at}  # fmt: skip

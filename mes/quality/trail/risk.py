"""Which entries carry a risk: a pure judgement of one entry by itself, and of a batch's entries by its master."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mes.batches.model import BatchState
from mes.ledger.entry import Entry
from mes.masters.model import Severity, Source
from mes.quality.trail.model import Finding, Risk

Judged = tuple[Risk, str, bool]
"""Class, why in words, and whether a reviewer must open it."""
STUBBORN = 3
"""Failures in a row from which a mistyped secret is worth a look of its own."""
ABORTED = ("ABORTED", "ERROR", "STOPPED")
OVERRIDING = ("LATE_ENTRY", "BREAK_GLASS", "TRANSCRIBED_FROM_PAPER", "VOIDED")
"""Meanings of a signature that say that the usual way was not gone."""
EXCEPTION_RISKS = {"gap": Risk.GAP, "scan": Risk.IDENTITY}


def risk_of(entry: Entry) -> Judged | None:
    """Judge an entry by what stands in it alone; None for one that carries no risk of its own. Rule: REG-A11D-12-7."""
    rule = _BY_TYPE.get(entry.type)
    if rule is not None:
        found = rule(entry.data)
        if found is not None:
            return found
    if "break_glass" in entry.type:
        return Risk.OVERRIDE, "continued without the person who was missing", True
    meaning = entry.document.get("signature", {}).get("meaning")
    if meaning in OVERRIDING:
        return Risk.OVERRIDE, f"signed as {str(meaning).lower().replace('_', ' ')}", True
    if entry.document.get("occurred", {}).get("by") == "person":
        return Risk.OVERRIDE, "recorded later than it happened", True
    return _access(entry)


def findings(state: BatchState, entries: Sequence[Entry]) -> tuple[Finding, ...]:
    """Judge a batch's trail, the riskiest first: critical before others, then by class, then in ledger order.

    The master says which parameters are critical and which values a device should have given; of a result that was
    entered several times, every one is found. Rule: REG-A11D-12-7, REG-DI-04.
    """
    repeated = _repeated(entries)
    found = []
    for entry in entries:
        judged = _by_master(state, entry) or risk_of(entry)
        if judged is None and entry.index in repeated:
            judged = Risk.REPEAT, f"one of {repeated[entry.index]} results of {entry.data['item']}", False
        if judged is not None:
            found.append(Finding(entry, *judged))
    order = list(Risk)
    return tuple(sorted(found, key=lambda one: (not one.critical, order.index(one.risk), one.entry.index)))


def _repeated(entries: Iterable[Entry]) -> Mapping[int, int]:
    places: dict[str, list[int]] = {}
    for entry in entries:
        if entry.type == "batch:result:entered":
            places.setdefault(entry.data["item"], []).append(entry.index)
    return {index: len(indices) for indices in places.values() if len(indices) > 1 for index in indices}


def _by_master(state: BatchState, entry: Entry) -> Judged | None:
    if entry.type == "batch:value:corrected" and entry.data["step"] in state.steps:
        old, new = entry.data["old"], entry.data["new"]
        parameter = state.step(entry.data["step"]).step.parameter(new["parameter"])
        critical = parameter.severity is Severity.CRITICAL
        word = "critical " if critical else ""
        return Risk.CHANGE, f"{word}{parameter.label}: {_told(old)} became {_told(new)}", critical
    if entry.type == "batch:step:performed" and entry.data["step"] in state.steps:
        step = state.step(entry.data["step"]).step
        monitored = {one.id: one.label for one in step.parameters if one.source is Source.DEVICE and one.tag}
        typed = [
            monitored[one["parameter"]]
            for one in entry.data["values"]
            if one["source"] == Source.MANUAL and one["parameter"] in monitored
        ]
        if typed and state.binding.value != "manual":
            return Risk.OVERRIDE, f"typed although the device monitors it: {', '.join(typed)}", True
    return None


def _told(value: Mapping[str, Any]) -> str:
    return f"{value['value']} {value.get('unit') or ''}".strip()


def _performed(data: Mapping[str, Any]) -> Judged | None:
    outside = [one["parameter"] for one in data["values"] if not one["judgement"]["within"]]
    return (Risk.ALARM, f"outside its limit: {', '.join(outside)}", True) if outside else None


def _result(data: Mapping[str, Any]) -> Judged | None:
    told = f"{data['item']} {data['value']}"
    if data.get("supersedes") is not None:
        return Risk.REPEAT, f"{told} replaces the result at place {data['supersedes']}", True
    return None if data["passed"] else (Risk.ALARM, f"{told} out of specification", True)


def _exception(data: Mapping[str, Any]) -> Judged:
    risk = EXCEPTION_RISKS.get(data["kind"], Risk.ALARM)
    return risk, f"{data['severity']} {data['exception']}: {data['what']}", data["severity"] == Severity.CRITICAL


def _command(data: Mapping[str, Any]) -> Judged | None:
    return None if data["result"] == "CONFIRMED" else (Risk.REPEAT, f"{data['verb']}: {data['result']}", True)


def _unit(data: Mapping[str, Any]) -> Judged | None:
    return (Risk.REPEAT, f"the device went to {data['state']}", True) if data["state"] in ABORTED else None


def _late(data: Mapping[str, Any]) -> Judged | None:
    if data.get("late_by_h") is None:
        return None
    return Risk.OVERRIDE, f"{data['step']} started {data['late_by_h']} h after its window", True


def _signing(data: Mapping[str, Any]) -> Judged:
    cause = str(data["cause"]).replace("_", " ")
    return (
        Risk.FAILED_SIGNING,
        f"{data['meaning']}: {cause}, {data['in_a_row']} in a row",
        (data["cause"] == "person_wrong" or data["in_a_row"] >= STUBBORN),
    )


def _sign_in(data: Mapping[str, Any]) -> Judged:
    return Risk.FAILED_SIGNING, f"sign-in refused, {data['in_a_row']} in a row", data["in_a_row"] >= STUBBORN


def _credential(data: Mapping[str, Any]) -> Judged:
    by_other = bool(data.get("temporary"))
    return Risk.ACCESS, f"{data['credential']} set{' by somebody else' if by_other else ''}", by_other


def _always(risk: Risk, why: str, critical: bool = True) -> Callable[[Mapping[str, Any]], Judged | None]:
    return lambda data: (risk, why.format_map(_Words(data)), critical)


class _Words(dict[str, Any]):
    """Facts for a sentence; one that is absent is left out."""

    def __missing__(self, key: str) -> str:
        return ""


_BY_TYPE: Mapping[str, Callable[[Mapping[str, Any]], Judged | None]] = {
    "batch:glass:broken": _always(Risk.OVERRIDE, "{step} went on without its {missing}"),
    "batch:step:verified_late": _always(Risk.OVERRIDE, "{step} was verified from the record alone"),
    "batch:value:corrected": _always(Risk.CHANGE, "a value of {step} was corrected"),
    "equipment:device:registered": _always(Risk.CHANGE, "the device was bound anew"),
    "equipment:nodemap:approved": _always(Risk.CHANGE, "how the device's values are read was changed"),
    "content:removed": _always(Risk.CHANGE, "detachable content was removed: {ground}"),
    "batch:program:asked_again": _always(Risk.REPEAT, "program {program} of {step} was asked for again"),
    "batch:step:skipped": _always(Risk.REPEAT, "{step} was left out"),
    "batch:held": _always(Risk.REPEAT, "the batch was stopped: {cause}"),
    "batch:terminated": _always(Risk.REPEAT, "the batch was ended: {cause}"),
    "equipment:command:outcome": _command,
    "equipment:unit:state": _unit,
    "batch:result:entered": _result,
    "batch:step:started": _late,
    "batch:step:performed": _performed,
    "batch:scan:mismatched": _always(Risk.IDENTITY, "{step} {scan}: {found} instead of {expects}"),
    "batch:limit:exceeded": _always(Risk.ALARM, "{tag_name} {value} {unit}, limit {limit}", critical=False),
    "equipment:alarm:changed": _always(Risk.ALARM, "{code}: {message}", critical=False),
    "batch:exception:opened": _exception,
    "batch:result:failed_late": _always(Risk.ALARM, "{item} failed after certification"),
    "signature:refused": _signing,
    "person:session:refused": _sign_in,
    "signature:voided": _always(Risk.VOIDED, "the signature of entry {index} no longer stands"),
    "batch:certificate:questioned": _always(Risk.VOIDED, "certificate {certificate} is in question"),
    "batch:fact:reported": _always(Risk.TESTIMONY, "reported: {what}, source {source}"),
    "site:clock:stepped": _always(Risk.CLOCK, "the clock went from {from} to {to}"),
    "equipment:gap:recorded": _always(Risk.GAP, "samples may be missing from {from} to {to}: {cause}"),
    "person:credential:changed": _credential,
    "person:credential:removed": _always(Risk.ACCESS, "{credential} taken away"),
    "person:role:granted": _always(Risk.ACCESS, "role {role} granted"),
    "person:role:withdrawn": _always(Risk.ACCESS, "role {role} withdrawn"),
    "person:account:enrolled": _always(Risk.ACCESS, "account opened"),
    "person:account:disabled": _always(Risk.ACCESS, "account ended"),
    "site:key:rotated": _always(Risk.ACCESS, "the site's key was changed"),
}
ACCESS_PREFIXES = ("person:role:", "person:account:", "person:access:", "person:passkey:", "site:key:")


def _access(entry: Entry) -> Judged | None:
    if entry.type.startswith(ACCESS_PREFIXES):
        return Risk.ACCESS, " ".join(entry.type.split(":")[1:]).replace("_", " "), False
    return None

"""What the order and the signatures of a master must obey, whatever the product. Each rule yields findings."""

from collections import Counter
from collections.abc import Iterator

from mes.ids import StepId
from mes.masters.findings import Finding
from mes.masters.graph import ancestors, cycles, in_order, network, predecessors, waits_for
from mes.masters.model import Act, Lane, Master, Step

ONE_ON_DUTY = frozenset({"qp"})
"""Roles of which a site has one person on duty: nobody of them can verify a colleague."""


def graph_findings(master: Master) -> Iterator[Finding]:
    """Yield ids that stand twice, names of no step, cycles, and steps that can never start."""
    for ident, count in Counter(step.id for step in master.steps).items():
        if count > 1:
            yield Finding.of("duplicate-id", ident, id=ident)
    known = {step.id for step in master.steps}
    broken: set[StepId] = set()
    for step in master.steps:
        untils = {one.until for one in step.monitored if one.until is not None}
        for named in sorted((waits_for(step) | untils) - known):
            yield Finding.of("step-dangling", step.id, named=named)
            broken.add(step.id)
    for field_name in ("start_step", "infusion_step", "selection_step", "dose_step", "expiry_step"):
        named = getattr(master, field_name)
        if named is not None and named not in known:
            yield Finding.of("step-dangling", field_name, named=named)
    waits = network(master)
    for cycle in cycles(waits):
        yield Finding.of("step-cycle", cycle[0], steps=" > ".join((*cycle, cycle[0])))
    _, never = in_order(waits)
    for one in never:
        if one not in ancestors(waits, one):
            yield Finding.of("step-unreachable", one)
    for step in master.steps:
        if step.id not in never and ancestors(waits, step.id) & broken:
            yield Finding.of("step-unreachable", step.id)


def lane_findings(master: Master) -> Iterator[Finding]:
    """Yield manufacturing steps that wait for lymphodepletion. Rule: PRA-03."""
    waits = network(master)
    clinic = [step.id for step in master.steps if step.act is Act.LYMPHODEPLETION]
    for step in master.steps:
        if step.lane is Lane.MANUFACTURING:
            for named in sorted(ancestors(waits, step.id) & set(clinic)):
                yield Finding.of("lymphodepletion-before-manufacturing", step.id, named=named)


def label_findings(master: Master) -> Iterator[Finding]:
    """Yield labels printed before the dose is known, and an infusion without certification. Rule: PRA-02."""
    waits = predecessors(master)
    for step in master.steps:
        if step.act is not Act.LABEL:
            continue
        if master.dose_step is None:
            yield Finding.of("role-of-step-missing", "dose_step", field="dose_step")
        elif master.dose_step not in ancestors(waits, step.id):
            yield Finding.of("label-before-dose", step.id, named=master.dose_step)
    certified = {step.id for step in master.steps if step.act is Act.CERTIFY_PRELIMINARY}
    if not certified & ancestors(waits, master.infusion_step):
        yield Finding.of("infusion-without-go", master.infusion_step)


def hour_findings(master: Master) -> Iterator[Finding]:
    """Yield hours since H0 where they may not stand, windows that could pass unjudged, and names of optional steps.

    Rule: PRA-14 (absolute hours: transport, intake decision, start of selection).
    """
    optional = {step.id for step in master.steps if step.optional}
    waits = predecessors(master)
    for step in master.steps:
        before = ancestors(waits, step.id)
        free = step.lane is Lane.TRANSPORT or step.act is Act.INTAKE or step.id == master.selection_step
        for number, window in enumerate(step.windows):
            where = f"{step.id}.windows.{number}"
            if window.absolute and not free:
                yield Finding.of("window-absolute", where)
            if (named := window.after or master.start_step) not in before:
                yield Finding.of("window-not-after", where, named=named)
            if window.after in optional and not step.optional:
                yield Finding.of("window-on-optional", where, named=window.after)
    for field_name in ("start_step", "infusion_step", "selection_step", "dose_step", "expiry_step"):
        if getattr(master, field_name) in optional:
            yield Finding.of("step-needed", field_name, named=getattr(master, field_name))


def signature_findings(master: Master) -> Iterator[Finding]:
    """Yield signature rules that nobody could keep, or that say the same twice."""
    for step in master.steps:
        yield from _of_step(step)


def _of_step(step: Step) -> Iterator[Finding]:
    rule, where = step.signatures, f"{step.id}.signatures"
    if rule.verified and not rule.performed:
        yield Finding.of("signature-missing", where)
    if rule.verified and rule.verified == rule.performed and rule.verified in ONE_ON_DUTY:
        yield Finding.of("signature-one-on-duty", where, role=rule.verified)
    for also, count in Counter(rule.also).items():
        if count > 1:
            yield Finding.of("signature-twice", where, meaning=also.meaning, role=also.role)

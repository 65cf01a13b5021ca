"""The gate item about those who worked: each trained on the executed master at the moment of each of their acts."""

from mes.people.training.model import valid_at
from mes.quality.gate.model import GateItem, Question, met, not_met


def people_trained(asked: Question) -> GateItem:
    """G-13: whoever executed, verified, analysed, reviewed or carried was trained when they did it.

    Judged from the entries: what a register says today proves nothing about then. Rule: REG-P11-10i.
    """
    state = asked.state
    untrained = {
        person: next(at for at in times if not valid_at(asked.trained.get(person, ()), at))
        for person, times in state.acted.items()
        if not all(valid_at(asked.trained.get(person, ()), at) for at in times)
    }
    master = f"{state.master.id} version {state.master.version}"
    if untrained:
        told = ", ".join(f"{person} at {at:%Y-%m-%d %H:%M} UTC" for person, at in untrained.items())
        return not_met("G-13", f"not trained on {master}: {told}",
                       "No deviation covers this: QA decides what becomes of the batch.",
                       *untrained)  # fmt: skip
    return met("G-13", f"{len(state.acted)} people, each trained on {master} at each of their acts")

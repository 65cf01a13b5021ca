"""From the entries of `batch/<id>` to the state of the batch; pure, and never judging anew."""

from collections.abc import Iterable
from dataclasses import replace

from mes.batches.fold.fact import Fact
from mes.batches.fold.participation import with_part, with_time
from mes.batches.fold.steps import begin
from mes.batches.fold.table import HANDLERS
from mes.batches.model import BatchState
from mes.masters.model import Master

__all__ = ["Fact", "fold", "fold_more"]


def fold(facts: Iterable[Fact], master: Master) -> BatchState:
    """Return the state after all facts of a batch's stream, the first of which created it."""
    rest = iter(facts)
    return fold_more(begin(next(rest), master), rest)


def fold_more(state: BatchState, facts: Iterable[Fact]) -> BatchState:
    """Return the state after further facts of the same stream."""
    for fact in facts:
        handler = HANDLERS.get(type(fact.event))
        state = state if handler is None else handler(state, fact)
        state = after(state, fact)
    return state


def after(state: BatchState, fact: Fact) -> BatchState:
    """Advance what every fact advances: the stream's position and who took part in the batch."""
    people = state.people | {fact.actor} if fact.actor_kind == "person" else state.people
    return replace(
        state, next_seq=fact.seq + 1, people=people, took_part=with_part(state, fact), acted=with_time(state, fact)
    )

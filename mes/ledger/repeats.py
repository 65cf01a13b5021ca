"""Whether an operation is this very act, done before: then its earlier answer is due and nothing is done again."""

from collections.abc import Mapping
from typing import Any

from mes.errors import Refusal
from mes.ids import Op, Stream
from mes.ledger.entry import Entry
from mes.ledger.events import Event, encode
from mes.ledger.reader import LedgerReader


def repeated(
    ledger: LedgerReader, op: Op, about: Stream | None, person: str, *acts: type[Event], **said: object
) -> Entry | None:
    """Return the entry that this act left when it was done before in the same operation, None if it was not done.

    `about` is the stream (None where the act makes a new one), `acts` are the events that the act leaves, `said` are
    fields of theirs that must be the same; a field that is said to be None is not there. Refuses `operation-other`
    where the operation stands for something else: another person's, another stream's, another act. Rule: REL-02.
    """
    written = ledger.operation(op)
    tags, wanted = {one.tag for one in acts}, encode(said)
    gone = [name for name, value in said.items() if value is None]
    for entry in written:
        is_act = entry.type in tags and about in (None, entry.stream) and entry.document["actor"].get("id") == person
        if is_act and _holds(wanted, entry.data) and not any(name in entry.data for name in gone):
            return entry
    if written:
        raise Refusal("operation-other", op=op)
    return None


def _holds(said: Any, told: Any) -> bool:
    """Whether all that is said stands there; of a list every item, in any order."""
    if isinstance(said, Mapping):
        return isinstance(told, Mapping) and all(name in told and _holds(said[name], told[name]) for name in said)
    if isinstance(said, list):
        return isinstance(told, list) and all(any(_holds(one, other) for other in told) for one in said)
    return bool(said == told)

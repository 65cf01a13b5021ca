"""Facts of an earlier generation name places of their own ledger: here they become places as the present one sees them.

The reader gives entries of earlier generations negative places (`mes.ledger.reader`), so that order and identity hold
over all generations. What an event itself says of seqs and indexes is moved by the same amount.
"""

from dataclasses import replace

from mes.batches import events as ev
from mes.ledger.entry import Entry
from mes.ledger.events import Event


def rebased(event: Event | None, entry: Entry) -> Event | None:
    """Return the event with the places it names as seen from the present generation; most name none."""
    by_seq = entry.seq - int(entry.document["seq"])
    by_index = entry.index - int(entry.document["index"])
    match event:
        case ev.ResultEntered() if event.supersedes is not None:
            return replace(event, supersedes=event.supersedes + by_seq)
        case ev.ResultReviewed() | ev.ResultFailedLate():
            return replace(event, result_seq=event.result_seq + by_seq)
        case ev.TrailExamined():
            return replace(event, index=event.index + by_index)
        case ev.TrailReviewSigned():
            return replace(event, up_to=event.up_to + by_index)
        case ev.SignatureVoided():
            cause = replace(event.cause, seq=event.cause.seq + by_seq)
            return replace(event, index=event.index + by_index, cause=cause)
        case _:
            return event

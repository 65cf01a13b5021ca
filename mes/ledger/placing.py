"""Gives drafts their place: index, seq, time, operation; pure, from a head to entries and the head after them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4
from zoneinfo import ZoneInfo

from mes.clock import MAX_FACTOR
from mes.errors import Refusal
from mes.ids import Op, Stream
from mes.ledger.canonical import checked_size, encoded
from mes.ledger.drafting import Part, offset_text, parts_of
from mes.ledger.entry import FORMAT, Actor, Entry, Write
from mes.ledger.events import time_text
from mes.ledger.heads import Head
from mes.ledger.merkle import Node, leaf_hash
from mes.ledger.site_events import ClockStepped

LATE = timedelta(seconds=5)
"""A `now` this little before the last entry is a thread that waited for the lock, not a clock that went back."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all entries of one ledger share."""

    site: str
    gen: int
    tz: ZoneInfo
    simulated: bool

    @property
    def late(self) -> timedelta:
        """Return how far back a `now` may lie; virtual time passes up to MAX_FACTOR times faster."""
        return LATE * MAX_FACTOR if self.simulated else LATE


class Placed(NamedTuple):
    """Entries in their places: `own` those of the operation, `steps` a clock step before them."""

    steps: tuple[Entry, ...]
    own: tuple[Entry, ...]
    nodes: list[Node]
    head: Head


def place(
    ground: Ground,
    head: Head,
    next_seq: Callable[[Stream], int],
    op: Op,
    actor: dict[str, Any],
    parts: Sequence[Part],
    now: datetime,
) -> Placed:
    """Place `parts` after `head`; refuses `somebody-was-faster` and `entry-too-large`.

    `next_seq` tells the next place of a stream that the head has not cached. A `now` before the last entry
    counts as the last entry's time if it is only a little late; beyond that the clock went back, which gets an
    entry of its own, and only there `at` decreases.
    """
    seqs: dict[Stream, int] = {}

    def upcoming(stream: Stream) -> int:
        if stream not in seqs:
            seqs[stream] = head.seqs[stream] if stream in head.seqs else next_seq(stream)
        return seqs[stream]

    check_expected(parts, upcoming)
    at = now
    steps: tuple[Entry, ...] = ()
    if head.at is not None and now < head.at:
        if head.at - now <= ground.late:
            at = head.at
        else:
            steps = (_step(ground, head, upcoming, now),)
            seqs[steps[0].stream] += 1
    common = _common(ground, at, actor)
    own: list[Entry] = []
    for n, part in enumerate(parts):
        in_operation = {"id": op, "n": n, "of": len(parts)}
        own.append(_entry(common, part, head.size + len(steps) + n, seqs, in_operation, at))
    frontier, nodes = head.frontier.grown([entry.leaf for entry in (*steps, *own)])
    return Placed(steps, tuple(own), nodes, Head(frontier, at, seqs))


def check_expected(parts: Sequence[Part], upcoming: Callable[[Stream], int]) -> None:
    """Refuse `somebody-was-faster` where a write reckoned with another place in its stream."""
    if len(parts) == 1 and parts[0].expected_seq is None:
        upcoming(parts[0].stream)
        return
    ahead: dict[Stream, int] = {}
    for part in parts:
        found = upcoming(part.stream) + ahead.get(part.stream, 0)
        if part.expected_seq is not None and part.expected_seq != found:
            raise Refusal("somebody-was-faster", stream=part.stream, expected=part.expected_seq, found=found)
        ahead[part.stream] = ahead.get(part.stream, 0) + 1


def _common(ground: Ground, at: datetime, actor: dict[str, Any]) -> dict[str, Any]:
    return {
        "v": FORMAT,
        "site": ground.site,
        "gen": ground.gen,
        "at": time_text(at),
        "tz": ground.tz.key,
        "utc_offset": offset_text(at.astimezone(ground.tz)),
        "actor": actor,
    }


def _entry(
    common: dict[str, Any], part: Part, index: int, seqs: dict[Stream, int], op: dict[str, Any], at: datetime
) -> Entry:
    seq = seqs[part.stream]
    seqs[part.stream] = seq + 1
    document = {**common, **part.document, "index": index, "stream": part.stream, "seq": seq, "op": op}
    body = checked_size(encoded(document))
    kind, tv = document["type"], document["tv"]
    return Entry(index, part.stream, seq, kind, tv, at, op["id"], body, document, leaf_hash(body))


def _step(ground: Ground, head: Head, upcoming: Callable[[Stream], int], now: datetime) -> Entry:
    assert head.at is not None
    stream = Stream(f"site/{ground.site}")
    (part,) = parts_of([Write(stream, (ClockStepped(head.at, now).draft(),))])
    common = _common(ground, now, {"kind": Actor.system("clock").kind, "id": "clock"})
    seqs = {stream: upcoming(stream)}
    return _entry(common, part, head.size, seqs, {"id": str(uuid4()), "n": 0, "of": 1}, now)


def utc(now: datetime) -> datetime:
    """Return `now` in UTC; ValueError for a naive time."""
    if now.tzinfo is None:
        raise ValueError("naive time")
    return now.astimezone(UTC)

"""A real history to replay: what the product itself records when people are employed and a batch reaches its intake."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from mes.demo import script, setting
from mes.demo.acts import Playing
from mes.ids import Op
from mes.ledger.entry import Actor, Content, Draft, Entry, Occurred, Ref, Write
from mes.ledger.site_events import ClockStepped
from mes.ledger.store import Ledger
from tests.journeys.house import HeldPace, House, build_house, employed


@dataclass(frozen=True)
class Played:
    """One operation as it was recorded, ready to be appended again."""

    op: Op
    writes: Sequence[Write]
    actor: Actor
    now: datetime
    contents: Sequence[Content]
    shown: Sequence[bytes]
    bodies: Sequence[bytes]

    @property
    def sizes(self) -> list[int]:
        """Return the bytes of each entry's row."""
        return [len(body) + 32 for body in self.bodies]


@dataclass(frozen=True)
class History:
    """All operations of a ledger after its genesis."""

    site: str
    tz: str
    begun: datetime
    operations: Sequence[Played]

    @property
    def entries(self) -> int:
        """Return how many entries they make."""
        return sum(len(played.bodies) for played in self.operations)

    @classmethod
    def of(cls, ledger: Ledger) -> "History":
        """Read a ledger's history."""
        genesis, *rest = ledger.entries()
        own = [entry for entry in rest if entry.type != ClockStepped.tag]
        groups = [list(group) for _, group in groupby(own, key=lambda entry: entry.op)]
        return cls(ledger.site, ledger.tz, genesis.at, [_played(ledger, group) for group in groups])

    def replay(self, ledger: Ledger) -> None:
        """Append every operation; AssertionError where an entry's bytes are not those that were recorded."""
        for played in self.operations:
            made = ledger.append(
                played.op, played.writes, actor=played.actor, now=played.now, contents=played.contents,
                shown=played.shown,
            )  # fmt: skip
            assert [entry.body for entry in made] == played.bodies


def record_history(folder: Path) -> House:
    """Let a batch come to its intake at a site in this process; the caller closes the house."""
    house = build_house(folder / "history")
    people = employed(house)
    play = Playing(people, HeldPace(house.conductor), script.BATCH, "manual", lambda step: None)
    setting.approve_master(people)
    setting.register_device(people, "manual", None, None, play.pace.now)
    setting.open_batch(people, "manual")
    play.knows("wristband", script.WRISTBAND)
    script.collect_and_bring(play)
    return house


def _played(ledger: Ledger, entries: Sequence[Entry]) -> Played:
    writes = [
        Write(stream, tuple(_draft(entry) for entry in group))
        for stream, group in groupby(entries, key=lambda entry: entry.stream)
    ]
    wanted = {digest for entry in entries for digest in _contents(entry.document["data"])}
    seen = {entry.document["signature"]["shown"] for entry in entries if "signature" in entry.document}
    first = entries[0]
    return Played(
        first.op, writes, Actor(**first.document["actor"]), first.at,
        [Content(digest, *found) for digest in sorted(wanted) if (found := ledger.content(digest))],
        [body for digest in sorted(seen) if (body := ledger.shown(digest))], [entry.body for entry in entries],
    )  # fmt: skip


def _draft(entry: Entry) -> Draft:
    found = entry.document
    occurred, corrects = found.get("occurred"), found.get("corrects")
    return Draft(
        entry.type, entry.data, entry.tv, reason=found.get("reason"), signature=found.get("signature"),
        occurred=occurred and Occurred(datetime.fromisoformat(occurred["at"]), occurred["by"]),
        refs=tuple(Ref(**ref) for ref in found.get("refs", ())),
        corrects=corrects and (corrects["stream"], corrects["seq"]),
    )  # fmt: skip


def _contents(value: Any) -> set[str]:
    from mes.ledger.content import content_references

    return set(content_references(value))

"""The audit list: every entry of the record on a line or two, so that nothing in it goes unmentioned."""

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from mes.ledger.entry import Entry, printed
from mes.records.assemble.story import Story
from mes.records.model import Listing, Note, Section, Tone

WIDTH = 140
SEALED_HOUR = "telemetry:window:sealed"


def audit(story: Story) -> Section:
    """Return all entries in ledger order; the sealed hours of a run are told together."""
    lines: list[str] = []
    hours: list[Entry] = []
    for entry in story.record.entries:
        if entry.type == SEALED_HOUR:
            hours.append(entry)
            continue
        lines += _line(story, entry)
    note = Note(
        "Entry, local time, who, stream and place, type; below it the event's own fields. Whole entries stand in the "
        "attached record.jsonl, one line each, exactly as they were hashed; those of an earlier generation of the "
        "ledger, written 1/37, in data/ledgers/ of the bundle.", Tone.MUTED,
    )  # fmt: skip
    told = _hours(hours)
    return Section("Audit list", (note, Listing((*lines, *told))))


def _line(story: Story, entry: Entry) -> Iterator[str]:
    actor, reason = entry.document["actor"], entry.document.get("reason")
    void = " VOID" if entry.index in story.state.voided else ""
    stream = "batch" if entry.stream == f"batch/{story.record.batch}" else entry.stream
    place = f"{stream} {entry.document['seq']}"
    who = str(actor.get("name", actor["id"]))[:20]
    head = f"{entry.printed:>5} {story.local(entry.at, entry)} {who:<20} {place} {entry.type}{void}"
    told = "; ".join(_fields(_with_places(entry))) + (f" BECAUSE {reason}" if reason else "")
    if len(head) + 2 + len(told) <= WIDTH:
        yield f"{head}  {told}"
        return
    yield head
    yield from (f"{'':>6}{line}" for line in wrap(told, WIDTH - 6, max_lines=3, placeholder=" …"))


def _with_places(entry: Entry) -> Mapping[str, Any]:
    """Return the fields of an event, entries of an earlier generation that it names told as such."""
    gen = int(entry.document["gen"])
    told = {name: printed(entry.data[name], gen) for name in ("index", "up_to") if type(entry.data.get(name)) is int}
    return {**entry.data, **told}


def _fields(data: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in data.items():
        if isinstance(value, dict):
            if value.keys() == {"content", "bytes", "media"}:
                yield f"{path}{name}: content {value['content'][:12]}"
            else:
                yield from _fields(value, f"{path}{name}.")
        elif isinstance(value, list):
            plain = all(not isinstance(item, dict | list) for item in value)
            yield f"{path}{name}: {' | '.join(map(str, value))}" if plain else f"{path}{name}: {len(value)} items"
        else:
            text = str(value)
            yield f"{path}{name}: {text[:12] + '…' if len(text) == 64 and text.isalnum() else text}"


def _hours(entries: list[Entry]) -> Iterator[str]:
    runs: dict[str, list[Entry]] = {}
    for entry in entries:
        runs.setdefault(entry.stream, []).append(entry)
    for stream, sealed in runs.items():
        total = sum(entry.data["count"] for entry in sealed)
        told = f"{'':>7}{stream}: {len(sealed)} hours of samples sealed ({total} samples), entries "
        told += ", ".join(entry.printed for entry in sealed)
        yield from wrap(told, WIDTH, subsequent_indent=" " * 7)

"""Said before anything else: that the ledger of this record was continued after a loss, why, and who signed that."""

import json
from collections import Counter

from mes.ledger.entry import Entry
from mes.ledger.site_events import LedgerContinued
from mes.records.assemble.story import Story, actor_text
from mes.records.model import Block, Cell, Facts, Heading, Note, Section, Tone

SPANS = (
    "This batch was under way when the end of the ledger was lost. Its record goes on in the next generation of the "
    "ledger: what was recorded before and is still there comes first, each entry under the number of its generation "
    "(1/37 is entry 37 of generation 1). What was recorded after the last entry that is here, and before the next "
    "generation began, is lost; what people said of it afterwards stands among the reported facts and the exceptions."
)
RELIES = (
    "The ledger of this site was continued in a next generation before this batch began. The record relies on entries "
    "of earlier generations: people, keys, the master. Their numbers name the generation (1/37 is entry 37 of "
    "generation 1)."
)


def is_spanning(story: Story) -> bool:
    """Whether the batch itself began in an earlier generation."""
    return story.state.began_earlier


def continued(story: Story) -> tuple[Section, ...]:
    """Return the section about the generations of the ledger; none for a record of the first generation."""
    blocks: list[Block] = []
    for entry in story.record.entries:
        event = story.events[entry.index]
        if isinstance(event, LedgerContinued):
            blocks += _continued(story, entry, event)
    if not blocks:
        return ()
    spans = is_spanning(story)
    return (Section("The ledger was continued", (Note(SPANS if spans else RELIES, Tone.WARN), *blocks)),)


def _continued(story: Story, entry: Entry, event: LedgerContinued) -> list[Block]:
    signature = entry.document.get("signature")
    who = actor_text(entry)
    signed: Cell | str = Cell(f"{who}: not signed", Tone.WARN)
    if signature is not None:
        factors = ", ".join(signature["factors"]).replace("_", " ")
        at = story.local(entry.at.fromisoformat(signature["at"]), entry)
        signed = f"{who}, {at}: {signature['text']} ({factors})"
    facts = (
        ("Generation", f"{entry.document['gen']}, begun {story.local(entry.at, entry)}"),
        ("Continues", f"{event.origin}, signed up to {event.size} entries, root {event.root}"),
        ("Why", str(entry.document.get("reason") or "no reason was given")),
        ("What stood against going on", event.evidence),
        ("Signed by", signed),
        *(_shown(story, signature["shown"]) if signature is not None else ()),
    )
    return [Heading(f"Generation {entry.document['gen']}", "continued", Tone.WARN), Facts(facts)]


def _shown(story: Story, digest: str) -> tuple[tuple[str, Cell | str], ...]:
    """Return what the signer was told of the entries that were here."""
    body = story.record.shown.get(digest)
    items = json.loads(body)["items"] if body else []
    return tuple((item["label"], item["value"]) for item in items if item["label"] == "Entries that are here")


def counts_text(story: Story) -> str:
    """Return how many entries the record has, by generation where there are several."""
    counts = Counter(int(entry.document["gen"]) for entry in story.record.entries)
    parts = ", ".join(f"{count} of generation {gen}" for gen, count in sorted(counts.items()))
    return str(counts.total()) + (f" ({parts})" if len(counts) > 1 else "")


def streams_text(story: Story) -> str:
    """Return which streams are whole, and in which generations."""
    told = []
    for name, last in story.record.streams.items():
        before = Counter(int(one.document["gen"]) for one in story.record.of(name) if one.is_earlier)
        parts = [f"generation {gen}: 0 to {count - 1}" for gen, count in before.items()]
        parts += [f"0 to {last}"] if last >= 0 else []
        told.append(f"{name} ({'; '.join(parts)})")
    return ", ".join(told)

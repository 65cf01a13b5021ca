"""The sections in the order in which an inspector reads them, and what stands on every page."""

from mes.clock import MAX_FACTOR
from mes.records.assemble.audit import audit
from mes.records.assemble.custody import custody
from mes.records.assemble.device import device
from mes.records.assemble.generations import continued, counts_text, is_spanning, streams_text
from mes.records.assemble.problems import problems
from mes.records.assemble.quality import certificates, results
from mes.records.assemble.signed import people, signatures
from mes.records.assemble.steps import materials, steps
from mes.records.assemble.story import Story
from mes.records.assemble.summary import key_facts, state_cell, summary
from mes.records.model import Document, Facts, Note, Section, Tone

ABOUT = (
    "This document is a view of the attached file record.jsonl: the entries of the site's append-only ledger that make "
    "up the batch record, each exactly as it was hashed. Where the two differ, the entries count. It is PDF/A-3b by "
    "construction (not run through a validator). It carries no PAdES signature: the electronic signatures are those "
    "in the entries, and the record as a whole is signed by the site's key on the checkpoint that lies beside it in "
    "the bundle. To check all of it offline: python3 verify.py <bundle>.zip."
)


def assemble(story: Story) -> Document:
    """Return the whole record: exceptions first."""
    seal = story.record.seal
    sections = (
        *continued(story), problems(story), summary(story), certificates(story), results(story), steps(story),
        materials(story), device(story), custody(story), signatures(story), people(story), audit(story), _about(story),
    )  # fmt: skip
    return Document(
        batch=story.record.batch, product=story.state.product, site=str(seal.document["site"]),
        marks=marks(story), state=state_cell(story), key_facts=key_facts(story), sections=sections,
        foot=f"{seal.document['site']}, seal is entry {seal.index}, leaf {seal.leaf.hex()[:16]}", made_at=seal.at,
        identifier=seal.leaf.hex()[:32],
    )  # fmt: skip


def marks(story: Story) -> tuple[str, ...]:
    """Return what must stand on every page: a simulated device, a virtual clock, a device nobody watched, a loss."""
    found = []
    if story.state.simulated:
        found.append("SIMULATED DEVICE")
    if story.is_simulated_clock:
        # the factor changes as the conductor wills and is not recorded: name the range, not the moment of printing
        found.append(f"VIRTUAL CLOCK × 1 to {MAX_FACTOR:,}")
    if story.state.binding.value == "manual":
        found.append("DEVICE NOT MONITORED BY THE SYSTEM")
    if is_spanning(story):
        found.append("LEDGER CONTINUED AFTER A LOSS")
    return tuple(found)


def _factor(story: Story) -> str:
    if not story.is_simulated_clock:
        return "1 (real time)"
    now = f"; {story.clock_factor} when this document was made" if story.clock_factor else ""
    return f"virtual time, 1 to {MAX_FACTOR:,} times real time{now}"


def _about(story: Story) -> Section:
    seal, first = story.record.seal, story.record.entries[0]
    facts = Facts(
        (
            ("Ledger", f"septima/{seal.document['site']}/{seal.document['gen']}"),
            ("Factor of the clock", _factor(story)),
            ("Begun by", f"{first.data.get('software', '')}, clock {first.data.get('clock', '')}"),
            ("Entries in this record", counts_text(story)),
            ("Seal", f"entry {seal.index}, {story.local(seal.at, seal)}"),
            ("Leaf hash of the seal", seal.leaf.hex()),
            ("Whole streams", streams_text(story)),
            ("Master, SHA-256", str(seal.data["master"])),
            ("Index of samples, SHA-256", str(seal.data["telemetry_index"])),
        )
    )
    return Section("About this document", (Note(ABOUT, Tone.PLAIN), facts))

"""Certificates with the gate as it stood when they were signed, reviews, and results against the specification."""

from collections.abc import Iterator

from mes.batches import events as ev
from mes.batches.model import ResultState
from mes.ledger.entry import Entry
from mes.masters.specification import SpecificationItem
from mes.quality.panel import Outcome, outcome_of
from mes.records.assemble.story import Story, actor_text
from mes.records.model import Block, Cell, Facts, Heading, Note, Section, Table, Tone

GATE = {"MET": Tone.GOOD, "NOT MET": Tone.BAD, "COVERED": Tone.WARN, "NOT MONITORED": Tone.WARN}


def certificates(story: Story) -> Section:
    """Return reviews, certificates, release and refusals, in the order in which they were signed."""
    blocks = [*_reviews(story)]
    for entry in story.batch_entries:
        event = story.events[entry.index]
        if isinstance(event, ev.BatchCertified):
            blocks += _certificate(story, entry, event)
        elif isinstance(event, ev.ReleaseAssigned):
            blocks.append(Heading("Release", "released", Tone.GOOD))
            blocks.append(Facts((("Containers", ", ".join(event.containers)), ("Certificate", event.certificate),
                                 ("Assigned", _by(story, entry)))))  # fmt: skip
        elif isinstance(event, ev.CertificationRefused):
            blocks.append(Heading(f"Certification refused ({event.stage})", "refused", Tone.BAD))
            blocks.append(Facts((("Reason", entry.document.get("reason", "")), ("Refused", _by(story, entry)))))
        elif isinstance(event, ev.CertificateQuestioned):
            blocks.append(Heading(f"In question: {', '.join(event.certificates)}", "in question", Tone.BAD))
            blocks.append(Facts((("Because", event.what), ("Recorded", _by(story, entry)))))
        elif isinstance(event, ev.CertificateUpheld | ev.CertificateWithdrawn):
            blocks += _decided(story, entry, event)
        elif isinstance(event, ev.ResultFailedLate):
            blocks.append(Heading(f"Result failed after certification: {event.item}", "in question", Tone.BAD))
            blocks.append(Facts((("Recorded", _by(story, entry)),)))
    return Section("Reviews, certificates and release", tuple(blocks) or (Note("None was signed.", Tone.WARN),))


def _decided(
    story: Story, entry: Entry, event: ev.CertificateUpheld | ev.CertificateWithdrawn
) -> Iterator[Block]:  # fmt: skip
    stands = isinstance(event, ev.CertificateUpheld)
    mark, tone = ("stands", Tone.GOOD) if stands else ("withdrawn", Tone.BAD)
    meaning = str(entry.document.get("signature", {}).get("text", ""))
    yield Heading(f"Certificate {event.certificate}: decision of the Qualified Person", mark, tone)
    yield Facts((("Meaning", meaning), ("Reason", entry.document.get("reason", "")), ("Decided", _by(story, entry))))


def _by(story: Story, entry: Entry) -> str:
    return f"{actor_text(entry)}, {story.local(entry.at, entry)} (entry {entry.printed})"


def _reviews(story: Story) -> Iterator[Block]:
    rows = []
    for entry, event in story.told(ev.ReviewSigned):
        void = entry.index in story.state.voided
        stands = Cell("VOID", Tone.BAD) if void else Cell("stands", Tone.GOOD)
        rows.append((event.kind.replace("_", " "), actor_text(entry), story.local(entry.at, entry), stands))
    if rows:
        yield Heading("Reviews")
        yield Table(("Review", "Signed by", "When", "State"), tuple(rows), (24, 39, 25, 12))


def _certificate(story: Story, entry: Entry, event: ev.BatchCertified) -> Iterator[Block]:
    void = entry.index in story.state.voided
    mark, tone = ("VOID", Tone.BAD) if void else ("signed", Tone.GOOD)
    yield Heading(f"Certificate {event.certificate} ({event.stage})", mark, tone)
    yield Facts(
        (
            ("Certified by", _by(story, entry)),
            ("Meaning", str(entry.document.get("signature", {}).get("text", ""))),
            ("Use before", story.local(event.expiry, entry)),
            ("Results pending", ", ".join(event.pending) or "none"),
            ("Confirmed", ", ".join(one.replace("_", " ") for one in event.confirmations) or "nothing to confirm"),
        )
    )
    if event.gate:
        rows = tuple(
            (one.item, one.title, Cell(one.status, GATE.get(one.status, Tone.PLAIN)),
             one.detail + (" (acknowledged)" if one.acknowledged else ""))
            for one in event.gate
        )  # fmt: skip
        yield Table(("Item", "Release gate", "Judged", "Detail"), rows, (8, 38, 14, 40))


def results(story: Story) -> Section:
    """Return each result beside its limit, in the order of the specification."""
    known = {one.id: one for one in story.specification.items} if story.specification else {}
    order = [*known, *(item for item in story.state.results if item not in known)]
    rows: list[tuple[Cell | str, ...]] = []
    for item in order:
        result = story.state.results.get(item)
        listed = known.get(item)
        label, method = (listed.label, listed.method) if listed else (item, "")
        if result is None:
            if listed is not None:
                rows.append(
                    (label, method, listed.limit_text, Cell("–", Tone.MUTED), _without_result(story, listed), "")
                )
            continue
        value = f"{result.value} {result.unit}" if result.unit else result.value
        judged = Cell("passes", Tone.GOOD) if result.passed else Cell("FAILS", Tone.BAD)
        rows.append((label, method, result.limit, Cell(value, old=_before(story, result)), judged,
                     _people(story, result)))  # fmt: skip
    title = f"Results against the specification {story.master.specification}"
    if not rows:
        return Section(title, (Note("No result was entered.", Tone.MUTED),))
    heads = ("Test", "Method", "Limit", "Result", "Judged", "Analyst / reviewer")
    return Section(title, (Table(heads, tuple(rows), (23, 19, 16, 15, 9, 18)),))


def _without_result(story: Story, item: SpecificationItem) -> Cell:
    """An item of alternatives has no result of its own: it stands as its members do."""
    if story.specification is not None and item.members:
        outcome = outcome_of(story.state, story.specification, item)
        if outcome is Outcome.PASSED:
            return Cell("passes", Tone.GOOD)
        if outcome is Outcome.FAILED:
            return Cell("FAILS", Tone.BAD)
    return Cell("no result", Tone.MUTED)


def _people(story: Story, result: ResultState) -> Cell:
    reviewer = story.name_of(result.reviewer)
    tone = Tone.PLAIN if reviewer else Tone.WARN
    return Cell(f"{story.name_of(result.analyst)} / {reviewer or 'not reviewed'}", tone)


def _before(story: Story, result: ResultState) -> tuple[str, ...]:
    return tuple(
        f"{event.value} {event.unit or ''}".strip()
        for entry, event in story.told(ev.ResultEntered)
        if event.item == result.item and entry.seq < result.seq
    )

"""Where the cells were and who had them: donation, bags, labels, handovers, bedside, infusion."""

from collections.abc import Iterator

from mes.batches import events as ev
from mes.ledger.entry import Entry
from mes.records.assemble.story import Story, actor_text
from mes.records.model import Block, Cell, Facts, Heading, Note, Section, Table, Tone


def custody(story: Story) -> Section:
    """Return the chain of custody from the collected bag to the patient."""
    blocks = [*_containers(story), *_labels(story), *_handovers(story), *_bedside(story)]
    return Section("Custody and infusion", tuple(blocks) or (Note("Nothing was recorded yet.", Tone.MUTED),))


def _containers(story: Story) -> Iterator[Block]:
    pairs: list[tuple[str, Cell | str]] = []
    for entry, event in story.told(ev.DonationIdentified):
        pairs.append(("Donation", f"{event.din}, bag {event.container}; {_by(story, entry)}"))
    for entry, filled in story.told(ev.ContainerFilled):
        pairs.append((f"Bag {filled.container}", f"{filled.volume} mL, dose {filled.dose}, use before "
                      f"{story.local(filled.expiry, entry)}; {_by(story, entry)}"))  # fmt: skip
    for entry, parts in story.told(ev.ContainersReconciled):
        pairs.append(("Volumes", f"formulated {parts.formulated} mL = product {parts.product} + quality control "
                      f"{parts.quality_control} + retained {parts.retained} + backup {parts.backup} + waste "
                      f"{parts.waste}; {_by(story, entry)}"))  # fmt: skip
    if pairs:
        yield Heading("Containers")
        yield Facts(tuple(pairs))


def _by(story: Story, entry: Entry) -> str:
    return f"{actor_text(entry)}, {story.local(entry.at, entry)}"


def _labels(story: Story) -> Iterator[Block]:
    labels = story.state.labels
    if not labels:
        return
    rows = []
    for entry, event in story.told(ev.LabelIssued):
        fate = labels[event.serial].fate
        cell = Cell(fate or "NOT RECONCILED", Tone.PLAIN if fate in ("used", "destroyed") else Tone.BAD)
        rows.append((event.serial, event.container, actor_text(entry), story.local(entry.at, entry), cell))
    yield Heading("Labels")
    yield Table(("Label", "Container", "Issued by", "When", "Fate"), tuple(rows), (20, 17, 25, 25, 13))
    reconciled = [_by(story, entry) for entry, _ in story.told(ev.LabelsReconciled)]
    if reconciled:
        yield Note(f"Reconciled by {reconciled[-1]}.", Tone.MUTED)


def _handovers(story: Story) -> Iterator[Block]:
    taken = {event.handover: (entry, event) for entry, event in story.told(ev.CustodyTakenOver)}
    rows: list[tuple[Cell | str, ...]] = []
    for entry, event in story.told(ev.CustodyHandedOver):
        given = f"{actor_text(entry)}, {event.place}, {story.local(entry.at, entry)}; {event.condition}"
        if event.handover not in taken:
            rows.append((event.handover, event.container, given, Cell("NOT TAKEN OVER", Tone.BAD), "–"))
            continue
        received, told = taken[event.handover]
        temperatures = " to ".join(one for one in (told.lowest_celsius, told.highest_celsius) if one)
        judged = f"{temperatures} Cel" + (f" (limit {told.limit})" if told.limit else "") if temperatures else "–"
        tone = Tone.BAD if told.within is False else Tone.PLAIN
        to = f"{actor_text(received)}, {told.place}, {story.local(received.at, received)}; {told.condition}"
        rows.append((event.handover, event.container, given, to, Cell(judged, tone)))
    if rows:
        yield Heading("Handovers")
        yield Table(("Handover", "Container", "Handed over", "Taken over", "Temperature"), tuple(rows),
                    (10, 14, 31, 31, 14))  # fmt: skip


def _bedside(story: Story) -> Iterator[Block]:
    pairs: list[tuple[str, Cell | str]] = []
    for entry, go in story.told(ev.IssueGoGiven):
        checks = ", ".join(one.replace("_", " ") for one in go.checks)
        pairs.append(("Patient ready", f"{checks}; {_by(story, entry)}"))
    for entry, checked in story.told(ev.BedsideChecked):
        pairs.append((f"Bedside check {checked.checker}", f"wristband and bag {checked.container} match; "
                      f"{_by(story, entry)}"))  # fmt: skip
    for entry, started in story.told(ev.InfusionStarted):
        pairs.append(("Infusion started", f"bag {started.container}; {_by(story, entry)}"))
    for entry, done in story.told(ev.Infused):
        tone = Tone.GOOD if done.outcome == "complete" else Tone.WARN
        pairs.append(("Infusion ended", Cell(f"{done.outcome}, {done.volume_ml} mL, {story.local(done.started, entry)} "
                      f"to {story.local(done.ended, entry)}; {_by(story, entry)}", tone)))  # fmt: skip
    if pairs:
        yield Heading("Bedside and infusion")
        yield Facts(tuple(pairs))

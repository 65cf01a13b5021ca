"""What a reviewer reads first: exceptions, deviations, changed values, holds, void signatures, reported facts."""

from collections.abc import Iterator

from mes.batches import events as ev
from mes.batches.model import DeviationState, RecordedValue
from mes.ledger.entry import Entry
from mes.records.assemble.story import Story, actor_text
from mes.records.model import Block, Cell, Facts, Heading, Note, Section, Table, Tone

SEVERITY = {"critical": Tone.BAD, "major": Tone.WARN, "minor": Tone.PLAIN}


def problems(story: Story) -> Section:
    """Return the first section of the record: everything that did not go as the master says."""
    parts = (_exceptions, _deviations, _changes, _holds, _voids, _mismatches, _facts, _late)
    found = [block for part in parts for block in part(story)]
    return Section("Exceptions and deviations", (_verdict(story, bool(found)), *found))


def _verdict(story: Story, any_found: bool) -> Note:
    state = story.state
    if not any_found:
        return Note("Nothing was recorded that departs from the master batch record.", Tone.GOOD)
    open_ones = len(state.open_deviations())
    unassessed = sum(1 for one in state.exceptions.values() if not one.assessed_by and not one.deviation)
    counts = (
        _count(len(state.exceptions), "exception"), _count(len(state.deviations), "deviation"),
        _count(len(list(story.told(ev.ValueCorrected))), "corrected value"),
        _count(len(state.voided), "void signature"), _count(len(list(story.told(ev.BatchHeld))), "hold"),
    )  # fmt: skip
    rest = f" Open: {_count(open_ones, 'deviation')}, {_count(unassessed, 'exception')} not assessed."
    is_open = bool(open_ones or unassessed)
    return Note(", ".join(counts) + "." + (rest if is_open else " None is open."), Tone.BAD if is_open else Tone.PLAIN)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _exceptions(story: Story) -> Iterator[Block]:
    state = story.state
    if not state.exceptions:
        return
    texts = {event.exception: (entry, story.record.text(event.assessment))
             for entry, event in story.told(ev.ExceptionAssessed)}  # fmt: skip
    rows = []
    for one in state.exceptions.values():
        entry, text = texts.get(one.exception, (None, ""))
        if entry is not None:
            outcome = Cell(f"{text} — {actor_text(entry)}, {story.local(entry.at, entry)}")
        elif one.deviation:
            outcome = Cell(f"see deviation {one.deviation}")
        else:
            outcome = Cell("NOT ASSESSED", Tone.BAD)
        severity = Cell(one.severity, SEVERITY.get(one.severity, Tone.PLAIN))
        rows.append((one.exception, severity, one.step or "–", one.what, story.local(one.occurred_at), outcome))
    yield Heading("Exceptions")
    yield Table(("Exception", "Severity", "Step", "What happened", "When", "Assessment"), tuple(rows),
                (15, 9, 6, 26, 16, 28))  # fmt: skip


def _deviations(story: Story) -> Iterator[Block]:
    for one in story.state.deviations.values():
        mark = "approved" if one.approved_by else "OPEN"
        yield Heading(f"Deviation {one.deviation}: {one.title}", mark, Tone.GOOD if one.approved_by else Tone.BAD)
        yield Facts(tuple(_deviation(story, one)))


def _deviation(story: Story, one: DeviationState) -> Iterator[tuple[str, Cell | str]]:
    yield "Severity", Cell(one.severity, SEVERITY.get(one.severity, Tone.PLAIN))
    yield "From exception", one.exception
    for entry, event in story.told(ev.DeviationOpened):
        if event.deviation == one.deviation:
            yield "Raised", _by(story, entry)
    for entry, assessed in story.told(ev.DeviationAssessed):
        if assessed.deviation == one.deviation:
            yield "Impact assessment", story.record.text(assessed.impact)
            yield "Assessed", _by(story, entry)
    for entry, approved in story.told(ev.DeviationApproved):
        if approved.deviation == one.deviation:
            yield "Approved by QA", _by(story, entry)


def _by(story: Story, entry: Entry) -> str:
    return f"{actor_text(entry)}, {story.local(entry.at, entry)} (entry {entry.printed})"


def value_text(value: RecordedValue) -> str:
    """Return a value with its unit, every digit as recorded."""
    return f"{value.value} {value.unit}" if value.unit else value.value


def _changes(story: Story) -> Iterator[Block]:
    rows = []
    for entry, event in story.told(ev.ValueCorrected):
        label = story.master.step(event.step).parameter(event.new.parameter).label
        new = Cell(value_text(event.new), old=(value_text(event.old),))
        reason = entry.document.get("reason", "")
        rows.append((event.step, label, new, reason, actor_text(entry), story.local(entry.at, entry)))
    if rows:
        yield Heading("Changed values")
        yield Table(("Step", "Value", "Old and new", "Reason", "Changed by", "When"), tuple(rows),
                    (7, 22, 17, 22, 16, 16))  # fmt: skip


def _holds(story: Story) -> Iterator[Block]:
    rows = []
    resumed = [entry for entry, _ in story.told(ev.BatchResumed)]
    for entry, event in story.told(ev.BatchHeld):
        end = next((one for one in resumed if one.index > entry.index), None)
        until = f"{story.local(end.at, end)}, {actor_text(end)}" if end else Cell("STILL HELD", Tone.BAD)
        why = entry.document.get("reason") or event.cause
        again = end.document.get("reason", "") if end else ""
        rows.append((why, f"{story.local(entry.at, entry)}, {actor_text(entry)}", until, again))
    if rows:
        yield Heading("Holds")
        yield Table(("Held because", "From", "Until", "Resumed because"), tuple(rows), (28, 24, 24, 24))


def _voids(story: Story) -> Iterator[Block]:
    rows = []
    for entry, event in story.told(ev.SignatureVoided):
        fallen = story.entry_of(event.index)
        signature = fallen.document["signature"] if fallen else {}
        who = signature.get("person", {}).get("name", "")
        what = f"{signature.get('meaning', '')}, entry {fallen.printed if fallen else entry.data['index']}"
        cause = f"{event.cause.stream} {entry.data['cause']['seq']}"
        rows.append((who, what, cause, story.local(entry.at, entry)))
    if rows:
        yield Heading("Signatures that no longer stand")
        yield Table(("Signer", "Signature", "Because of the correction", "When"), tuple(rows), (22, 30, 30, 18))


def _mismatches(story: Story) -> Iterator[Block]:
    rows = [
        (event.step, event.scan, event.expects, event.found, actor_text(entry), story.local(entry.at, entry))
        for entry, event in story.told(ev.ScanMismatched)
    ]
    if rows:
        yield Heading("Scans that did not match")
        yield Table(("Step", "Scan", "Expected", "Found", "By", "When"), tuple(rows), (10, 14, 18, 22, 20, 16))


def _facts(story: Story) -> Iterator[Block]:
    for entry, event in story.told(ev.FactReported):
        occurred = entry.document.get("occurred")
        yield Heading(f"Reported fact: {event.what}", event.step or "", Tone.WARN)
        yield Facts(
            (
                ("Account", story.record.text(event.account)),
                ("Source", event.source),
                ("Witness", event.witness or "none named"),
                ("Happened", str(occurred["at"]) if occurred else story.local(entry.at, entry)),
                ("Reported", _by(story, entry)),
            )
        )


def _late(story: Story) -> Iterator[Block]:
    rows = [
        (event.step, story.master.step(event.step).title, f"{event.late_by_h} h", entry.document.get("reason", ""),
         actor_text(entry))
        for entry, event in story.told(ev.StepStarted) if event.late_by_h is not None
    ]  # fmt: skip
    if rows:
        yield Heading("Steps begun after their window")
        yield Table(("Step", "Title", "Late by", "Reason", "Decided by"), tuple(rows), (8, 28, 10, 34, 20))

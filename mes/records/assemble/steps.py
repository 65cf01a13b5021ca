"""Every step of the master as it was executed: values with limits, units and sources, scans, lots, who did it."""

from collections.abc import Iterator

from mes.batches import events as ev
from mes.batches.model import RecordedValue, Signer, StepState, StepStatus
from mes.ids import StepId
from mes.records.assemble.problems import value_text
from mes.records.assemble.story import Story
from mes.records.model import Block, Cell, Facts, Heading, Note, Section, Table, Tone

TONES = {StepStatus.DONE: Tone.GOOD, StepStatus.SKIPPED: Tone.MUTED, StepStatus.PENDING: Tone.MUTED}


def steps(story: Story) -> Section:
    """Return all steps in the master's order; steps without anything recorded are named at the end."""
    blocks: list[Block] = []
    untouched = []
    for state in story.state.steps.values():
        if state.status is StepStatus.PENDING:
            untouched.append(f"{state.step.id} {state.step.title}")
        else:
            blocks += _step(story, state)
    if untouched:
        blocks.append(Heading("Not begun"))
        blocks.append(Note("; ".join(untouched), Tone.MUTED))
    return Section("Steps", tuple(blocks))


def _step(story: Story, state: StepState) -> Iterator[Block]:
    step = state.step
    yield Heading(f"{step.id} {step.title}", state.status.value, TONES.get(state.status, Tone.WARN))
    yield Facts(tuple(_who(story, state)))
    if state.values:
        rows = tuple(_row(story, state, value) for value in state.values.values())
        yield Table(("Value", "Recorded", "Limit", "Judged", "Source", "Entry"), rows, (34, 20, 20, 10, 9, 7))


def _row(story: Story, state: StepState, value: RecordedValue) -> tuple[Cell | str, ...]:
    judged = value.judgement
    seq = state.value_seq.get(value.parameter)
    entry = next((one for one in story.batch_entries if one.seq == seq), None)
    word = Cell("within", Tone.GOOD) if judged.within else Cell("OUT OF LIMITS", Tone.BAD)
    return (
        _label(story, state.step.id, value.parameter),
        Cell(value_text(value), Tone.PLAIN if judged.within else Tone.BAD, _before(story, state.step.id, value)),
        judged.limit, word, value.source, entry.printed if entry else "–",
    )  # fmt: skip


def _label(story: Story, step: StepId, parameter: str) -> str:
    known = {one.id: one.label for one in story.master.step(step).parameters}
    return known.get(parameter, parameter)


def _before(story: Story, step: StepId, value: RecordedValue) -> tuple[str, ...]:
    """Return what the value was before each correction, oldest first. Rule: REG-A11-08."""
    return tuple(
        value_text(event.old)
        for _, event in story.told(ev.ValueCorrected)
        if event.step == step and event.new.parameter == value.parameter
    )


def _who(story: Story, state: StepState) -> Iterator[tuple[str, Cell | str]]:
    begun = story.local(state.started_at) if state.started_at else "–"
    ended = story.local(state.completed_at) if state.completed_at else "–"
    yield "Time", f"{begun} to {ended}"
    if state.skip_reason:
        yield "Left out because", state.skip_reason
    if state.late_reason:
        yield "Begun late because", Cell(state.late_reason, Tone.WARN)
    verified = "verified late" if state.verified_late else "verified"
    signed = [("performed", state.performed_by or state.started_by), (verified, state.verified_by)]
    signed += [(meaning.lower().replace("_", " "), signer) for meaning, signer in state.attested.items()]
    told = [f"{what} by {_signer(story, signer)}" for what, signer in signed if signer is not None]
    if told:
        yield "Persons", "; ".join(told)
    if state.glass is not None:
        alone = f"break-glass by {_signer(story, state.glass)}: {state.glass_reason}"
        yield "Second person missing", Cell(alone, Tone.BAD if state.alone else Tone.WARN)
    if state.program_requested:
        done = f"ended {story.local(state.program_done_at)}" if state.program_done_at else "end not recorded"
        name = f" {step.program.name}" if (step := state.step).program is not None else ""
        yield "Device program", f"{state.program_requested}{name}, {done}"
    scans = [f"{_scan(state, scan)}: {'matched' if good else 'DID NOT MATCH'}" for scan, good in state.scans.items()]
    if scans:
        yield "Scans", Cell("; ".join(scans), Tone.PLAIN if all(state.scans.values()) else Tone.BAD)
    if state.materials:
        yield "Lots", "; ".join(f"{use.material} lot {use.lot}" for use in state.materials)


def _scan(state: StepState, scan: str) -> str:
    known = {one.id: one.label for one in state.step.scans}
    return known.get(scan, scan)


def _signer(story: Story, signer: Signer) -> str:
    return f"{signer.name} ({signer.role.replace('_', ' ')}), {story.local(signer.at)}"


def materials(story: Story) -> Section:
    """Return every lot that was used."""
    rows = []
    for entry, event in story.told(ev.MaterialUsed):
        known = {one.code: one.label for one in story.master.step(event.step).materials}
        expired = event.use.expiry < entry.at
        expiry = Cell(story.local(event.use.expiry, entry), Tone.BAD if expired else Tone.PLAIN)
        rows.append((event.step, event.use.material, known.get(event.use.material, ""), event.use.lot, expiry,
                     str(entry.document["actor"].get("name", ""))))  # fmt: skip
    if not rows:
        return Section("Materials", (Note("No lot was recorded.", Tone.MUTED),))
    heads = ("Step", "Material", "Name", "Lot or container", "Expiry", "Recorded by")
    return Section("Materials", (Table(heads, tuple(rows), (6, 15, 23, 16, 25, 15)),))

"""The batch at a glance: what, for which chain of identity, on which master; the vein-to-vein clock; forecasts."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from mes.batches import events as ev
from mes.batches.model import Disposition
from mes.identity.coi import coi_printed
from mes.records.assemble.story import Story, actor_text
from mes.records.model import Block, Cell, Facts, Heading, Listing, Note, Section, Table, Tone

GOOD = (Disposition.RELEASED, Disposition.CERTIFIED_FINAL, Disposition.CERTIFIED_PRELIMINARY)
BAD = (Disposition.REFUSED, Disposition.IN_QUESTION, Disposition.WITHDRAWN)


def state_cell(story: Story) -> Cell:
    """Return the disposition, as the first page prints it."""
    found = story.state.disposition
    tone = Tone.GOOD if found in GOOD else Tone.BAD if found in BAD else Tone.WARN
    return Cell(found.value, tone)


def key_facts(story: Story) -> tuple[tuple[str, str], ...]:
    """Return the few facts below the title."""
    state = story.state
    return (
        ("Chain of identity", coi_text(state.coi)),
        ("Vein to vein", vein_to_vein(story)),
        ("Execution", state.phase.value),
        ("Record sealed", story.local(story.record.seal.at, story.record.seal)),
    )


def coi_text(coi: str) -> str:
    """Return the chain-of-identity id as printed, with its check character where it has the usual form."""
    return coi_printed(coi) if len(coi) == 15 else coi


def vein_to_vein(story: Story) -> str:
    """Return the time from the end of the collection to the infusion, as recorded, or how far it came."""
    start, state = story.state.vein_start_at, story.state
    end = state.infusion_started_at or state.infused_at
    if start is None:
        return "not begun"
    if end is None:
        return f"{_hours(start, story.record.seal.at)} h so far"
    target = story.master.target_vein_to_vein_h
    return f"{_hours(start, end)} h" + (f" (target {target:f} h)" if target is not None else "")


def _hours(start: datetime, end: datetime) -> str:
    return f"{(end - start) / timedelta(hours=1):.1f}"


def summary(story: Story) -> Section:
    """Return the summary."""
    state, master = story.state, story.master
    created, _ = next(story.told(ev.BatchCreated))
    pairs: list[tuple[str, Cell | str]] = [
        ("Product", state.product),
        ("Batch", state.batch),
        ("Order", state.order),
        ("Chain of identity", coi_text(state.coi)),
        ("Donation (DIN)", state.din or "not recorded"),
        ("Patient", f"{state.patient} (reference of the hospital's vault; no name stands in this record)"),
        ("Prescribed dose", f"{state.dose}; body weight {state.weight_kg} kg"),
        ("Master batch record", f"{master.id} version {master.version}, SHA-256 {master.digest}"),
        ("Specification", master.specification),
        ("Batch opened", f"{story.local(created.at, created)}, {actor_text(created)}"),
        ("Product expires", story.local(state.expiry_at) if state.expiry_at else "not filled"),
        ("Disposition", state_cell(story)),
        ("Device", _device(story)),
    ]
    return Section("Summary", (Facts(tuple(pairs)), *_timeline(story), *_forecasts(story)))


def _device(story: Story) -> Cell | str:
    state = story.state
    name = state.equipment or "none held"
    if state.binding.value == "manual":
        return Cell(f"{name}, bound manually: not monitored by the system", Tone.WARN)
    return Cell(f"{name}, SIMULATED DEVICE", Tone.WARN) if state.simulated else f"{name}, over OPC UA"


def _timeline(story: Story) -> Iterator[Block]:
    start = story.state.vein_start_at
    rows: list[tuple[Cell | str, ...]] = []
    for step in story.state.steps.values():
        if step.started_at is None and step.completed_at is None:
            rows.append((step.step.id, step.step.title, "–", "–", "–", Cell(step.status.value, Tone.MUTED)))
            continue
        begun, ended = step.started_at, step.completed_at
        since = "–" if start is None or begun is None else f"{_hours(start, begun)}"
        rows.append(
            (
                step.step.id, step.step.title, story.local(begun) if begun else "–",
                story.local(ended) if ended else "–", Cell(since, is_number=True), Cell(step.status.value),
            )
        )  # fmt: skip
    yield Heading("Timeline")
    yield Note(f"Hours count from the completion of {story.master.start_step} (H0). Vein to vein: "
               f"{vein_to_vein(story)}.", Tone.MUTED)  # fmt: skip
    yield Table(("Step", "Title", "Started", "Completed", "H0 + h", "State"), tuple(rows), (6, 28, 25, 25, 8, 8))


def _forecasts(story: Story) -> Iterator[Block]:
    lines = []
    for entry, event in story.told(ev.ForecastMade):
        expected = story.local(event.infusion_at, entry)
        lines.append(
            f"{story.local(entry.at, entry)}  after {event.after_step or '-':<5} infusion expected {expected}  "
            f"vein to vein {event.vein_to_vein_h:>6} h  slack {event.slack_h:>6} h"
        )
    if lines:
        yield Heading("Forecast history")
        yield Note("What the vein-to-vein clock said after each step. It informs; it certifies nothing.", Tone.MUTED)
        yield Listing(tuple(lines))

"""What the device did for the batch: allocation, commands, alarms, gaps, links, and its signals as curves."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from equipment_drivers.readings import CommandResult
from mes.batches import events as ev
from mes.equipment import events as eq
from mes.masters.model import MonitoredLimit, Severity
from mes.records.assemble.story import Story, actor_text
from mes.records.charts import Limit, drawn
from mes.records.model import Block, Cell, Chart, Facts, Heading, Note, Section, Table, Tone

UNMONITORED = (
    "The device was bound manually: it was NOT MONITORED BY THE SYSTEM. Values come from the operator's hands."
)
MOST_ROWS = 60


def device(story: Story) -> Section:
    """Return the section of the device run."""
    blocks: list[Block] = []
    if story.state.binding.value == "manual":
        blocks.append(Note(UNMONITORED, Tone.WARN))
    if story.state.simulated:
        blocks.append(Note("SIMULATED DEVICE: every value of this run was made by a program, not by an instrument.",
                           Tone.WARN))  # fmt: skip
    for stream in story.runs:
        blocks += _run(story, stream)
    blocks += _charts(story)
    return Section("Device run", tuple(blocks) or (Note("No device was held.", Tone.MUTED),))


def _run(story: Story, stream: str) -> Iterator[Block]:
    yield Heading(f"Run {stream.removeprefix('run/')}")
    pairs: list[tuple[str, Cell | str]] = []
    for entry, taken in story.told(eq.DeviceAllocated, stream):
        pairs.append(("Allocated", f"{taken.device}, {story.local(taken.from_, entry)}, {actor_text(entry)}"))
    for entry, freed in story.told(eq.DeviceReleased, stream):
        pairs.append(("Released", f"{freed.device}, {story.local(freed.to, entry)}, {actor_text(entry)}"))
    windows = [event for _, event in story.told(eq.TelemetrySealed, stream)]
    if windows:
        total = sum(one.count for one in windows)
        first, last = min(one.from_ for one in windows), max(one.to for one in windows)
        span = f"{story.local(first)} to {story.local(last)}"
        pairs.append(("Samples", f"{total} in {len(windows)} sealed hours, {span}"))
    links = Counter(event.state.value for _, event in story.told(eq.DeviceLinkChanged, stream))
    if links:
        pairs.append(("Connection", ", ".join(f"{state} ({times})" for state, times in sorted(links.items()))))
    if pairs:
        yield Facts(tuple(pairs))
    yield from _gaps(story, stream)
    yield from _alarms(story, stream)
    yield from _commands(story, stream)


def _gaps(story: Story, stream: str) -> Iterator[Block]:
    rows = [
        (story.local(gap.from_, entry), story.local(gap.to, entry), gap.cause, ", ".join(gap.tags) or "all signals")
        for entry, gap in story.told(eq.GapRecorded, stream)
    ]
    if rows:
        yield Heading("Gaps", f"{len(rows)}", Tone.WARN)
        yield from _table(("From", "To", "Cause", "Signals"), rows, (25, 25, 28, 22))
    else:
        yield Note("No gap was recorded: between allocation and release no sample is known to be missing.", Tone.GOOD)


def _alarms(story: Story, stream: str) -> Iterator[Block]:
    rows = []
    for entry, alarm in story.told(eq.AlarmChanged, stream):
        occurred = entry.document.get("occurred", {}).get("at")
        at = story.local(datetime.fromisoformat(occurred), entry) if occurred else story.local(entry.at, entry)
        state = "active" if alarm.active else "gone"
        rows.append((at, alarm.code, alarm.message, str(alarm.severity),
                     state + (", acknowledged" if alarm.acknowledged else "")))  # fmt: skip
    if rows:
        yield Heading("Alarms, in the device's own words")
        yield from _table(("When", "Code", "Message", "Severity", "State"), rows, (25, 14, 37, 9, 15))


def _commands(story: Story, stream: str) -> Iterator[Block]:
    outcomes = {event.command: event for _, event in story.told(eq.CommandOutcomeRecorded, stream)}
    rows: list[tuple[Cell | str, ...]] = []
    for entry, asked in story.told(eq.CommandRequested, stream):
        outcome = outcomes.get(asked.command)
        word = outcome.result.value if outcome else "no outcome"
        tone = Tone.PLAIN if outcome is not None and outcome.result is CommandResult.CONFIRMED else Tone.BAD
        detail = f" ({outcome.detail})" if outcome and outcome.detail else ""
        arguments = ", ".join(f"{one.name} {one.value}" for one in asked.args)
        rows.append((story.local(entry.at, entry), asked.step or "–", f"{asked.verb.value} {arguments}".strip(),
                     actor_text(entry), Cell(word + detail, tone)))  # fmt: skip
    if rows:
        yield Heading("Commands")
        yield from _table(("When", "Step", "Command", "Asked by", "Outcome"), rows, (25, 7, 24, 22, 22))


def _table(heads: tuple[str, ...], rows: Sequence[tuple[Cell | str, ...]], widths: tuple[int, ...]) -> Iterator[Block]:
    yield Table(heads, tuple(rows[:MOST_ROWS]), widths)
    if len(rows) > MOST_ROWS:
        yield Note(f"{len(rows) - MOST_ROWS} more stand in the attached record.", Tone.MUTED)


def watched(story_master_limits: Iterator[MonitoredLimit]) -> dict[str, list[MonitoredLimit]]:
    """Return the numeric limits by tag, in the master's order."""
    found: dict[str, list[MonitoredLimit]] = {}
    for one in story_master_limits:
        if not one.expected:
            found.setdefault(one.tag, []).append(one)
    return found


def _charts(story: Story) -> Iterator[Block]:
    limits = watched(one for step in story.master.steps for one in step.monitored)
    offset = str(story.record.seal.document["utc_offset"])
    marks: dict[str, list[datetime]] = {}
    for _, event in story.told(ev.LimitExceeded):
        marks.setdefault(event.tag_name, []).append(event.source_at)
    order = [
        *limits,
        *(tag for tag in sorted({place.partition("/")[2] for place in story.curves}) if tag not in limits),
    ]
    places = {place.partition("/")[2]: place for place in story.curves}
    if any(tag in places for tag in order):
        yield Heading("Signals")
        yield Note(
            "Drawn from the sealed samples, reduced so that every extreme is kept; a hole is a hole. Dashed: limits of "
            "the master (red) and warnings (ochre). A triangle marks the first sample outside.", Tone.MUTED,
        )  # fmt: skip
    for tag in order:
        if tag not in places:
            continue
        curve = story.curves[places[tag]]
        lines = {Limit(bound, one.severity is not Severity.CRITICAL and _has_wider(one, limits[tag]))
                 for one in limits.get(tag, ()) for bound in (one.low, one.high) if bound is not None}  # fmt: skip
        drawing = drawn(curve, sorted(lines, key=lambda one: one.value), marks.get(tag, ()), offset)
        label = limits[tag][0].label.partition(" (")[0] if tag in limits else tag
        extent = f"lowest {curve.lowest}, highest {curve.highest} {curve.unit}; {curve.count} samples"
        if drawing:
            yield Chart(drawing, f"{label} ({tag}): {extent}")


def _has_wider(one: MonitoredLimit, all_of_tag: list[MonitoredLimit]) -> bool:
    """Whether another limit of the same signal is graver: then this one is its warning."""
    order = [Severity.MINOR, Severity.MAJOR, Severity.CRITICAL]
    return any(order.index(other.severity) > order.index(one.severity) for other in all_of_tag)

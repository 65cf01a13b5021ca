"""What a signer sees: each line that is an entry names it, and nothing is said that was not computed."""

import pytest

from mes.batches import events as ev
from mes.batches.model import RecordedValue
from mes.ledger.entry import Entry
from mes.quality.shown import endotoxin_items, problem_items, result_items, step_items
from tests.quality.builders import SPECIFICATION, Story, enter, ready, value_of
from tests.schedule.builders import SEVEN_DAYS, T0, a_batch


def entry_at(seq: int) -> Entry:
    return Entry(seq, "batch/B1", seq, "t", 1, T0, "op", b"", {}, bytes([seq % 256]) * 32)


def corrected() -> Story:
    story = ready()
    step = story.state.step("A06")
    old = step.values["volume"]
    parameter = step.step.parameter("volume")
    new: RecordedValue = value_of(parameter, "120")
    return story.tell(ev.ValueCorrected("A06", old, new, SEVEN_DAYS.digest), 152, "op-1")


@pytest.mark.rule("REG-P11-70")
def test_every_performed_step_is_shown_with_its_entry_and_its_corrections() -> None:
    plain, story = step_items(ready().state, entry_at), corrected()
    found = step_items(story.state, entry_at)
    assert len(plain) == sum(step.performed_seq is not None for step in story.state.steps.values())
    assert all(one.source is not None for one in found)
    assert [(one.label, one.value) for one in found if one not in plain] == [("A06 corrected", "Volume by weight")]
    intake = next(one for one in found if one.label.startswith("A06 "))
    assert intake.value == "done; performed by Name of op-1, verified by Name of op-2"


def test_every_result_is_shown_with_its_entry() -> None:
    story = ready()
    enter(story, "sterility", "growth", None)
    told = {one.label: one for one in result_items(story.state, SPECIFICATION, entry_at)}
    assert told["Endotoxin"].value == "<=0.5 [EU]/mL; limit <= 0.5 [EU]/mL: within"
    assert told["Sterility, final"].value == "growth; limit sterile: OUT OF SPECIFICATION"
    assert isinstance(told["Endotoxin"].source, Entry)
    assert told["Endotoxin"].source.seq == story.state.results["endotoxin"].seq


def test_problems_are_shown_as_they_stand() -> None:
    story = ready()
    assert [(one.label, one.value) for one in problem_items(story.state)] == [("Exceptions", "none")]
    story.tell(ev.ExceptionOpened("B1.E1", "window", "minor", "late"), 152)
    story.tell(ev.ExceptionOpened("B1.E2", "limit", "critical", "cold"), 152)
    story.tell(ev.DeviationOpened("B1.D2", "B1.E2", "critical", "cold"), 152)
    assert [one.value for one in problem_items(story.state)] == [
        "minor: late; not assessed",
        "critical: cold; deviation B1.D2 open",
    ]


@pytest.mark.rule("PRA-16")
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("<=0.5", ["at most 0.36 [EU]/kg/h"]),
        ("<0.7", ["at most 0.50 [EU]/kg/h"]),
        ("0.14", ["0.10 [EU]/kg/h"]),
        (">0.1", []),
    ],
)
def test_the_endotoxin_load_is_computed(value: str, told: list[str]) -> None:
    story = ready(skip=("reviews", "A21"))
    enter(story, "endotoxin", value, "[EU]/mL")
    assert [one.value for one in endotoxin_items(story.state, SPECIFICATION)] == told


def test_no_endotoxin_load_without_a_bag_or_a_result() -> None:
    assert endotoxin_items(a_batch(SEVEN_DAYS), SPECIFICATION) == []
    assert endotoxin_items(ready(skip=("product",)).state, SPECIFICATION) == []

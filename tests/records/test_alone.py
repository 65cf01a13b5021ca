"""A step that went on without its second person says so in the batch record, also after it was verified late."""

from dataclasses import replace

import pytest

from mes.batches.model import StepState
from mes.ids import StepId
from mes.records.assemble import Story, tell
from mes.records.assemble.steps import steps
from mes.records.gather import gather, sealed_entry
from mes.records.model import Cell, Facts, Tone
from tests.records.conftest import Exported
from tests.records.tale import the_master, the_specification

WHY = "verifier called to an emergency"


@pytest.fixture(scope="module")
def story(exported: Exported) -> Story:
    """Return the story of the exported batch, without its curves."""
    record = gather(exported.house.ledger, sealed_entry(exported.house.ledger, exported.seal))
    return tell(record, the_master(), specification=the_specification(), clock_factor="20,000")


def told(story: Story, step: StepState) -> list[tuple[str, str | Cell]]:
    state = replace(story.state, steps={**story.state.steps, StepId(step.step.id): step})
    blocks = steps(replace(story, state=state)).blocks
    at = next(nth for nth, one in enumerate(blocks) if getattr(one, "text", "").startswith(f"{step.step.id} "))
    facts = blocks[at + 1]
    assert isinstance(facts, Facts)
    return list(facts.pairs)


def test_it_is_marked_until_a_second_person_verified(story: Story) -> None:
    one = next(step for step in story.state.steps.values() if step.verified_by is not None)
    alone = replace(one, verified_by=None, glass=one.performed_by, glass_reason=WHY)
    missing = dict(told(story, alone))["Second person missing"]
    assert isinstance(missing, Cell)
    assert missing.tone is Tone.BAD
    assert missing.text.startswith("break-glass by ")
    assert WHY in missing.text
    late = replace(alone, verified_by=one.verified_by, verified_late=True)
    found = dict(told(story, late))
    missing, persons = found["Second person missing"], found["Persons"]
    assert isinstance(missing, Cell)
    assert missing.tone is Tone.WARN
    assert "verified late by " in str(persons)


def test_a_step_of_two_people_says_nothing_of_it(story: Story) -> None:
    one = next(step for step in story.state.steps.values() if step.verified_by is not None)
    assert "Second person missing" not in dict(told(story, one))

"""The trail holds everything: replayed to any entry it gives the state of that moment, and nothing is written over."""

import random
import sqlite3
from dataclasses import dataclass, field

import psycopg
import pytest

from mes.batches import events as ev
from mes.batches.decide.values import GivenValue
from mes.batches.fold import Fact, fold
from mes.batches.model import BatchState, MaterialUse
from mes.errors import Refusal
from mes.ledger.entry import Entry
from mes.ledger.tables import KEYS
from mes.ledger.verify import verify_ledger
from tests.batches.builders import at
from tests.batches.houses import Ward, with_device
from tests.ledger.test_triggers import foreign

ACTS = 30


@dataclass
class Told:
    """What a random history did: the state after each act by the batch's next seq, and every value ever given."""

    states: dict[int, BatchState] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def a_value(dice: random.Random) -> str:
    return f"{dice.randint(50, 250)}.{dice.randint(0, 9)}"


def history(ward: Ward, seed: int) -> Told:
    """Create, modify and void at random; a refused act changes nothing."""
    dice, told = random.Random(seed), Told()
    with_device(ward)
    ward.a_batch()
    for count in range(ACTS):
        value, reason = a_value(dice), f"reason {count}"
        volume = GivenValue("volume", value, "mL")
        step = dice.choice(["S1", "S1", "S2", "S3", "S5"])
        lots = (MaterialUse("BUFFER", f"LOT-{count}", at(9000)),)
        acts = [
            ("nora", ward.steps.start, (step,), {}),
            ("nora", ward.steps.perform, ("S1", (volume,)), {}),
            ("viktor", ward.steps.verify, (step,), {}),
            ("nora", ward.corrections.correct, ("S1", volume), {"reason": reason}),
            ("nora", ward.corrections.correct, ("S1", volume), {"reason": reason}),
            ("sofia", ward.corrections.correct, ("S1", volume), {"reason": reason}),
            ("olivia", ward.steps.start, (step,), {}),
            ("olivia", ward.steps.scan, ("S2", "bag", dice.choice(["ours", "other"])), {}),
            ("olivia", ward.steps.use_materials, ("S2", lots), {}),
            ("olivia", ward.steps.skip, (step,), {"reason": reason}),
            ("quinn", ward.problems.hold, (), {"reason": reason}),
            ("quinn", ward.problems.resume, (), {"reason": reason}),
            ("sofia", ward.problems.assess_deviation, ("B1.D1", f"no effect {count}"), {}),
        ]
        user, act, what, named = acts[dice.randrange(len(acts))] if count > 1 else acts[count]
        if count < 2:
            what = ("S1",) if count == 0 else what
        try:
            state = ward.does(user, act, "B1", *what, **named)
        except Refusal:
            continue
        told.states[state.next_seq] = state
        told.given += [value] if volume in what or (volume,) in what else []
        told.reasons += [reason] if named else []
    return told


def replayed(ward: Ward, entries: list[Entry]) -> BatchState:
    """Return the state that these entries alone give."""
    return fold([Fact.of(entry) for entry in entries], ward.shelf.approved("test", 1))


def the_trail_holds_everything(ward: Ward, seed: int) -> None:
    told = history(ward, seed)
    entries = ward.entries()
    assert len(told.states) > 4
    assert replayed(ward, entries) == ward.recorder.load("B1")
    for upto in range(1, len(entries) + 1):  # every entry gives a state, each act's state is the one that was
        state = replayed(ward, entries[:upto])
        assert told.states.get(upto, state) == state
    performed = [entry for entry in entries if entry.type == ev.StepPerformed.tag]
    corrected = [entry for entry in entries if entry.type == ev.ValueCorrected.tag]
    was = performed[0].data["values"][0]["value"]
    for entry in corrected:  # a chain: each correction names what stood before, whoever made it, when and why
        assert (entry.data["old"]["value"], entry.document["actor"]["kind"]) == (was, "person")
        assert entry.document["reason"] in told.reasons
        assert entry.document["corrects"]
        was = entry.data["new"]["value"]
    text = [entry.data["values"][0]["value"] for entry in performed] + [one.data["new"]["value"] for one in corrected]
    assert text == told.given
    assert ward.recorder.load("B1").step("S1").values["volume"].value == was
    assert verify_ledger(ward.engine).size == ward.house.ledger.size


@pytest.mark.rule("REG-P11-10e", "REG-ATMP-04")
@pytest.mark.parametrize("seed", range(6))
def test_replaying_the_trail_gives_every_state_that_was(ward: Ward, seed: int) -> None:
    the_trail_holds_everything(ward, seed)


@pytest.mark.campaign
@pytest.mark.rule("REG-P11-10e")
@pytest.mark.parametrize("seed", range(6, 106))
def test_replaying_the_trail_gives_every_state_that_was_many_times(ward: Ward, seed: int) -> None:
    the_trail_holds_everything(ward, seed)


@pytest.mark.rule("REG-P11-10e", negative=True)
def test_what_a_correction_replaced_cannot_be_written_over(ward: Ward) -> None:
    """The old value's entry, its tree and its operation refuse update and delete, whoever connects."""
    the_trail_holds_everything(ward, 2)
    before = [entry.body for entry in ward.entries()]
    url = ward.engine.url.render_as_string(hide_password=False)
    for table, keys in KEYS.items():
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {keys[0][0]} = {keys[0][0]}"):
            with foreign(url) as connection:
                count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                if not count:
                    continue
                with pytest.raises((sqlite3.IntegrityError, psycopg.Error), match="append-only"):
                    connection.execute(statement)
    assert [entry.body for entry in ward.entries()] == before


@pytest.mark.rule("REG-P11-10e", negative=True)
def test_a_trail_with_an_entry_left_out_gives_another_state(ward: Ward) -> None:
    """The property sees something: without any one of its corrections the replay is not the state that was."""
    history(ward, 2)
    entries = ward.entries()
    last = max(n for n, entry in enumerate(entries) if entry.type == ev.ValueCorrected.tag)
    assert replayed(ward, entries[:last] + entries[last + 1 :]) != ward.recorder.load("B1")

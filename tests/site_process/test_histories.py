"""Random histories of acts through the services: what is replayed into fresh tables is what lived."""

import random
from datetime import timedelta

import pytest

from mes.batches.decide.values import GivenValue
from mes.batches.model import MaterialUse
from mes.errors import Refusal
from mes.ledger.verify import verify_ledger
from mes.people.model import Role
from mes.site_process.rebuild import PROJECTED, replay
from tests.batches.builders import T0
from tests.batches.conftest import founded, ward, ward_of  # noqa: F401 - fixtures
from tests.batches.houses import PROJECTIONS, Ward, with_device
from tests.site_process.rows import rows_of

VALUES = (GivenValue("volume", "100.0", "mL"),)
INTAKE = (GivenValue("viability", "98.2", "%"), GivenValue("intact", "yes"))
BUFFER = (MaterialUse("BUFFER", "LOT-1", T0 + timedelta(days=90)),)
USERS = ("nora", "olivia", "otto", "viktor", "sofia", "quinn", "quirin", "claire")


def act(ward: Ward, dice: random.Random, count: int) -> None:  # noqa: F811
    """Let somebody do something; what the rules refuse is part of life."""
    batch, step, user = dice.choice(["B0", "B1", "B2"]), dice.choice(["S1", "S2"]), dice.choice(USERS)
    acts = [
        lambda: ward.a_batch(f"B{count}", f"O{count}"),
        lambda: ward.does(user, ward.steps.start, batch, step),
        lambda: ward.does(user, ward.steps.scan, batch, step, "bag", dice.choice(["ours", "other"])),
        lambda: ward.does(user, ward.steps.use_materials, batch, step, BUFFER),
        lambda: ward.does(user, ward.steps.perform, batch, step, VALUES if step == "S1" else INTAKE),
        lambda: ward.does(user, ward.steps.verify, batch, step),
        lambda: ward.does(
            user, ward.corrections.correct, batch, "S1", GivenValue("volume", f"{count}.0", "mL"), reason="misread"
        ),
        lambda: ward.does(user, ward.problems.hold, batch, reason="a question"),
        lambda: ward.does(user, ward.problems.resume, batch, reason="answered"),
        lambda: ward.does(
            user, ward.problems.report, batch, what="lot", account="a wrong lot", occurred_at=ward.house.clock.now(),
            source="memory",
        ),
        lambda: ward.does(user, ward.problems.assess_deviation, batch, "D1", "none"),
        lambda: ward.house.employ(f"person-{count}", Role.OPERATOR),
    ]  # fmt: skip
    chosen = dice.choice(acts)
    try:
        chosen()
    except (Refusal, KeyError):
        return


@pytest.mark.parametrize("seed", range(3))
def test_what_is_replayed_is_what_lived(ward: Ward, seed: int) -> None:  # noqa: F811
    live_and_replayed(ward, seed)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(3, 60))
def test_what_is_replayed_is_what_lived_in_many_histories(ward: Ward, seed: int) -> None:  # noqa: F811
    live_and_replayed(ward, seed)


def live_and_replayed(ward: Ward, seed: int) -> None:  # noqa: F811
    """Live a random history and compare the tables with those made anew."""
    for metadata in PROJECTED:
        metadata.create_all(ward.engine)
    dice = random.Random(seed)
    with_device(ward)
    before = ward.house.ledger.size
    for number in range(2):
        ward.a_batch(f"B{number}", f"O{number}")
    for count in range(2, 40):
        ward.house.clock.advance(timedelta(minutes=dice.randint(1, 30)))
        act(ward, dice, count)
    own = {name for metadata, _ in PROJECTIONS for name in metadata.tables}  # what a ward keeps of all projections
    live = {name: rows for name, rows in rows_of(ward.engine).items() if name in own}
    assert ward.house.ledger.size > before + 5
    replay(ward.engine, ward.house.ledger)
    assert {name: rows for name, rows in rows_of(ward.engine).items() if name in own} == live
    assert verify_ledger(ward.engine).size == ward.house.ledger.size

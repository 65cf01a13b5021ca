"""Lists and registers are views: dropped and made anew from the entries they are what they were; the rest is left."""

import pytest
from sqlalchemy import MetaData, delete, inspect, update
from sqlalchemy.exc import IntegrityError

from mes.app import PROJECTORS
from mes.batches import tables as batches
from mes.demo import setting
from mes.equipment import tables as equipment
from mes.ids import PersonId, new_op, stream
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Draft, Write
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger
from mes.ledger.triggers import missing_triggers
from mes.masters import tables as masters
from mes.migrations import upgrade
from mes.migrations.schema import everything
from mes.people import tables as people
from mes.people.events import PersonEnrolled
from mes.quality.trail import tables as trail
from mes.site_process.rebuild import PROJECTED, rebuild, replay
from tests.journeys.house import START, build_house
from tests.site_process.rows import rows_of

PASSWORD = "seven days vein to vein"


@pytest.fixture
def house(tmp_path):
    """A site with an administrator, people, a master in draft and a device."""
    made = build_house(tmp_path / "site")
    admin = made.person("ada", "Ada", PASSWORD)
    admin.act_public("/api/first-administrator", code=made.first_code, name="Ada", user_name="ada", password=PASSWORD)
    admin.sign_in()
    for user, role in (("martin", "master_author"), ("olivia", "operator")):
        admin.act("/api/people", name=user.title(), user_name=user, password=PASSWORD[::-1], roles=[role])
    author = made.person("martin", "Martin", PASSWORD[::-1])
    author.sign_in()
    author.act("/api/me/password", current=PASSWORD[::-1], password=PASSWORD)
    author.password = PASSWORD
    author.sign_in()
    author.act("/api/masters", master=setting.MASTER, version=1)
    admin.act(
        "/api/equipment", equipment="PRD-01", device_class="cell_processor", model="Prodigy", serial="1",
        binding="manual", simulated=False,
    )  # fmt: skip
    yield made
    made.wired.services.ledger.close()


@pytest.fixture
def engine(house):
    made = open_engine(house.settings.database)
    yield made
    made.dispose()


def test_what_is_rebuilt_is_what_lived(house, engine):
    live = rows_of(engine)
    assert live["person"]
    assert live["master_version"]
    assert live["equipment"]
    told = rebuild(house.settings)
    assert told.entries == house.wired.services.ledger.size
    assert rows_of(engine) == live


def test_a_damaged_projection_is_healed_and_what_no_ledger_gives_back_is_left(house, engine):
    live = rows_of(engine)
    with engine.begin() as connection:
        connection.execute(delete(people.PERSON_ROLE))
        connection.execute(update(masters.master_version).values(title="Something else"))
        batches.BATCH.drop(connection)
    assert rows_of(engine) != live
    rebuild(house.settings)
    healed = rows_of(engine)
    assert healed == live
    assert healed["person_credential"]
    assert healed["master_file"]


def test_rebuilding_twice_is_rebuilding_once(house, engine):
    first = rebuild(house.settings)
    rows = rows_of(engine)
    assert rebuild(house.settings) == first
    assert rows_of(engine) == rows


def test_a_rebuild_that_fails_halfway_leaves_everything_as_it_was(house, engine):
    settings = house.settings
    bare = Ledger.open(engine, site=settings.site, tz=settings.tz, key=SiteKey.load(settings.site_key_path))
    known = next(entry for entry in bare.entries() if entry.type == "person:account:enrolled")
    twice = Draft(known.type, dict(known.data))
    bare.append(new_op(), [Write(known.stream, (twice,))], actor=Actor.system("test"), now=known.at)
    bare.close()
    live = rows_of(engine)
    with pytest.raises(IntegrityError):
        rebuild(settings)
    assert rows_of(engine) == live


def test_every_projector_has_its_tables_here_and_every_other_table_is_known():
    rooms = (people.PROJECTION, masters.PROJECTION, equipment.PROJECTION, batches.PROJECTION, trail.PROJECTION)
    assert [metadata for metadata, _ in rooms] == list(PROJECTED)
    assert [project for _, project in rooms] == list(PROJECTORS)
    kept = [name for one in everything() if one not in PROJECTED for name in one.tables]
    made = [name for one in PROJECTED for name in one.tables]
    assert sorted({*kept, *made}) == sorted([*kept, *made])


def test_the_tables_stand_as_the_migration_made_them(house, engine):
    def shape() -> dict[str, object]:
        look = inspect(engine)
        found = MetaData()
        found.reflect(engine)
        return {
            name: (
                [str(column) + str(column.type) + str(column.nullable) for column in table.columns],
                [{**one, "dialect_options": {key: str(told) for key, told in one.get("dialect_options", {}).items()}}
                 for one in look.get_indexes(name)], look.get_pk_constraint(name)["constrained_columns"],
            )
            for name, table in sorted(found.tables.items())
        }  # fmt: skip

    before = shape()
    rebuild(house.settings)
    assert shape() == before


def test_replaying_works_on_either_database(ledger_url, tmp_path):
    engine = open_engine(ledger_url)
    upgrade(engine)
    key = SiteKey.create(tmp_path / "site.key", "septima/either/1")
    ledger = Ledger.create(
        engine, site="either", tz="UTC", key=key, now=START, clock="simulated", software="test", projectors=PROJECTORS
    )
    person = PersonEnrolled(PersonId("P-1"), "Ada", "ada")
    ledger.append(new_op(), [Write(stream("person", "P-1"), (person.draft(),))], actor=Actor.system("x"), now=START)
    live = rows_of(engine)
    assert live["person"]
    with engine.begin() as connection:
        connection.execute(delete(people.PERSON))
    assert replay(engine, ledger).entries == 2
    assert rows_of(engine) == live
    with engine.connect() as connection:
        assert missing_triggers(connection) == []
    ledger.close()
    engine.dispose()

"""Random histories of a whole site, through HTTP: what is replayed into fresh tables is what lived, in every table."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from mes.ledger.verify import verify_ledger
from mes.site_process.rebuild import PROJECTED, replay
from tests.site_process.living import Life, begin_life, whole_batch
from tests.site_process.rows import rows_of

ACTS = 60


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """Give a site on SQLite that lives on from test to test."""
    yield from closing(begin_life(tmp_path_factory.mktemp("life") / "site", 1))


@pytest.fixture
def any_life(tmp_path: Path, ledger_url: str) -> Iterator[Life]:
    """Give a site of its own, on either database."""
    yield from closing(begin_life(tmp_path / "lived", 0, database_url=ledger_url))


def closing(made: Life) -> Iterator[Life]:
    yield made
    made.house.close()


def is_replayed(life: Life) -> None:
    """Make every projection anew and compare every table of the database."""
    site, live = life.house.wired.services, rows_of(life.house.engine)
    told = replay(life.house.engine, site.ledger)
    assert told.entries == site.ledger.size
    assert sorted(told.tables) == sorted(name for metadata in PROJECTED for name in metadata.tables)
    now = rows_of(life.house.engine)
    differing = {name: (set(live[name]) ^ set(now[name])) for name in live if live[name] != now[name]}
    assert differing == {}
    assert now.keys() == live.keys()


@pytest.mark.parametrize("seed", range(3))
def test_what_is_replayed_is_what_lived(life: Life, seed: int) -> None:
    life.dice = random.Random(seed)
    before = life.house.wired.services.ledger.size
    life.live(ACTS)
    assert life.house.wired.services.ledger.size > before + ACTS // 4
    is_replayed(life)


def test_a_whole_batch_among_other_things_is_replayed(tmp_path: Path) -> None:
    with contextmanager(closing)(begin_life(tmp_path / "whole", 10)) as life:
        every_table_is_filled(life)


def every_table_is_filled(life: Life) -> None:
    """Live until no projection is empty: only then does its comparison say anything."""
    whole_batch(life, lambda: life.bustle(10))
    life.live(4 * ACTS)
    is_replayed(life)
    rows = rows_of(life.house.engine)
    assert [name for metadata in PROJECTED for name in metadata.tables if not rows[name]] == []
    site = life.house.wired.services
    assert verify_ledger(life.house.engine).size == site.ledger.size
    assert sum(life.refused.values()) > 0


@pytest.mark.parametrize("name", ["person_role", "person_training", "batch", "equipment", "trail_item"])
def test_a_row_that_differs_is_seen(life: Life, name: str) -> None:
    """The comparison sees something: a row less in any room's table, and it fails."""
    life.live(ACTS)
    table = next(metadata.tables[name] for metadata in PROJECTED if name in metadata.tables)
    if name in ("equipment", "batch"):
        column = next(one for one in table.columns if one.type.python_type is str and not one.primary_key)
        change = update(table).values({column.name: "changed"})
    else:
        change = delete(table)
    with life.house.engine.begin() as connection:
        connection.execute(change)
    with pytest.raises(AssertionError, match=name):
        is_replayed(life)
    is_replayed(life)


def test_on_either_database(any_life: Life) -> None:
    any_life.live(ACTS // 2)
    is_replayed(any_life)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(100, 110))
def test_on_either_database_in_many_histories(any_life: Life, seed: int) -> None:
    any_life.dice = random.Random(seed)
    for _ in range(10):
        any_life.live(ACTS)
        is_replayed(any_life)
    assert verify_ledger(any_life.house.engine).size == any_life.house.wired.services.ledger.size

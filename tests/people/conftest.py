"""A site with a ledger, and people of every kind in it, on cheap hashes and clocks that a test winds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.people.houses import House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give an empty site on SQLite."""
    with open_house(tmp_path, f"sqlite:///{tmp_path / 'site.sqlite'}") as made:
        yield made


@pytest.fixture
def any_house(tmp_path: Path, ledger_url: str) -> Iterator[House]:
    """Give an empty site on each kind of database."""
    with open_house(tmp_path, ledger_url) as made:
        yield made

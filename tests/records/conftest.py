"""One whole batch, told and exported once for all tests that only look at it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mes.people.model import Role
from mes.records.service import RecordService
from tests.records.house import House, a_house
from tests.records.tale import BATCH, Tale, the_specification


@dataclass(frozen=True)
class Exported:
    """A house with one exported batch."""

    house: House
    service: RecordService
    seal: int
    path: Path


def a_service(house: House, **more: object) -> RecordService:
    """Return the service of records of a house."""
    terms = {"folder": house.folder / "exports", "specification": lambda _: the_specification(), **more}
    return RecordService(house.ledger, house.clock, house.telemetry, **terms)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """Tell the whole batch, seal it and export it; nobody may change this house."""
    with a_house(tmp_path_factory.mktemp("house")) as house:
        Tale(house, hours=2).told()
        service = a_service(house, clock_factor=lambda: "20,000")
        seal = service.seal(house.acting(Role.QA), BATCH)
        path = service.export(seal, house.folder / "exports", house.actor(Role.QA))
        yield Exported(house, service, seal, path)
        service.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a fresh house."""
    with a_house(tmp_path) as fresh:
        yield fresh

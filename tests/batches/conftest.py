"""Wards for the tests of the services: the site is founded once and copied for each test."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mes.masters.model import Master
from tests.batches.houses import Badges, Ward, found_site, open_ward

OpenWard = Callable[..., Ward]


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Badges]:
    """Give the folder of a founded site, to be copied, and its staff's badges."""
    folder = tmp_path_factory.mktemp("founded")
    return folder, found_site(folder)


@pytest.fixture
def ward_of(tmp_path: Path, founded: tuple[Path, Badges]) -> Iterator[OpenWard]:
    """Give a maker of wards that execute a given master."""
    with ExitStack() as opened:

        def make(master: Master | None = None) -> Ward:
            shutil.copytree(founded[0], tmp_path / "site")
            return opened.enter_context(open_ward(tmp_path / "site", founded[1], master))

        yield make


@pytest.fixture
def ward(ward_of: OpenWard) -> Ward:
    """Give a site where batches of the small master are executed."""
    return ward_of()

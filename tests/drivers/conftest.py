"""Certificates are made once for all wire tests: two RSA keys cost more than most of the tests."""

from pathlib import Path

import pytest

from tests.drivers.stage import make_pki


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    make_pki(folder)
    return folder

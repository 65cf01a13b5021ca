"""What every test of the house gets: a guard against the network, and a database of each kind."""

import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Cluster, binaries

DATABASES = ("sqlite", "postgresql")


class NetworkForbiddenError(RuntimeError):
    """A test tried to leave this machine."""


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("socket.connect", "socket.sendto"):
        return
    sock, address = arguments
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = address[0]
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise NetworkForbiddenError(f"{event} to {address}")


def pytest_configure() -> None:
    """Refuse every connection but loopback and Unix sockets, for the whole process and for good."""
    sys.addaudithook(_guard)


@pytest.fixture(scope="session")
def postgres_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give this worker's share in the run's PostgreSQL; started by the first test that needs it."""
    own = tmp_path_factory.getbasetemp()
    cluster = Cluster(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)
    yield cluster
    cluster.leave()


@pytest.fixture
def postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    """Give a fresh PostgreSQL database; skipped where none is installed, but never in CI."""
    if binaries() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI runs without PostgreSQL 15: install the package postgresql-15")
        pytest.skip("no PostgreSQL 15 or later is installed (package postgresql-15)")
    with postgres_cluster.database() as url:
        yield url


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.postgres if name != "sqlite" else ()) for name in DATABASES]
)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty database: the same test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'site.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))

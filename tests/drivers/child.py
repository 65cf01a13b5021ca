"""A collector of its own process, to be killed: port, folder, user, password."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from equipment_drivers.nodemap import read_nodemap
from equipment_drivers.opcua import security
from equipment_drivers.opcua.channel import Endpoint
from equipment_drivers.opcua.driver import OpcUaDriver
from equipment_drivers.prodigy import SIMULATOR_MAP
from tests.drivers.stage import FileSink


async def collect(port: str, folder: Path, user: str, password: str) -> None:
    identity = security.own_identity(folder / "mes", "collector", "urn:septima:test:collector")
    endpoint = Endpoint(f"opc.tcp://127.0.0.1:{port}/", user, password, folder / "mes", identity)
    sink = FileSink(folder / "journal.sqlite", lambda: datetime.now(UTC))
    await OpcUaDriver(endpoint, read_nodemap(SIMULATOR_MAP)).run(sink)


if __name__ == "__main__":
    asyncio.run(collect(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]))

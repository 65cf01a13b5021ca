"""The driver against an OPC UA server of another code base: the `opcua` 0.98 package, secured, with a user."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import opcua
import pytest

from equipment_drivers.errors import AuthenticationFailed
from equipment_drivers.nodemap import parse_nodemap
from equipment_drivers.opcua.channel import Endpoint
from equipment_drivers.opcua.driver import OpcUaDriver
from equipment_drivers.opcua.security import own_identity
from equipment_drivers.simulators.prodigy import simulator_identity
from tests.drivers.stage import MemorySink, collecting, eventually, free_port

URI = "urn:septima:test:foreign"
TAGS = ("unit.state", "program.number", "program.step", "wait.reason", "device.clock", "culture.temperature")
HEAD = f"""nodemap: 1
device_class: cell_processor
vendor: {{manufacturer: FreeOpcUa, model: FreeOpcUa Python Server, software: ">=1.0"}}
endpoint: {{policy: Basic256Sha256, mode: SignAndEncrypt}}
namespaces: {{f: "{URI}"}}
profile: {{publishing_ms: 100}}
tags:
"""
WORDS = ", enum: {0: IDLE, 1: RUNNING}"
MAP = HEAD + "".join(
    f'  {tag}: {{node: "f;i={number}", sampling_ms: 100, queue: 1000{WORDS if tag == "unit.state" else ""}}}\n'
    for number, tag in enumerate(TAGS, start=1)
)


@contextmanager
def foreign_server(folder: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """A server that runs in threads of its own; gives its port and its nodes by tag."""
    port, identity = free_port(), simulator_identity(folder / "sim")
    server = opcua.Server()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
    server.set_application_uri(identity.uri)
    server.load_certificate(str(identity.certificate))
    server.load_private_key(str(identity.key))
    server.set_security_policy([opcua.ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    server.set_security_IDs(["Username"])
    server.user_manager.set_user_manager(lambda session, user, password: (user, password) == ("mes", "right"))
    index = server.register_namespace(URI)
    objects = server.get_objects_node()
    nodes = {
        tag: objects.add_variable(opcua.ua.NodeId(number, index), f"{index}:{tag}", 0)
        for number, tag in enumerate(TAGS, start=1)
    }
    server.start()
    try:
        yield port, nodes
    finally:
        server.stop()


def _driver(folder: Path, port: int, password: str) -> OpcUaDriver:
    identity = own_identity(folder / "mes", "collector", "urn:septima:test:collector")
    endpoint = Endpoint(f"opc.tcp://127.0.0.1:{port}/", "mes", password, folder / "mes", identity)
    return OpcUaDriver(endpoint, parse_nodemap(MAP.encode()), (0.1,))


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_a_server_of_another_code_base(tmp_path: Path, pki: Path, password: str) -> None:
    for side in ("sim", "mes"):
        shutil.copytree(pki / side, tmp_path / side)

    async def scene(port: int, nodes: dict[str, Any]) -> None:
        sink, driver = MemorySink(lambda: datetime.now(UTC)), _driver(tmp_path, port, password)
        if password == "wrong":
            with pytest.raises(AuthenticationFailed):
                await asyncio.wait_for(driver.run(sink), 15)
            return
        async with collecting(driver, sink):
            await eventually(lambda: len(sink.rows) >= len(TAGS), 5)
            start = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
            for number in range(50):
                at = start + timedelta(seconds=number)
                value = opcua.ua.DataValue(opcua.ua.Variant(37.0 + number / 10))
                value.SourceTimestamp = at
                await asyncio.to_thread(nodes["culture.temperature"].set_value, value)
            await asyncio.to_thread(nodes["unit.state"].set_value, 1)
            await eventually(lambda: len(sink.rows) >= len(TAGS) + 51, 10)
        texts = [row.value for row in sink.rows.values() if row.tag == "culture.temperature"][1:]
        assert [float(text) for text in texts] == [37.0 + number / 10 for number in range(50)]
        assert [row.value for row in sink.rows.values() if row.tag == "unit.state"] == ["IDLE", "RUNNING"]

    with foreign_server(tmp_path) as (port, nodes):
        asyncio.run(scene(port, nodes))

"""Who is not let in, and what does not fit: each failure with its own name, and nothing collected."""

import asyncio
import shutil
from pathlib import Path

import pytest

from equipment_drivers.errors import (
    AuthenticationFailed,
    CertificateRefused,
    DeviceDiffers,
    DriverFault,
    NodesMissing,
    NotLoopback,
)
from equipment_drivers.opcua import security
from equipment_drivers.prodigy import SIMULATOR_MAP
from equipment_drivers.readings import LinkState
from equipment_drivers.simulators.prodigy import check_loopback
from tests.drivers.stage import PASSWORD, MemorySink, Stage, eventually, simulator


async def _refused(
    stage: Stage, password: str = PASSWORD, nodemap: Path = SIMULATOR_MAP
) -> tuple[DriverFault, MemorySink]:
    sink = MemorySink(stage.clock.now)
    with pytest.raises(DriverFault) as raised:
        await asyncio.wait_for(stage.driver(password=password, nodemap=nodemap).run(sink), 20)
    assert not sink.rows
    return raised.value, sink


def test_strangers_and_strange_devices_are_refused(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki) as stage:
            await wrong_password(stage)
            await missing_nodes(stage)
            await other_device(stage)
            await client_not_trusted(stage)
            await device_not_pinned(stage)
            await nobody_trusted(stage)

    async def wrong_password(stage: Stage) -> None:
        fault, sink = await _refused(stage, password="guessed")
        assert isinstance(fault, AuthenticationFailed)
        assert fault.code == "device-authentication-failed"
        assert sink.links[-1][0] is LinkState.AUTH_FAILED
        assert "guessed" not in str(fault)

    async def missing_nodes(stage: Stage) -> None:
        text = SIMULATOR_MAP.read_text().replace("d;i=1002", "d;i=77").replace("d;i=2006", "d;s=Abort")
        (stage.folder / "unfit.yaml").write_text(text)
        fault, _ = await _refused(stage, nodemap=stage.folder / "unfit.yaml")
        assert isinstance(fault, NodesMissing)
        assert [name.partition(" ")[0] for name in fault.missing] == ["culture.co2", "commands.abort.method"]
        assert "nsu=urn:septima:simulator:prodigy-like;i=77" in str(fault)

        (stage.folder / "moved.yaml").write_text(SIMULATOR_MAP.read_text().replace("urn:septima:sim", "urn:other:sim"))
        fault, _ = await _refused(stage, nodemap=stage.folder / "moved.yaml")
        assert isinstance(fault, NodesMissing)
        assert len(fault.missing) == 30

    async def other_device(stage: Stage) -> None:
        (stage.folder / "next.yaml").write_text(SIMULATOR_MAP.read_text().replace('">=1.0,<2"', '">=2.0"'))
        fault, _ = await _refused(stage, nodemap=stage.folder / "next.yaml")
        assert isinstance(fault, DeviceDiffers)
        assert "1.0.0; the map is for" in str(fault)

    async def client_not_trusted(stage: Stage) -> None:
        kept = stage.folder / "sim" / "trusted"
        kept.rename(kept.with_name("aside"))
        fault, _ = await _refused(stage)
        assert isinstance(fault, CertificateRefused)
        assert fault.facts["which"] == "own"
        assert len(list((stage.folder / "sim" / "rejected").iterdir())) == 1
        kept.with_name("aside").rename(kept)

    async def device_not_pinned(stage: Stage) -> None:
        trusted = stage.folder / "mes" / "trusted"
        right = trusted.rename(trusted.with_name("right"))
        other = security.own_identity(stage.folder / "other", "stranger", "urn:stranger")
        security.trust(stage.folder / "mes", other.certificate.read_bytes())
        fault, _ = await _refused(stage)
        assert isinstance(fault, CertificateRefused)
        assert fault.facts["which"] == "server"
        (real,) = security.trusted_in(right)
        assert fault.facts["presented"] == real
        shutil.rmtree(trusted)

    async def nobody_trusted(stage: Stage) -> None:
        fault, _ = await _refused(stage)
        assert isinstance(fault, CertificateRefused)
        assert "trusted/ holds 0 certificates" in str(fault)

    asyncio.run(scene())


def test_a_password_changed_during_a_run_is_asked_again_not_given_up(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        sink: MemorySink | None = None
        async with simulator(tmp_path, pki) as stage:
            sink, driver = MemorySink(stage.clock.now), stage.driver()
            running = asyncio.create_task(driver.run(sink))
            await eventually(lambda: driver.link is LinkState.LIVE, 5)
            port = stage.port
        async with simulator(tmp_path, pki, port=port, password="changed"):
            await eventually(lambda: driver.link is LinkState.AUTH_FAILED, 5)
            assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scene())


@pytest.mark.parametrize("endpoint", [
    "opc.tcp://0.0.0.0:4840/", "opc.tcp://192.168.1.4:4840/", "opc.tcp://device.example:4840/", "opc.tcp://[::]:4840/",
])  # fmt: skip
def test_a_simulator_listens_on_the_loopback_only(endpoint: str) -> None:
    with pytest.raises(NotLoopback):
        check_loopback(endpoint)


@pytest.mark.parametrize(
    "endpoint", ["opc.tcp://127.0.0.1:4840/", "opc.tcp://localhost:4840/", "opc.tcp://[::1]:4840/"]
)
def test_the_loopback_is_allowed(endpoint: str) -> None:
    check_loopback(endpoint)

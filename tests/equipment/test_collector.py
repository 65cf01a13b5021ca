"""The collector: follows the register, never sends a command twice, survives a driver that crashes."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from equipment_drivers.driver import Sink
from equipment_drivers.errors import AuthenticationFailed, ConfigurationFault
from equipment_drivers.readings import CommandResult
from mes.equipment.collector import EXPIRED, LOST, NOT_CONNECTED, DriverFactory, collect
from mes.equipment.journal import FactKind
from mes.equipment.model import OpenCommand
from mes.equipment.opcua_binding import BoundDevice, CollectorSite, device_secret, opcua_driver
from mes.equipment.spool import CommandSpool
from mes.errors import Fault
from mes.ids import EquipmentId, new_op
from tests.equipment.builders import ADMIN, DEVICE, NODEMAP, NOW, OVER_OPCUA, PIN, RUN, House
from tests.equipment.stuck_collector import NotingDriver, now, settings

LIMIT_S = 15


def answering(site: CollectorSite, bound: BoundDevice) -> NotingDriver:
    return NotingDriver(site.site_dir, answers=True)


def facts(house: House, kind: FactKind) -> list[dict]:
    return [dict(one.body) for one in house.reader.after(0, 0, samples=9999, facts=999).facts if one.kind is kind]


def collecting(folder: Path, until: Callable[[], object], make: DriverFactory = answering) -> None:
    """Run the collector in this process until something is true."""

    async def run() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(collect(settings(folder), now, stop, make))
        async with asyncio.timeout(LIMIT_S):
            while not until() and not task.done():
                await asyncio.sleep(0.02)
            stop.set()
            await task

    asyncio.run(run())


def a_command(ident: str, device: str = DEVICE) -> OpenCommand:
    return OpenCommand(ident, EquipmentId(device), RUN, "start", (), NOW)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[CommandSpool]:
    made = CommandSpool(tmp_path / "commands.spool")
    yield made
    made.close()


def test_a_device_entered_while_it_runs_is_collected(house: House, tmp_path: Path) -> None:
    steps = iter([lambda: None, house.a_fit_device])

    def until() -> bool:
        next(steps, lambda: None)()
        return house.reader.count(DEVICE) == 2

    collecting(tmp_path, until)
    alive = json.loads((tmp_path / "collect.alive").read_text())
    assert alive["now"] == now().isoformat()
    assert abs(alive["wall"] - time.time()) < LIMIT_S


def test_a_device_whose_map_nobody_approved_is_left_alone(house: House, tmp_path: Path) -> None:
    house.service.register(DEVICE, OVER_OPCUA, nodemap=NODEMAP.read_bytes(), by=ADMIN, op=new_op())
    collecting(tmp_path, lambda: (tmp_path / "collect.alive").exists())
    assert house.reader.count(DEVICE) == 0


def test_a_command_is_carried_out_once(house: House, tmp_path: Path, spool: CommandSpool) -> None:
    house.a_fit_device()
    spool.put(a_command("c-1"), time.time() + 60)
    spool.put(a_command("c-2"), time.time() - 1)
    spool.put(a_command("c-3", "other-1"), time.time() + 60)
    for _ in range(2):  # a second collector finds the same spool
        collecting(tmp_path, lambda: len(facts(house, FactKind.OUTCOME)) == 3 and house.reader.count(DEVICE))
    found = {one["command"]: (one["result"], one["detail"]) for one in facts(house, FactKind.OUTCOME)}
    assert (tmp_path / "sent").read_text() == "c-1\n"
    assert found == {
        "c-1": (CommandResult.CONFIRMED, "done"),
        "c-2": (CommandResult.REFUSED, EXPIRED),
        "c-3": (CommandResult.REFUSED, NOT_CONNECTED),
    }


def test_a_collector_killed_after_sending_never_sends_again(house: House, tmp_path: Path, spool: CommandSpool) -> None:
    house.a_fit_device()
    root = Path(__file__).parents[2]
    child = subprocess.Popen([sys.executable, "-m", "tests.equipment.stuck_collector", str(tmp_path)], cwd=root)
    try:
        _wait(lambda: house.reader.count(DEVICE) == 2, child)
        spool.put(a_command("c-1"), time.time() + 60)
        _wait(lambda: (tmp_path / "sent").exists(), child)
        with pytest.raises(Fault, match="collector-runs-already"):
            collecting(tmp_path, lambda: False)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    collecting(tmp_path, lambda: facts(house, FactKind.OUTCOME))
    assert facts(house, FactKind.OUTCOME) == [{"command": "c-1", "result": CommandResult.UNKNOWN, "detail": LOST}]
    assert (tmp_path / "sent").read_text() == "c-1\n"
    assert house.reader.count(DEVICE) == 2  # what it had acknowledged is there, once


class Failing(NotingDriver):
    """Raises instead of delivering."""

    def __init__(self, error: Exception) -> None:
        super().__init__(Path(), answers=True)
        self._error = error

    async def run(self, sink: Sink) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "state", "detail"),
    [
        (AuthenticationFailed("wrong password"), "AUTH_FAILED", "device-authentication-failed: wrong password"),
        (ConfigurationFault("no such node"), "OFFLINE", "node-map-unfit: no such node"),
        (RuntimeError("a bug"), "OFFLINE", "driver-crashed: RuntimeError"),
    ],
)
def test_a_driver_that_gives_up_is_told_and_the_others_go_on(
    house: House, tmp_path: Path, error: Exception, state: str, detail: str
) -> None:
    house.a_fit_device()
    house.a_fit_device("prodigy-2")

    def make(site: CollectorSite, bound: BoundDevice) -> NotingDriver:
        return Failing(error) if bound.device == "prodigy-2" else answering(site, bound)

    collecting(tmp_path, lambda: house.reader.count(DEVICE) and len(facts(house, FactKind.LINK)) == 2, make)
    assert {"state": state, "detail": detail} in facts(house, FactKind.LINK)


@pytest.mark.parametrize(
    ("body", "mode", "told"),
    [
        (None, 0o600, "is missing"),
        ("no json", 0o600, "must hold user and password"),
        ('{"user": "x"}', 0o600, "must hold user and password"),
        ("[]", 0o600, "must hold user and password"),
        ('{"user": "x", "password": "y"}', 0o644, "mode must be 0600"),
    ],
)
def test_a_device_without_a_usable_secret_is_not_connected(
    tmp_path: Path, body: str | None, mode: int, told: str
) -> None:
    path = tmp_path / "devices" / f"{DEVICE}.json"
    path.parent.mkdir()
    if body is not None:
        path.write_text(body)
        path.chmod(mode)
    with pytest.raises(ConfigurationFault, match=told):
        device_secret(tmp_path, DEVICE)


def test_a_bound_device_gets_its_driver(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "devices" / f"{DEVICE}.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"user": "septima", "password": "secret"}')
    path.chmod(0o600)
    bound = BoundDevice(DEVICE, "opc.tcp://127.0.0.1:4840", PIN, NODEMAP.read_bytes())
    assert opcua_driver(settings(tmp_path), bound).verified_on_hardware is False
    assert (tmp_path / "keys" / "opcua" / "own" / "collector.der").exists()


def _wait(until: Callable[[], object], child: subprocess.Popen) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not until():
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)

"""The simulator's server where asyncua's would lose in silence: full queues are marked, and time waits."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from asyncua import ua

from equipment_drivers.errors import NotLoopback
from equipment_drivers.opcua.values import OVERFLOW
from equipment_drivers.simulators.prodigy import QUEUE_PAUSE, _run, serve_prodigy
from equipment_drivers.simulators.samples import BAD_SENSOR, Sample, State
from equipment_drivers.simulators.server import OneUser, _Marking
from equipment_drivers.simulators.truth import GroundTruth
from tests.drivers.stage import T0, VirtualClock, truth_of


def test_a_full_queue_drops_its_oldest_and_says_so() -> None:
    async def published() -> None:
        return None

    marking = _Marking(SimpleNamespace(_trigger_publish=published))
    queues: dict[int, list[Any]] = {}
    for number in range(5):
        value = ua.MonitoredItemNotification(ClientHandle=1, Value=ua.DataValue(ua.Variant(number)))
        asyncio.run(marking.enqueue(112, value, 3, queues))
    kept = [(item.Value.Value.Value, item.Value.StatusCode.value) for item in queues[112]]
    assert kept == [(2, OVERFLOW), (3, 0), (4, 0)]


def test_virtual_time_waits_while_a_queue_is_nearly_full() -> None:
    longest = [QUEUE_PAUSE + 1]
    passed: list[str] = []

    class OneTurn:
        async def catch_up(self, pause: Any, every: int) -> int:
            passed.append("began")
            await pause()
            passed.append("went on")
            stop.set()
            return 1

        async def stand_still(self, now: Any) -> None:
            return None

    stop = asyncio.Event()

    async def scene() -> None:
        running = asyncio.create_task(_run(OneTurn(), lambda: longest[0], lambda: True, lambda: T0, stop))
        await asyncio.sleep(0.1)
        assert passed == ["began"]
        longest[0] = 10
        await running
        assert passed == ["began", "went on"]

    asyncio.run(scene())


def test_nothing_leaves_before_somebody_listens() -> None:
    class Unwatched:
        async def catch_up(self, pause: Any, every: int) -> int:
            raise AssertionError("emitted to nobody")

    async def scene() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(_run(Unwatched(), lambda: 0, lambda: False, lambda: T0, stop))
        await asyncio.sleep(0.1)
        stop.set()
        await running

    asyncio.run(scene())


@pytest.mark.parametrize(("user", "password", "enters"), [
    ("mes", "right", True), ("mes", b"right", True), ("mes", "wrong", False), ("other", "right", False),
    ("mes", None, False), (None, "right", False), ("", "", False),
])  # fmt: skip
def test_exactly_one_user_enters(user: str | None, password: str | None, enters: bool) -> None:
    assert (OneUser("mes", "right").get_user(None, user, password) is not None) is enters


def test_the_ground_truth_writes_what_a_driver_reads(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    rows = [
        Sample("unit.state", T0, State.RUNNING), Sample("unit.mains", T0, True), Sample("program.step", T0, 2),
        Sample("culture.temperature", T0, -0.0), Sample("culture.co2", T0, 5.0, BAD_SENSOR),
        Sample("device.clock", T0, T0),
    ]  # fmt: skip
    for row in rows:
        with GroundTruth(path) as truth:
            truth.write([row])
    at = "2026-11-02T06:00:00.0000000Z"
    assert truth_of(path) == sorted([
        ("unit.state", at, "RUNNING", "00000000"), ("unit.mains", at, "true", "00000000"),
        ("program.step", at, "2", "00000000"), ("culture.temperature", at, "0.0", "00000000"),
        ("culture.co2", at, "", "808C0000"), ("device.clock", at, at, "00000000"),
    ])  # fmt: skip


def test_a_simulator_does_not_even_start_elsewhere(tmp_path: Path) -> None:
    serving = serve_prodigy(
        "opc.tcp://0.0.0.0:4840/", VirtualClock().now, 1, "good", (), tmp_path / "truth.csv", tmp_path, "u", "p",
        asyncio.Event(), lambda: None,
    )  # fmt: skip
    with pytest.raises(NotLoopback):
        asyncio.run(serving)
    assert not list(tmp_path.iterdir())

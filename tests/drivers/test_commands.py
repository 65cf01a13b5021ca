"""What becomes of a command: confirmed by what is read back, refused with the device's reason, or honestly unknown."""

import asyncio
from pathlib import Path

import pytest

from equipment_drivers.nodemap import read_nodemap
from equipment_drivers.opcua.driver import OpcUaDriver
from equipment_drivers.prodigy import SIMULATOR_MAP
from equipment_drivers.readings import CommandResult, CommandVerb, LinkState
from equipment_drivers.simulators.faults import FaultKind, InjectedFault
from tests.drivers.stage import Cable, MemorySink, ask, collecting, eventually, simulator, start_program

V, R = CommandVerb, CommandResult
SCENE: list[tuple[CommandVerb, dict[str, str], CommandResult, str]] = [
    (V.START, {}, R.REFUSED, "not sent: the device is IDLE, not READY"),
    (V.SELECT_PROGRAM, {"program": "9", "batch": "B"}, R.REFUSED, "the device refused: BadOutOfRange"),
    (V.SELECT_PROGRAM, {"program": "2"}, R.REFUSED, "not sent: the argument batch is missing"),
    (V.SELECT_PROGRAM, {"program": "two", "batch": "B"}, R.REFUSED, "not sent: invalid literal"),
    (V.SELECT_PROGRAM, {"program": "2", "batch": "B"}, R.CONFIRMED, "read back unit.state=READY, program.number=2"),
    (V.SELECT_PROGRAM, {"program": "3", "batch": "B"}, R.CONFIRMED, "read back unit.state=READY, program.number=3"),
    (V.START, {}, R.CONFIRMED, "read back unit.state=RUNNING"),
    (V.SELECT_PROGRAM, {"program": "4", "batch": "B"}, R.REFUSED, "not sent: the device is RUNNING"),
    (V.HOLD, {}, R.CONFIRMED, "read back unit.state=HELD"),
    (V.ACKNOWLEDGE_WAIT, {}, R.REFUSED, "not sent: the device is HELD"),
    (V.RESUME, {}, R.CONFIRMED, "read back unit.state=RUNNING"),
    (V.ACKNOWLEDGE_ALARM, {"event_id": "00ff", "comment": ""}, R.REFUSED, "the device refused: BadEventIdUnknown"),
    (V.STOP, {}, R.CONFIRMED, "read back unit.state=STOPPED"),
    (V.ABORT, {}, R.CONFIRMED, "read back unit.state=ABORTED"),
]


def test_a_table_of_commands(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki) as stage:
            sink, driver = MemorySink(stage.clock.now), stage.driver()
            early = await ask(driver, V.START)
            assert (early.result, early.detail) == (R.REFUSED, "not sent: the link is OFFLINE")
            async with collecting(driver, sink):
                for verb, args, result, detail in SCENE:
                    outcome = await ask(driver, verb, **args)
                    assert (outcome.result, detail in outcome.detail) == (result, True), (verb, outcome)

    asyncio.run(scene())


def test_a_command_the_map_does_not_have_is_refused(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki) as stage:
            short = tmp_path / "short.yaml"
            short.write_text(SIMULATOR_MAP.read_text().partition("commands:")[0])
            driver = stage.driver(nodemap=short)
            async with collecting(driver, MemorySink(stage.clock.now)):
                outcome = await ask(driver, V.START)
            assert (outcome.result, outcome.detail) == (R.REFUSED, "not sent: the node map has no command start")

    asyncio.run(scene())


def _deaf(driver_map: Path) -> Path:
    driver_map.write_text(SIMULATOR_MAP.read_text().replace("within_s: 10", "within_s: 1"))
    return driver_map


def test_accepted_but_without_effect_is_unknown_and_so_is_a_cut_cable(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        faults = (InjectedFault(FaultKind.DEAF, 0.0, 1.0),)
        async with simulator(tmp_path, pki, faults) as stage:
            cable = Cable(stage.port)
            nodemap = _deaf(tmp_path / "quick.yaml")
            driver = OpcUaDriver(stage.endpoint(await cable.plug()), read_nodemap(nodemap), (0.05,))
            async with collecting(driver, MemorySink(stage.clock.now)):
                outcome = await ask(driver, V.SELECT_PROGRAM, program="1", batch="B")
                assert outcome.result is R.UNKNOWN
                assert "accepted, but after 1 s still unit.state=IDLE" in outcome.detail
                asked = asyncio.create_task(ask(driver, V.SELECT_PROGRAM, program="1", batch="B"))
                await asyncio.sleep(0.3)
                cable.cut()
                outcome = await asked
                assert outcome.result is R.UNKNOWN
                assert outcome.detail.startswith("sent, then the link failed:")
                await eventually(lambda: driver.link is LinkState.OFFLINE, 2)
            await cable.unplug()

    asyncio.run(scene())


@pytest.mark.parametrize("kind", [FaultKind.PROMPT, FaultKind.CLAMP])
def test_a_waiting_device_goes_on_when_it_is_acknowledged(tmp_path: Path, pki: Path, kind: FaultKind) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki, (InjectedFault(kind, 0.2, 0.1),)) as stage:
            sink, driver = MemorySink(stage.clock.now), stage.driver()
            async with collecting(driver, sink):
                await start_program(driver, 2)
                stage.clock.run(1)
                await stage.caught_up(sink)
                assert sink.state is not None
                assert sink.state.last["unit.state"].value == "SUSPENDED"
                reason = "OPERATOR_PROMPT" if kind is FaultKind.PROMPT else "PRESSURE_CHECK"
                assert sink.state.last["wait.reason"].value == reason
                outcome = await ask(driver, V.ACKNOWLEDGE_WAIT)
                assert (outcome.result, outcome.detail) == (R.CONFIRMED, "read back unit.state=RUNNING")

    asyncio.run(scene())


def test_an_alarm_comes_is_acknowledged_and_goes(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki, (InjectedFault(FaultKind.HEAT_LOSS, 6.0, 2.0, 3.0),)) as stage:
            sink, driver = MemorySink(stage.clock.now), stage.driver()
            async with collecting(driver, sink):
                await start_program(driver, 3)
                stage.clock.run(7)
                await stage.caught_up(sink)
                (raised,) = sink.alarms.values()
                assert (raised.code, raised.severity, raised.active, raised.acknowledged) == (
                    "TEMPERATURE_EXCURSION", 800, True, False,
                )  # fmt: skip
                outcome = await ask(driver, V.ACKNOWLEDGE_ALARM, event_id=raised.event_id, comment="seen")
                assert outcome.result is R.CONFIRMED
                stage.clock.run(4)
                await stage.caught_up(sink)
                told = [(alarm.active, alarm.acknowledged) for alarm in sink.alarms.values()]
                assert told == [(True, False), (True, True), (False, True)]
            temperatures = [float(r.value) for r in sink.rows.values() if r.tag == "culture.temperature"]
            assert min(temperatures[400:]) < 35.0
            assert temperatures[-1] > 36.5

    asyncio.run(scene())


def test_alarms_that_stand_are_told_again_to_a_new_subscription(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki, (InjectedFault(FaultKind.MAINS, 0.5, 9.0),)) as stage:
            sink = MemorySink(stage.clock.now)
            async with collecting(stage.driver(), sink):
                stage.clock.run(1)
                await stage.caught_up(sink)
            late = MemorySink(stage.clock.now)
            async with collecting(stage.driver(), late):
                await eventually(lambda: bool(late.alarms), 5)
            assert [(alarm.code, alarm.active) for alarm in late.alarms.values()] == [("MAINS_LOST", True)]
            assert late.alarms.keys() == sink.alarms.keys()

    asyncio.run(scene())

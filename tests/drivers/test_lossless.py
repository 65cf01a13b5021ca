"""No sample is lost and none comes twice: killed clients, cut cables, restarted devices; counted against the truth."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from equipment_drivers.readings import LinkState, Origin
from equipment_drivers.simulators.faults import FaultKind, InjectedFault
from tests.drivers.stage import (
    PASSWORD,
    USER,
    Cable,
    FileSink,
    MemorySink,
    collecting,
    eventually,
    simulator,
    start_program,
    truth_of,
)


def test_every_sample_of_six_hours_arrives_once(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        broken = InjectedFault(FaultKind.BAD_SENSOR, 1.0, 1.0, tag="culture.co2")
        async with simulator(tmp_path, pki, (broken,)) as stage:
            sink, driver = MemorySink(stage.clock.now), stage.driver()
            async with collecting(driver, sink):
                await start_program(driver, 2)
                stage.clock.run(6)
                await stage.caught_up(sink)
            truth = truth_of(stage.truth)
            assert len(truth) > 3000
            assert sink.samples() == truth
            # bad quality is data: stored without a value, never dropped
            assert sum(status == "808C0000" and value == "" for _, _, value, status in truth) == 60
            assert not sink.gaps
            assert [state for state, _ in sink.links] == [LinkState.CONNECTING, LinkState.LIVE]
            assert driver.build_info is not None
            assert "invented" in driver.build_info.manufacturer
            assert abs(driver.clock_skew_s or 0) < 5

    asyncio.run(scene())


def test_a_killed_client_is_adopted_by_the_next(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki) as stage:
            sink = MemorySink(stage.clock.now)
            first = stage.driver()
            async with collecting(first, sink):
                await start_program(first, 1)
                stage.clock.run(12, factor=40_000)
                await asyncio.sleep(0.4)
            assert sink.state is not None
            held, before = len(sink.rows), sink.state
            await asyncio.sleep(0.8)
            async with collecting(stage.driver(), sink):
                await stage.caught_up(sink)
            assert sink.samples() == truth_of(stage.truth)
            assert len(sink.rows) > held
            assert (sink.state.subscription, sink.state.session_id) == (before.subscription, before.session_id)
            assert sink.state.server_nonce != before.server_nonce
            assert not sink.gaps
            assert (LinkState.BACKFILLING, "replaying what the device kept") in sink.links

    asyncio.run(scene())


class SlowSink(MemorySink):
    """A sink whose disk hangs once: the client is killed while a message is received but not yet durable."""

    hanging = False

    async def commit(self, publish, session) -> None:
        if self.hanging and publish.readings:
            await asyncio.Event().wait()
        await super().commit(publish, session)


def test_a_message_that_was_not_durable_is_not_acknowledged(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki) as stage:
            sink = SlowSink(stage.clock.now)
            async with collecting(stage.driver(), sink):
                await eventually(lambda: bool(sink.rows), 5)
                sink.hanging = True
                stage.clock.run(12, factor=40_000)
                await asyncio.sleep(1.0)
            sink.hanging = False
            async with collecting(stage.driver(), sink):
                await stage.caught_up(sink)
            assert sink.samples() == truth_of(stage.truth)
            assert not sink.gaps
            assert any(row.origin is Origin.REPUBLISHED for row in sink.rows.values())

    asyncio.run(scene())


def test_a_client_killed_with_sigkill_is_adopted(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki) as stage:
            journal = tmp_path / "journal.sqlite"
            child = await asyncio.create_subprocess_exec(
                sys.executable, str(Path(__file__).parent / "child.py"), str(stage.port), str(tmp_path), USER, PASSWORD,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )  # fmt: skip
            sink = FileSink(journal, stage.clock.now)
            await eventually(lambda: sink.count("row") > 0, 20)
            stage.clock.run(12, factor=20_000)
            await eventually(lambda: sink.count("row") > 100, 10)
            child.send_signal(signal.SIGKILL)
            assert await child.wait() == -signal.SIGKILL
            held = sink.count("row")
            await asyncio.sleep(0.7)
            async with collecting(stage.driver(), sink):
                await stage.caught_up(sink)
            assert sink.samples() == truth_of(stage.truth)
            assert sink.count("row") > held
            assert sink.count("gap") == 0
            sink.close()

    asyncio.run(scene())


def test_a_cut_cable_loses_nothing(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki) as stage:
            cable = Cable(stage.port)
            sink, driver = MemorySink(stage.clock.now), stage.driver(await cable.plug())
            async with collecting(driver, sink):
                stage.clock.run(24, factor=20_000)
                await asyncio.sleep(0.5)
                cable.cut()
                await eventually(lambda: driver.link is LinkState.OFFLINE, 2)
                await asyncio.sleep(2.0)
                cable.mend()
                await stage.caught_up(sink)
            await cable.unplug()
            assert sink.samples() == truth_of(stage.truth)
            assert not sink.gaps
            # told once, not once per attempt
            assert [state for state, _ in sink.links].count(LinkState.OFFLINE) == 1

    asyncio.run(scene())


def test_when_the_session_is_gone_the_subscription_is_transferred(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki) as stage:
            sink = MemorySink(stage.clock.now)
            async with collecting(stage.driver(), sink):
                stage.clock.run(6)
                await asyncio.sleep(0.3)
            assert sink.state is not None
            before = sink.state
            forged = before.to_json() | {"authentication_token": "i=999999", "server_nonce": "00" * 32}
            sink.state = type(before).from_json(forged)
            async with collecting(stage.driver(), sink):
                await stage.caught_up(sink)
            assert sink.samples() == truth_of(stage.truth)
            assert sink.state.subscription == before.subscription
            assert sink.state.session_id != before.session_id
            assert not sink.gaps
            assert {state for state, _ in sink.links} == {LinkState.CONNECTING, LinkState.BACKFILLING, LinkState.LIVE}

    asyncio.run(scene())


def test_a_restarted_device_gives_a_new_subscription_and_a_gap(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        sink: MemorySink | None = None
        async with simulator(tmp_path, pki) as stage:
            sink, driver = MemorySink(stage.clock.now), stage.driver()
            async with collecting(driver, sink):
                stage.clock.run(1)
                await stage.caught_up(sink)
            port = stage.port
        assert sink.state is not None
        before, rows = sink.state, len(sink.rows)
        async with simulator(tmp_path, pki, port=port) as again, collecting(again.driver(), sink):
            await eventually(lambda: len(sink.rows) > rows, 5)
        # a server counts its subscriptions from the same number again: only the generation keeps them apart
        assert sink.state.subscription == before.subscription
        assert sink.state.number != before.number
        assert [gap.cause.partition(":")[0] for gap in sink.gaps] == ["subscription-lost"]
        assert "device.clock" in sink.gaps[0].tags

    asyncio.run(scene())


def test_an_unreachable_device_is_tried_again_for_ever(tmp_path: Path, pki: Path) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki) as stage:
            cable = Cable(stage.port)
            sink, driver = MemorySink(stage.clock.now), stage.driver(await cable.plug())
            cable.cut()
            running = asyncio.create_task(driver.run(sink))
            await eventually(lambda: driver.link is LinkState.OFFLINE, 3)
            began = time.monotonic()
            await asyncio.sleep(0.6)
            assert not running.done()
            cable.mend()
            await eventually(lambda: driver.link is LinkState.LIVE, 5)
            assert time.monotonic() - began < 5
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await cable.unplug()
            assert [state for state, _ in sink.links] == [LinkState.CONNECTING, LinkState.OFFLINE, LinkState.LIVE]

    asyncio.run(scene())


@pytest.mark.parametrize("factor", [1.0, 50_000.0])
def test_a_clock_that_stands_still_shows_its_time_once(tmp_path: Path, pki: Path, factor: float) -> None:
    async def scene() -> None:
        async with simulator(tmp_path, pki) as stage:
            sink = MemorySink(stage.clock.now)
            async with collecting(stage.driver(), sink):
                stage.clock.run(0.51 if factor > 1 else 0.5 / 3600, factor)
                await stage.caught_up(sink)
                rows = len(sink.rows)
                await asyncio.sleep(0.5)
                assert len(sink.rows) == rows
            assert sink.samples() == truth_of(stage.truth)

    asyncio.run(scene())

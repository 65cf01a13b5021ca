"""A simulated device over real OPC UA into the record: what it emitted is what was recorded, sample by sample."""

import asyncio
import csv
import json
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from equipment_drivers.opcua.security import own_identity, thumbprint, trust
from equipment_drivers.readings import CommandVerb
from equipment_drivers.simulators.prodigy import serve_prodigy, simulator_identity
from mes.equipment.collector import collect
from mes.equipment.model import Binding, Registration
from mes.equipment.outbox import CommandOutbox
from mes.equipment.samples import sample_of
from mes.equipment.spool import CommandSpool
from mes.equipment.ticks import ticks_from_text
from mes.equipment.writes import command_writes
from mes.ids import new_op
from tests.equipment.builders import ADMIN, DEVICE, NODEMAP, QA, RUN, SIGNED, House, at
from tests.equipment.stuck_collector import settings

USER, PASSWORD = "septima", "not a real secret"
IDLE = f"{DEVICE}.idle"
LIMIT_S = 60
Row = tuple[str, int | None, str, int]


def a_free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def the_simulator_is_registered(house: House, folder: Path, url: str) -> None:
    """Let each side trust the other, and enter the device as it shows itself."""
    ours, theirs = folder / "keys" / "opcua", folder / "simulator"
    server = simulator_identity(theirs).certificate.read_bytes()
    trust(ours, server)
    trust(theirs, own_identity(ours, "collector", "urn:septima:site-one:collector").certificate.read_bytes())
    secret = folder / "keys" / "devices" / f"{DEVICE}.json"
    secret.parent.mkdir()
    secret.write_text(json.dumps({"user": USER, "password": PASSWORD}))
    secret.chmod(0o600)
    wanted = Registration(
        "cell_processor", "prodigy_like", "SIM-1", Binding.OPCUA, True, url, server_thumbprint=thumbprint(server)
    )
    state = house.service.register(DEVICE, wanted, nodemap=NODEMAP.read_bytes(), by=ADMIN, op=new_op())
    house.service.approve_nodemap(DEVICE, state.registration.nodemap, signature=SIGNED, by=QA, op=new_op())
    house.service.qualify(DEVICE, at(60 * 24), by=QA, op=new_op())


def emitted(truth: Path) -> list[Row]:
    with truth.open() as file:
        rows = list(csv.DictReader(file))
    return sorted(
        (row["tag"], ticks_from_text(row["source_time"]), row["value"], int(row["status"], 16)) for row in rows
    )


def recorded(house: House) -> list[Row]:
    found = []
    for run in (RUN, IDLE):
        for chunk in house.telemetry.chunks(run):
            for line in chunk.body.decode().splitlines():
                row = sample_of(line)
                found.append((chunk.tag, row.source_time, row.value, row.status))
    return sorted(found)


class Rehearsal:
    """The conductor's part: moves the held clock on and waits until every tick before it is in the record."""

    def __init__(self, house: House, spool: CommandSpool) -> None:
        self.house, self.outbox = house, CommandOutbox(house.ledger, spool, house.observer)

    async def reached(self, until: Callable[[], object]) -> None:
        while not until():
            if not self.house.drain.step(self.house.clock.now()):
                await asyncio.sleep(0.02)

    async def pass_on(self, minutes: float) -> None:
        self.house.clock.advance(timedelta(minutes=minutes))
        now = self.house.clock.now()
        await self.reached(lambda: (self.house.drain.tick(DEVICE) or at(-1)) >= now)

    async def command(self, ident: str, verb: CommandVerb, **args: str) -> None:
        state, now = self.house.service.state(DEVICE), self.house.clock.now()
        asked = {"run": RUN, "command": ident, "verb": verb, "args": args, "step": "S-1", "now": now}
        self.house.append(command_writes(state, **asked))
        self.outbox.flush(now)
        outcomes = lambda: [one for one in self.house.facts("equipment:command:outcome") if one["command"] == ident]  # noqa: E731
        await self.reached(outcomes)
        assert outcomes()[0]["result"] == "CONFIRMED", outcomes()

    async def play(self) -> None:
        """Two virtual hours: idle, then a run with a program, then idle until all hours are sealed."""
        await self.pass_on(20)
        self.house.allocate(20)
        await self.command("c-1", CommandVerb.SELECT_PROGRAM, program="3", batch="B-1")
        await self.command("c-2", CommandVerb.START)
        for _ in range(4):
            await self.pass_on(20)
        self.house.release(100)
        await self.pass_on(20)


def test_what_the_device_emitted_is_what_was_recorded(house: House, tmp_path: Path) -> None:
    url, truth = f"opc.tcp://127.0.0.1:{a_free_port()}", tmp_path / "truth.csv"
    the_simulator_is_registered(house, tmp_path, url)
    spool = CommandSpool(tmp_path / "commands.spool")

    async def run() -> None:
        stop, unplug, ready = asyncio.Event(), asyncio.Event(), asyncio.Event()
        now = house.clock.now
        pki = tmp_path / "simulator"
        device = serve_prodigy(url, now, 7, "average", (), truth, pki, USER, PASSWORD, unplug, ready.set)
        async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(device)
            await ready.wait()
            tasks.create_task(collect(settings(tmp_path), now, stop))
            await Rehearsal(house, spool).play()
            stop.set()
            unplug.set()

    asyncio.run(run())
    spool.close()
    house.drain_all(600)
    expected = emitted(truth)
    assert recorded(house) == expected
    assert house.telemetry.recorded(DEVICE) == len(expected) > 500
    of_the_run = {row.from_at for row in house.telemetry.chunks(RUN)}
    assert of_the_run == {at(0), at(60)}
    states = [one["state"] for one in house.facts("equipment:unit:state") if one["run"] == RUN]
    assert states == ["READY", "RUNNING", "COMPLETE"]

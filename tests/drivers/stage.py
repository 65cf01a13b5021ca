"""The stage of the wire tests: a virtual clock, sinks that really store, a simulator, and a cable that can be cut."""

import asyncio
import csv
import json
import shutil
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from equipment_drivers.driver import Publish, SubscriptionState
from equipment_drivers.nodemap import read_nodemap
from equipment_drivers.opcua import security
from equipment_drivers.opcua.channel import Endpoint
from equipment_drivers.opcua.driver import OpcUaDriver
from equipment_drivers.opcua.values import ticks_of, ticks_text
from equipment_drivers.prodigy import SIMULATOR_MAP
from equipment_drivers.readings import Alarm, Command, CommandOutcome, CommandVerb, Gap, LinkState, Reading
from equipment_drivers.simulators.faults import InjectedFault
from equipment_drivers.simulators.prodigy import serve_prodigy, simulator_identity

T0 = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
USER, PASSWORD = "septima", "not a real secret"
QUICK = (0.05, 0.1, 0.2)
UP = (LinkState.LIVE, LinkState.DEGRADED)
Row = tuple[str, str, str, str]


class VirtualClock:
    """Held, or running at a factor up to a time."""

    def __init__(self, start: datetime = T0) -> None:
        self._base, self._factor, self._anchor, self.until = start, 0.0, 0.0, start

    def now(self) -> datetime:
        passed = timedelta(seconds=(time.monotonic() - self._anchor) * self._factor)
        return min(self.until, self._base + passed) if self._factor else self._base

    def run(self, hours: float, factor: float = 20_000) -> None:
        self._base = self.now()
        self._anchor, self._factor, self.until = time.monotonic(), factor, self._base + timedelta(hours=hours)


@dataclass
class MemorySink:
    """Keeps what a process would lose only with its memory; unique by (subscription, sequence, item)."""

    now: Callable[[], datetime]
    rows: dict[tuple[int, int, int], Reading] = field(default_factory=dict)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    links: list[tuple[LinkState, str]] = field(default_factory=list)
    state: SubscriptionState | None = None
    commits: int = 0

    async def commit(self, publish: Publish, session: SubscriptionState) -> None:
        self.commits += 1
        self.rows.update({(row.subscription, row.sequence, row.item): row for row in publish.readings})
        self.alarms.update({alarm.event_id: alarm for alarm in publish.alarms})
        self.gaps += publish.gaps
        self.state = SubscriptionState.from_json(json.loads(json.dumps(session.to_json())))

    def restore(self) -> SubscriptionState | None:
        return self.state

    def link_changed(self, state: LinkState, detail: str) -> None:
        self.links.append((state, detail))

    def now_ticks(self) -> int:
        return ticks_of(self.now())

    def samples(self) -> list[Row]:
        return sorted(row_of(reading) for reading in self.rows.values())


class FileSink(MemorySink):
    """A sink that survives kill -9: one SQLite transaction per message, synchronous=FULL."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE IF NOT EXISTS row (sub INTEGER, seq INTEGER, item INTEGER, reading TEXT,"
            " PRIMARY KEY (sub, seq, item));"
            "CREATE TABLE IF NOT EXISTS gap (gap TEXT);"
            "CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY, state TEXT);"
        )

    async def commit(self, publish: Publish, session: SubscriptionState) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT OR IGNORE INTO row VALUES (?, ?, ?, ?)",
            [(r.subscription, r.sequence, r.item, json.dumps(asdict(r))) for r in publish.readings],
        )
        self._db.executemany("INSERT INTO gap VALUES (?)", [(gap.cause,) for gap in publish.gaps])
        self._db.execute("REPLACE INTO state VALUES (1, ?)", [json.dumps(session.to_json())])
        self._db.execute("COMMIT")

    def restore(self) -> SubscriptionState | None:
        found = self._db.execute("SELECT state FROM state").fetchone()
        return SubscriptionState.from_json(json.loads(found[0])) if found else None

    def samples(self) -> list[Row]:
        return sorted(row_of(Reading(**json.loads(text))) for (text,) in self._db.execute("SELECT reading FROM row"))

    def count(self, table: str) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def close(self) -> None:
        self._db.close()


def row_of(reading: Reading) -> Row:
    """The reading as a row of the ground truth."""
    assert reading.source_time is not None
    return (reading.tag, ticks_text(reading.source_time), reading.value, f"{reading.status:08X}")


def truth_of(path: Path) -> list[Row]:
    with path.open() as file:
        return sorted(tuple(row) for row in list(csv.reader(file))[1:])


class Cable:
    """A TCP relay on the loopback that can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._port, self._cut = port, False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def plug(self) -> int:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        there_reader, there = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, there}
        for source, target in ((reader, there), (there_reader, writer)):
            task = asyncio.create_task(self._pump(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.transport.abort()

    def cut(self) -> None:
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def mend(self) -> None:
        self._cut = False

    async def unplug(self) -> None:
        self.cut()
        self._server.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_pki(folder: Path) -> None:
    """Two applications that trust each other: sim/ and mes/."""
    server = simulator_identity(folder / "sim")
    client = security.own_identity(folder / "mes", "collector", "urn:septima:test:collector")
    security.trust(folder / "sim", client.certificate.read_bytes())
    security.trust(folder / "mes", server.certificate.read_bytes())


@dataclass
class Stage:
    """A running simulator and what is needed to talk to it."""

    folder: Path
    clock: VirtualClock
    port: int
    stop: asyncio.Event
    serving: asyncio.Task[None]

    @property
    def truth(self) -> Path:
        return self.folder / "truth.csv"

    def endpoint(self, port: int | None = None, password: str = PASSWORD) -> Endpoint:
        pki = self.folder / "mes"
        identity = security.own_identity(pki, "collector", "urn:septima:test:collector")
        return Endpoint(f"opc.tcp://127.0.0.1:{port or self.port}/", USER, password, pki, identity)

    def driver(self, port: int | None = None, password: str = PASSWORD, nodemap: Path = SIMULATOR_MAP) -> OpcUaDriver:
        return OpcUaDriver(self.endpoint(port, password), read_nodemap(nodemap), QUICK)

    async def caught_up(self, sink: MemorySink) -> None:
        """Wait until the sink holds a clock sample of the time at which the clock stands still."""
        target = ticks_of(self.clock.until)

        def arrived() -> bool:
            last = sink.restore()
            clock = last.last.get("device.clock") if last else None
            return clock is not None and (clock.source_time or 0) >= target

        await eventually(arrived, 60)


@asynccontextmanager
async def simulator(
    folder: Path,
    pki: Path,
    scenario: Sequence[InjectedFault] = (),
    port: int | None = None,
    password: str = PASSWORD,
) -> AsyncIterator[Stage]:
    """Run a simulated device in this event loop, over real sockets."""
    for side in ("sim", "mes"):
        if not (folder / side).exists():
            shutil.copytree(pki / side, folder / side)
    clock, stop, ready, port = VirtualClock(), asyncio.Event(), asyncio.Event(), port or free_port()
    serving = asyncio.create_task(
        serve_prodigy(
            f"opc.tcp://127.0.0.1:{port}/", clock.now, 7, "average", scenario, folder / "truth.csv",
            folder / "sim", USER, password, stop, ready.set,
        )
    )  # fmt: skip
    up = asyncio.create_task(ready.wait())
    await asyncio.wait({serving, up}, return_when=asyncio.FIRST_COMPLETED)
    up.cancel()
    try:
        yield Stage(folder, clock, port, stop, serving)
    finally:
        stop.set()
        await serving


@asynccontextmanager
async def collecting(driver: OpcUaDriver, sink: MemorySink) -> AsyncIterator[asyncio.Task[None]]:
    """Run a driver until the end of the block, then kill it without a goodbye."""
    running = asyncio.create_task(driver.run(sink))
    try:
        await eventually(lambda: driver.link in UP or running.done(), 15)
        if running.done():
            running.result()
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def eventually(holds: Callable[[], bool], within_s: float) -> None:
    """Wait until something holds, or fail."""
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, f"did not hold within {within_s} s"
        await asyncio.sleep(0.01)


async def ask(driver: OpcUaDriver, verb: CommandVerb, **args: str) -> CommandOutcome:
    return await driver.execute(Command(f"c-{time.monotonic_ns()}", verb, args))


async def start_program(driver: OpcUaDriver, number: int) -> None:
    for verb, args in ((CommandVerb.SELECT_PROGRAM, {"program": str(number), "batch": "B-1"}), (CommandVerb.START, {})):
        outcome = await ask(driver, verb, **args)
        assert outcome.result == "CONFIRMED", outcome.detail

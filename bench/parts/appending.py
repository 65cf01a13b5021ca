"""One durable append against one bare insert and commit on the same database, without and with projections."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

from bench.compare import timed
from bench.figures import Figure, ratio
from bench.parts.grounds import DATA, NOW, NURSE, a_ledger, bare
from bench.parts.replaying import History, Played, record_history
from mes.app import PROJECTORS
from mes.ids import Op, Stream
from mes.ledger.entry import Draft, Write
from mes.ledger.store import Ledger

WARM_UP = 200
FLOOR = (
    "Floor: the driver alone (sqlite3, psycopg; no SQLAlchemy), one INSERT of a row of as many bytes as the entry's"
    " (integer key, one body) and COMMIT, same database file or server, same settings (SQLite: WAL, synchronous=FULL,"
    " BEGIN IMMEDIATE; PostgreSQL: fsync on, synchronous_commit=on, execute and commit as psycopg does them)."
)


def one_by_one(ledger: Ledger) -> Callable[[int], Callable[[], None]]:
    """Return what prepares a number of appends: drafts and operation ids are the callers', made beforehand."""
    moments = count(1)

    def prepared(many: int) -> Callable[[], None]:
        drafts = (Draft("batch:value:recorded", DATA),)
        writes = [[Write(Stream(f"batch/B-{place % 40}"), drafts)] for place in range(many)]
        terms = [(Op(str(uuid4())), each, NOW + timedelta(seconds=next(moments))) for each in writes]

        def act() -> None:
            for op, write, now in terms:
                ledger.append(op, write, actor=NURSE, now=now)

        return act

    return prepared


def append_ratio(url: str, label: str, rounds: int, many: int) -> list[Figure]:
    """Measure one entry per operation without projections."""
    ours: list[float] = []
    floor: list[float] = []
    with a_ledger(url) as (_, ledger), bare(url) as insert:
        prepared = one_by_one(ledger)
        prepared(WARM_UP)()
        entry = ledger.entry(ledger.size - 1)
        row = bytes(len(entry.body) + len(entry.leaf))

        def bare_inserts() -> None:
            for _ in range(many):
                insert([row])

        bare_inserts()
        for _ in range(rounds):
            ours.append(timed(prepared(many)) / many)
            floor.append(timed(bare_inserts) / many)
    method = f"Rate of Ledger.append of one entry of {len(entry.body)} bytes, without projections, over the floor's. "
    return [
        ratio(f"append_ratio_{label}", floor, ours, method + FLOOR, rule="PERF-06", at_least=0.6),
        *_times(f"append_{label}", ours, floor, "PERF-06"),
    ]


def _times(name: str, ours: Sequence[float], floor: Sequence[float], rule: str) -> Iterator[Figure]:
    from bench.figures import figure

    target = {"at_most": 1.5} if rule == "PERF-06" else {}
    yield figure(f"{name}_ms", [each * 1e3 for each in ours], "ms", "Mean of one round's appends.", rule=rule, **target)
    yield figure(f"{name}_floor_ms", [each * 1e3 for each in floor], "ms", "The floor's own, same rounds.", rule=rule)


def append_ratio_full(new_url: Callable[[], str], label: str, rounds: int, history: History) -> list[Figure]:
    """Measure the operations of a real batch with all projections of the product, each round in a fresh database."""
    ours: list[float] = []
    floor: list[float] = []
    for _ in range(rounds):
        url = new_url()
        with a_ledger(url, site=history.site, tz=history.tz, now=history.begun, projectors=PROJECTORS) as opened:
            _, ledger = opened
            with bare(url) as insert:
                first, second = ours, floor
                first.append(timed(lambda: history.replay(ledger)) / len(history.operations))  # noqa: B023
                second.append(timed(lambda: _inserted(insert, history.operations)) / len(history.operations))
    method = (
        f"Rate of {len(history.operations)} operations ({history.entries} entries: people, master, order, one batch to"
        " its intake, recorded by the product itself and replayed byte for byte) with every projector of mes.app."
        " Floor: the same bytes inserted bare, one row per entry, one commit per operation. "
    )
    return [
        ratio(f"append_ratio_full_{label}", floor, ours, method + FLOOR, rule="PERF-03"),
        *_times(f"append_full_{label}", ours, floor, "PERF-03"),
    ]


def _inserted(insert: Callable[[list[bytes]], None], operations: Sequence[Played]) -> None:
    for played in operations:
        insert([bytes(size) for size in played.sizes])


def history_in(folder: Path) -> History:
    """Record the history that is replayed."""
    start = time.perf_counter()
    with closing(record_history(folder)) as house:
        history = History.of(house.wired.services.ledger)
    print(f"a batch's history of {history.entries} entries recorded in {time.perf_counter() - start:.0f} s")
    return history

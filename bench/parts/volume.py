"""A large ledger: bulk appends, verification, proofs, and what an append costs when a million stand before it."""

import hashlib
import os
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import quantiles

from bench.compare import timed
from bench.figures import Figure, figure, ratio
from bench.parts.appending import one_by_one
from bench.parts.grounds import DATA, NOW, NURSE, a_ledger
from mes.ids import Stream, new_op
from mes.ledger.database import SQLITE_SETTINGS
from mes.ledger.entry import Draft, Write
from mes.ledger.merkle import verify_inclusion
from mes.ledger.store import Ledger
from mes.ledger.verify import verify_ledger

IN_ONE_OPERATION = 5_000
SMALL = 10_000
PROOFS = 200


def filled(ledger: Ledger, size: int) -> list[float]:
    """Append in operations of 5,000 drafts until the ledger has `size` entries; return the seconds of each."""
    seconds = []
    draft = Draft("batch:value:recorded", DATA)
    while (rest := size - ledger.size) > 0:
        many = min(rest, IN_ONE_OPERATION)
        writes = [
            Write(Stream(f"batch/B-{place}"), (draft,) * (many // 50)) for place in range(50 if many >= 50 else 0)
        ]
        over = many % 50 if writes else many
        if over:
            writes.append(Write(Stream("batch/B-rest"), (draft,) * over))
        op, now = new_op(), NOW + timedelta(seconds=ledger.size)
        seconds.append(timed(lambda: ledger.append(op, writes, actor=NURSE, now=now)))  # noqa: B023 - called at once
    return seconds


def bulk(folder: Path, rounds: int) -> list[Figure]:
    """Measure one durable operation of 5,000 drafts against one bare transaction of as many rows."""
    ours: list[float] = []
    floor: list[float] = []
    with a_ledger(f"sqlite:///{folder / 'bulk.sqlite'}") as (_, ledger):
        size = len(ledger.entry(0).body) + 32
        bare = _bare_bulk(folder / "bulk-floor.sqlite")
        for _ in range(rounds + 1):
            ours += filled(ledger, ledger.size + IN_ONE_OPERATION)
            size = len(ledger.entry(ledger.size - 1).body) + 32
            floor.append(timed(lambda: bare(bytes(size))))  # noqa: B023 - called at once
    method = (
        "One operation of 5,000 drafts to 50 streams on SQLite, from drafts to durable commit, without projections."
    )
    rates = [IN_ONE_OPERATION / each for each in ours[1:]]
    under = "Its rate over one bare transaction of 5,000 rows of as many bytes (executemany, one integer key)."
    return [
        figure("bulk_append_per_s", rates, "1/s", method, rule="PERF-07", at_least=20_000),
        ratio("bulk_append_ratio", floor[1:], ours[1:], under, rule="PERF-07"),
    ]


def _bare_bulk(path: Path) -> Callable[[bytes], None]:
    key = 0

    def insert(row: bytes) -> None:
        nonlocal key
        driver = sqlite3.connect(path, isolation_level=None)
        try:
            for name, value in SQLITE_SETTINGS.items():
                driver.execute(f"PRAGMA {name}={value}")
            driver.execute("CREATE TABLE IF NOT EXISTS bare (key INTEGER PRIMARY KEY, body BLOB NOT NULL)")
            driver.execute("BEGIN IMMEDIATE")
            rows = [(key + place, row) for place in range(1, IN_ONE_OPERATION + 1)]
            driver.executemany("INSERT INTO bare VALUES (?, ?)", rows)
            driver.execute("COMMIT")
            key += IN_ONE_OPERATION
        finally:
            driver.close()

    return insert


def verification(folder: Path, rounds: int, size: int) -> list[Figure]:
    """Measure quick and full verification against reading and hashing the same stored bytes."""
    path = folder / "verify.sqlite"
    quick: list[float] = []
    full: list[float] = []
    floor: list[float] = []
    with a_ledger(f"sqlite:///{path}") as (engine, ledger):
        for part in range(1, 11):
            filled(ledger, size * part // 10)
            ledger.checkpoint(NOW)
        for _ in range(rounds):
            quick.append(timed(lambda: verify_ledger(engine, full=False)))
            floor.append(timed(lambda: _read_and_hashed(path)))
            full.append(timed(lambda: verify_ledger(engine, full=True)))
    method = f"{size:,} entries with 10 signed checkpoints on SQLite, from stored bytes in one snapshot. "
    leaves = method + "Quick: indexes, leaf hashes, tree and stored nodes, checkpoints, triggers; no JSON parsed."
    whole = method + "Full: also parse, canonical form, rules, streams, operations, references, contents."
    hashing = "Quick over the floor: SELECT body in order, SHA-256 of each, nothing else."
    return [
        figure("verify_per_s", [size / each for each in quick], "1/s", leaves, rule="PERF-08", at_least=100_000),
        figure("verify_full_per_s", [size / each for each in full], "1/s", whole, rule="PERF-08", at_least=30_000),
        ratio("verify_ratio", floor, quick, hashing, rule="PERF-08"),
    ]


def _read_and_hashed(path: Path) -> None:
    driver = sqlite3.connect(path)
    try:
        for (body,) in driver.execute("SELECT body FROM entry ORDER BY position"):
            hashlib.sha256(b"\x00" + body).digest()
    finally:
        driver.close()


def growth(folder: Path, rounds: int, size: int, many: int) -> list[Figure]:
    """Measure proofs in a ledger of `size` entries, and single appends there against a ledger of 10,000."""
    proofs: list[float] = []
    tails: list[float] = []
    late: list[float] = []
    early: list[float] = []
    with (
        a_ledger(f"sqlite:///{folder / 'large.sqlite'}") as (_, large),
        a_ledger(f"sqlite:///{folder / 'small.sqlite'}") as (_, small),
    ):
        start = time.perf_counter()
        filled(large, size)
        filled(small, min(SMALL, size))
        took = time.perf_counter() - start
        print(f"a ledger of {size:,} entries built in {took:.0f} s ({size / took:,.0f} entries per second)")
        in_large, in_small = one_by_one(large), one_by_one(small)
        os.sync()  # what the build left to write would be charged to the first rounds
        in_large(2 * many)(), in_small(2 * many)()
        for each in range(rounds):
            times = _proof_times(large, size, seed=each)
            proofs.append(quantiles(times, n=100)[49] * 1e3)
            tails.append(quantiles(times, n=100)[98] * 1e3)
            late.append(timed(in_large(many)))
            early.append(timed(in_small(many)))
    method = f"{PROOFS} inclusion proofs per round of entries at random in {size:,}, each read and verified; "
    grown = (
        f"{many} single durable appends to a ledger of {size:,} entries over as many to one of {SMALL:,}, alternating."
    )
    return [
        figure("inclusion_proof_ms", proofs, "ms", method + "the median.", rule="PERF-09", at_most=5),
        figure("inclusion_proof_p99_ms", tails, "ms", method + "the 99th percentile.", rule="PERF-09"),
        ratio("append_growth", late, early, grown, rule="PERF-06", at_most=1.3),
        figure("build_s", [took], "s", f"Building the ledger of {size:,} entries by bulk appends, once."),
    ]


def _proof_times(ledger: Ledger, size: int, seed: int) -> Sequence[float]:
    draw = random.Random(seed)
    root = ledger.root() if ledger.size == size else None
    times = []
    for _ in range(PROOFS):
        index = draw.randrange(size)
        entry = ledger.entry(index)
        start = time.perf_counter()
        proof = ledger.inclusion_proof(index, size)
        times.append(time.perf_counter() - start)
        if root is not None:
            assert verify_inclusion(entry.leaf, index, size, proof, root)
    return times

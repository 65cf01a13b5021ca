"""Sealed hours: chunks give their bytes back, and the roots are recomputed here by other means."""

import csv
import hashlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from equipment_drivers.readings import LinkState
from mes.equipment.sealing import Window, chunks_of, seal_of, unpacked
from mes.equipment.tables.stored import telemetry_chunk
from mes.equipment.telemetry import extremes
from mes.equipment.ticks import hour_of, ticks_of
from mes.errors import IntegrityBreach
from tests.equipment.builders import DEVICE, NOW, RUN, House, a_reading, a_tick, at

IDLE = f"{DEVICE}.idle"
TAGS = st.sampled_from(["a.b", "a.b.c", "culture.temperature", "culture.co2", "z.z"])


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, straight from its text."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + plain_root(leaves[:split]) + plain_root(leaves[split:])).digest()


@given(st.lists(st.tuples(TAGS, st.integers(0, 99)), min_size=1, max_size=40), st.integers(1, 7))
def test_rows_are_grouped_by_tag_and_keep_their_order(rows: list[tuple[str, int]], cut: int) -> None:
    slices = ["".join(f"{tag},row {n}\n" for tag, n in rows[i : i + cut]).encode() for i in range(0, len(rows), cut)]
    chunks = chunks_of(slices)
    assert [one.tag for one in chunks] == sorted({tag for tag, _ in rows})
    for one in chunks:
        body = "".join(f"row {n}\n" for tag, n in rows if tag == one.tag).encode()
        assert unpacked(one.stored, hashlib.sha256(body).hexdigest(), "x") == body
        assert (one.count, one.digest) == (body.count(b"\n"), hashlib.sha256(body).digest())
    sealed = seal_of(Window(DEVICE, RUN, hour_of(ticks_of(NOW))), chunks)
    assert sealed.root == plain_root([one.digest for one in chunks]).hex()
    assert sealed.count == len(rows)


def test_every_hour_is_sealed_once_and_its_root_is_that_of_its_chunks(house: House) -> None:
    house.a_fit_device()
    house.allocate(0)
    for minute in range(200):
        house.send(*a_tick(minute))
    house.drain_all(200)
    seals = [one for one in house.ledger.entries() if one.type == "telemetry:window:sealed"]
    assert [set(one.data) for one in seals] == [{"device", "run", "from", "to", "count", "root"}] * 3
    assert [(one.stream, one.data["count"]) for one in seals] == [(f"run/{RUN}", 120)] * 3
    assert [one.data["from"][11:16] for one in seals] == ["10:00", "11:00", "12:00"]
    by_entry: dict[int, list] = {}
    for one in house.telemetry.chunks(RUN):
        assert hashlib.sha256(one.body).hexdigest() == one.sha256
        rows = list(csv.reader(io.StringIO(one.body.decode())))
        assert len(rows) == one.count == 60
        assert all(one.from_at.isoformat()[:13] == row[2][:13] for row in rows)
        by_entry.setdefault(one.entry, []).append(one)
    for seal in seals:
        leaves = [bytes.fromhex(one.sha256) for one in sorted(by_entry[seal.index], key=lambda c: c.tag.encode())]
        assert plain_root(leaves).hex() == seal.data["root"]
    assert house.telemetry.unsealed(RUN) == 40


def test_a_released_run_is_sealed_when_its_last_tick_is_drained(house: House) -> None:
    house.a_fit_device()
    house.allocate(0)
    house.send(*a_tick(10))
    house.release(10.5)
    house.drain_all(11)
    assert house.telemetry.unsealed(RUN) == 2
    house.send(*a_tick(11))
    house.drain_all(11)
    assert house.telemetry.unsealed(RUN) == 0
    assert house.telemetry.unsealed(IDLE) == 2


def test_a_late_reading_is_sealed_in_the_hour_of_its_arrival(house: House) -> None:
    house.a_fit_device()
    house.allocate(0)
    house.send(*a_tick(10))
    house.release(10)
    house.send(*a_tick(70))
    house.send(a_reading("culture.temperature", "36.9", 9, received=71, unit="Cel"))
    house.drain_all(71)
    seals = [(one["run"], one["from"][11:13], one["count"]) for one in house.facts("telemetry:window:sealed")]
    assert (RUN, "11", 1) in seals
    assert house.telemetry.unsealed(RUN) == 0
    assert house.telemetry.recorded(DEVICE) == 5


def test_a_silent_device_is_sealed_by_the_clock(house: House) -> None:
    house.a_fit_device()
    house.send(*a_tick(10))
    house.drain_all(119)
    assert house.telemetry.unsealed(IDLE) == 2
    house.drain_all(120)
    assert house.telemetry.unsealed(IDLE) == 0


def test_ticks_tell_how_far_each_side_came(house: House) -> None:
    house.send(*a_tick(10), *a_tick(11))
    assert (house.telemetry.journal_tick(DEVICE), house.telemetry.drained_tick(DEVICE)) == (at(11), None)
    assert house.drain.tick(DEVICE) is None
    house.drain_all(11)
    assert house.telemetry.drained_tick(DEVICE) == house.drain.tick(DEVICE) == at(11)


def test_changed_bytes_are_noticed(house: House) -> None:
    house.a_fit_device()
    house.send(*a_tick(10), *a_tick(70))
    house.drain_all(71)
    other = next(iter(house.telemetry.chunks(IDLE)))
    forged = chunks_of([b"culture.temperature,forged\n"])[0].stored
    for body in (forged, b"no zstd"):
        house.ledger.beside(lambda connection, body=body: connection.execute(update(telemetry_chunk).values(body=body)))
        with pytest.raises(IntegrityBreach, match="telemetry-chunk"):
            list(house.telemetry.chunks(IDLE))
    assert other.count == 1


def test_a_curve_keeps_its_extremes_and_its_holes(house: House) -> None:
    house.a_fit_device()
    house.allocate(0)
    for minute in range(300):
        value = {77: "45.5", 222: "12.25"}.get(minute, "37.0")
        bad = {"status": 0x80340000} if minute == 150 else {}
        house.send(a_reading("culture.temperature", value, minute, unit="Cel", **bad), a_reading("x.y", "1", minute))
    house.drain_all(300)
    curve = house.telemetry.series(RUN, "culture.temperature", at(0), at(300), points=30)
    assert len(curve.times) == len(curve.values) <= 40
    assert (curve.unit, curve.count) == ("Cel", 300)
    assert {45.5, 12.25, None} <= set(curve.values)
    assert curve.times == sorted(curve.times)
    assert curve.times[curve.values.index(45.5)] == at(77).timestamp()
    assert house.telemetry.series(RUN, "culture.temperature", at(10), at(12)).count == 3
    assert house.telemetry.series(RUN, "no.such", at(0), at(300)).values == []


@given(st.lists(st.floats(allow_infinity=False), min_size=1, max_size=300), st.integers(1, 60))
def test_no_excursion_vanishes_from_a_curve(numbers: list[float], points: int) -> None:
    values = np.array(numbers)
    kept = extremes(values, points)
    assert len(kept) <= max(points, 3)
    assert list(kept) == sorted(set(kept))
    if not np.isnan(values).all():
        assert np.nanmax(values[kept]) == np.nanmax(values)
        assert np.nanmin(values[kept]) == np.nanmin(values)
    assert np.isnan(values[kept]).any() == np.isnan(values).any()


def test_live_values_are_the_collectors(house: House) -> None:
    assert house.telemetry.link(DEVICE) is LinkState.OFFLINE
    house.writer.link_changed(DEVICE, LinkState.LIVE, "", 1)
    assert house.telemetry.link(DEVICE) is LinkState.LIVE
    house.send(*a_tick(10, "37.25"))
    found = house.telemetry.latest(DEVICE)["culture.temperature"]
    assert (found.text, found.unit, found.good, found.source_at) == ("37.25", "Cel", True, at(10))

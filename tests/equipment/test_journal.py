"""The collector's journal: durable, without doubles, in one order; and the spool of commands."""

import sqlite3
from pathlib import Path

import pytest

from equipment_drivers.driver import Publish
from equipment_drivers.readings import CommandOutcome, CommandResult, Gap, LinkState
from mes.equipment.journal import FactKind, JournalWriter
from mes.equipment.journal_reader import JournalReader
from mes.equipment.model import Argument, OpenCommand
from mes.equipment.spool import CommandSpool, SpoolReader
from mes.equipment.spoolfile import open_writer
from mes.equipment.ticks import ticks_of
from tests.equipment.builders import DEVICE, HISTORY, NOW, RUN, House, a_reading, a_session, a_tick, an_alarm, at


def values(reader: JournalReader) -> list[str]:
    return [one.sample.value for one in reader.after(0, 0, samples=1000, facts=1000).samples]


@pytest.mark.parametrize(
    ("again", "new"),
    [
        ({}, 0),
        ({"origin": HISTORY, "sequence": 99}, 0),
        ({"status": 0x480}, 0),  # the same sample with an overflow bit
        ({"received": 5.0}, 0),
        ({"value": "37.1"}, 1),
        ({"status": 0x80340000}, 1),
        ({"minutes": 2.0}, 1),
        ({"tag": "culture.co2"}, 1),
        ({"source_time": None, "sequence": 1}, 1),
    ],
)
def test_a_sample_is_kept_once(house: House, again: dict, new: int) -> None:
    base = {"tag": "culture.temperature", "value": "37.0", "minutes": 1.0}
    assert house.send(a_reading(**base)) == 1
    assert house.send(a_reading(**{**base, **again})) == new


def test_without_a_source_time_a_delivery_is_kept_once(house: House) -> None:
    one = a_reading("unit.state", "", 1, source_time=None, subscription=1 << 33, sequence=4, item=2)
    other = a_reading("unit.state", "", 1, source_time=None, subscription=1 << 33, sequence=5, item=2)
    assert [house.send(one), house.send(one), house.send(other)] == [1, 0, 1]


def test_samples_and_facts_come_back_in_one_order(house: House) -> None:
    house.send(*a_tick(1), alarms=[an_alarm("HOT", 1)])
    house.writer.link_changed(DEVICE, LinkState.STALE, "no keep-alive", 5)
    house.send(*a_tick(2), gaps=[Gap("restart", 1, 2, ("culture.temperature",))])
    page = house.reader.after(0, 0, samples=100, facts=100)
    assert [one.position for one in page.samples] == [1, 2, 3, 4]
    told = [(one.kind, one.after_sample) for one in page.facts]
    assert told == [(FactKind.ALARM, 2), (FactKind.LINK, 2), (FactKind.GAP, 4)]
    assert page.whole


def test_a_cut_page_never_lets_a_fact_overtake_a_sample(house: House) -> None:
    for minute in range(1, 5):
        house.send(*a_tick(minute), alarms=[an_alarm("HOT", minute, event=str(minute))])
    by_samples = house.reader.after(0, 0, samples=3, facts=100)
    assert (len(by_samples.samples), [one.after_sample for one in by_samples.facts]) == (3, [2])
    by_facts = house.reader.after(0, 0, samples=100, facts=2)
    assert ([one.position for one in by_facts.samples], len(by_facts.facts)) == ([1, 2, 3, 4], 2)
    assert not by_samples.whole
    assert not by_facts.whole


def test_an_alarm_delivered_twice_is_kept_once(house: House) -> None:
    house.send(alarms=[an_alarm("HOT", 1)])
    house.send(alarms=[an_alarm("HOT", 1), an_alarm("HOT", 1, active=False)])
    assert len(house.reader.after(0, 0, samples=10, facts=10).facts) == 2


def test_the_live_value_is_the_newest_arrival_but_never_history(house: House) -> None:
    house.send(*a_tick(5, "37.5"))
    house.send(a_reading("culture.temperature", "36.0", 2, received=6, unit="Cel", origin=HISTORY))
    latest = house.reader.latest(DEVICE)
    assert latest["culture.temperature"].value == "37.5"
    assert house.reader.tick(DEVICE) == ticks_of(at(5))
    assert house.reader.count(DEVICE) == 3
    assert house.reader.tick("other-1") is None


def test_what_one_notification_brought_is_stored_wholly_or_not_at_all(house: House) -> None:
    broken = a_reading("culture.temperature", "37.0", 2, server_time="no\0number".encode)
    with pytest.raises(sqlite3.Error):
        house.writer.commit(DEVICE, Publish((a_reading("new.tag", "1", 1), broken)), a_session())
    assert values(house.reader) == []
    assert house.writer.restore(DEVICE) is None
    assert house.send(a_reading("new.tag", "1", 1)) == 1  # its tag number was not kept from the failed attempt
    assert values(house.reader) == ["1"]


def test_a_session_comes_back_in_the_next_process(tmp_path: Path) -> None:
    first = JournalWriter(tmp_path / "j")
    first.commit(DEVICE, Publish(tuple(a_tick(1))), a_session(last_sequence=9))
    first.close()
    second = JournalWriter(tmp_path / "j")
    assert second.restore(DEVICE) == a_session(last_sequence=9)
    assert second.commit(DEVICE, Publish(tuple(a_tick(1))), a_session()) == 0
    second.close()
    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600


def test_commits_reach_the_disk(tmp_path: Path) -> None:
    db = open_writer(tmp_path / "s", "")
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_a_reader_waits_for_a_journal_that_is_not_there(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path / "none")
    assert (reader.ident, reader.latest(DEVICE), reader.tick(DEVICE), values(reader)) == (None, {}, None, [])
    assert not (tmp_path / "none").exists()


def test_a_command_is_claimed_once_and_its_first_outcome_stands(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "j")
    assert [writer.claim("c-1", DEVICE, 1), writer.claim("c-1", DEVICE, 2)] == [True, False]
    assert [claim.command for claim in writer.unfinished()] == ["c-1"]
    for result in (CommandResult.UNKNOWN, CommandResult.CONFIRMED):
        writer.finish(DEVICE, CommandOutcome("c-1", result, "", 3))
    assert writer.unfinished() == []
    (fact,) = JournalReader(tmp_path / "j").after(0, 0, samples=1, facts=9).facts
    assert fact.body["result"] == CommandResult.UNKNOWN
    writer.close()


def test_a_command_is_spooled_once(tmp_path: Path) -> None:
    reader = SpoolReader(tmp_path / "s")
    assert reader.after(0) == []
    spool = CommandSpool(tmp_path / "s")
    command = OpenCommand("c-1", DEVICE, RUN, "start", (Argument("program", "7"),), NOW)
    assert [spool.holds("c-1"), spool.put(command, 9.5), spool.put(command, 10.0)] == [False, True, False]
    (found,) = reader.after(0)
    assert (found.command.args, found.command.verb, found.expires_at) == ({"program": "7"}, "start", 9.5)
    assert (spool.holds("c-1"), reader.after(found.position)) == (True, [])
    spool.close()
    reader.close()

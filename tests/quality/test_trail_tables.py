"""Asking the trail on both databases: every field, combined, sorted, paged, by an index; and copies of it."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from mes.batches import events as ev
from mes.errors import Refusal
from mes.ids import Stream, new_op
from mes.ledger.entry import Actor, Draft, Occurred, Write
from mes.ledger.events import Event
from mes.ledger.store import Ledger
from mes.quality.trail import tables
from mes.quality.trail.model import TrailQuery
from mes.quality.trail.telling import TrailLine, as_csv, as_json, guarded, line_of
from tests.ledger.builders import NOW, SITE
from tests.quality.trails import a_correction, a_trail

OLIVIA = Actor("person", "P-1", "Olivia Brandt", "operator", "T1")
VIKTOR = Actor("person", "P-2", "Viktor Lindqvist", "verifier", "T2")
DRAIN = Actor.system("drain")
TOLD: list[tuple[str, Actor, Event, str | None]] = [
    ("batch/B1", OLIVIA, ev.StepStarted("A06"), None),
    ("batch/B1", OLIVIA, ev.ScanMatched("A06", "bag", "bag:apheresis", "ours"), None),
    ("batch/B1", VIKTOR, ev.StepVerified("A06"), None),
    ("batch/B1", OLIVIA, a_correction("A06", "viability", "97.9", "79.9"), "misread: 100% sure"),
    ("batch/B2", OLIVIA, ev.StepStarted("A06"), None),
    ("batch/B2", VIKTOR, a_correction("A06", "volume", "5", "6"), "Misread the scale"),
    ("run/R1", DRAIN, ev.LimitExceeded("A12", "culture.temperature", "39", "Cel", "<= 38", NOW, "r", 1, "m"), None),
    ("batch/B1", OLIVIA, ev.StepCompleted("A06"), None),
]


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with a_trail(ledger_url) as made:
        for nth, (stream, who, event, reason) in enumerate(TOLD):
            write = Write(Stream(stream), (event.draft(reason=reason),))
            made.append(new_op(), [write], actor=who, now=NOW + timedelta(minutes=nth + 1))
        yield made


def places(ledger: Ledger, query: TrailQuery, before: int | None = None, also: tuple[str, ...] = ()) -> list[int]:
    streams = tuple(Stream(one) for one in also)
    with ledger.read() as connection:
        found = [one.entry.index for one in tables.found(connection, SITE, query, before, streams)]
        assert tables.count(connection, SITE, query, before, streams) >= len(found)
    return found


QUESTIONS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
    ({"person": "P-1"}, [1, 2, 4, 5, 8]),
    ({"person": "nobody"}, []),
    ({"role": "verifier"}, [3, 6]),
    ({"batch": "B1"}, [1, 2, 3, 4, 8]),
    ({"stream": "run/R1"}, [7]),
    ({"step": "A06"}, [1, 2, 3, 4, 5, 6, 8]),
    ({"item": "viability"}, [4]),
    ({"item": "bag"}, [2]),
    ({"item": "culture.temperature"}, [7]),
    ({"type": "batch:step:verified"}, [3]),
    ({"type": "batch:step:"}, [1, 3, 5, 8]),
    ({"risk": "change of data"}, [4, 6]),
    ({"reason": "MISREAD"}, [4, 6]),
    ({"reason": "100%"}, [4]),
    ({"reason": "_"}, []),
    ({"since": NOW + timedelta(minutes=3), "until": NOW + timedelta(minutes=5)}, [3, 4, 5]),
    ({"person": "P-1", "batch": "B1", "type": "batch:value:corrected", "reason": "misread"}, [4]),
    ({"person": "P-2", "reason": "misread", "item": "volume"}, [6]),
    ({"person": "P-2", "batch": "B1", "reason": "misread"}, []),
]


@pytest.mark.rule("REG-A11D-12-4", "REG-A11-09", "REG-P11-10e")
def test_every_field_can_be_asked_for_and_combined(ledger: Ledger) -> None:
    for asked, wanted in QUESTIONS:
        assert (asked, places(ledger, TrailQuery(**asked, descending=False))) == (asked, wanted)


@pytest.mark.rule("REG-A11D-12-4")
def test_answers_are_sorted_and_paged(ledger: Ledger) -> None:
    every = list(range(9))
    assert places(ledger, TrailQuery()) == every[::-1]
    for sort in tables.SORTS:
        up = places(ledger, TrailQuery(sort=sort, descending=False))
        assert sorted(up) == every
        paged = [
            one
            for page in range(1, 6)
            for one in places(ledger, TrailQuery(sort=sort, descending=False, page=page, size=2))
        ]
        assert paged == up
    by_reason = places(ledger, TrailQuery(sort="reason", descending=False))
    assert set(by_reason[:2]) == {4, 6}
    assert places(ledger, TrailQuery(), before=3) == [2, 1, 0]


def test_a_batch_brings_the_streams_that_belong_to_it(ledger: Ledger) -> None:
    assert places(ledger, TrailQuery(batch="B1", descending=False), also=("run/R1",)) == [1, 2, 3, 4, 7, 8]


def explained(connection: Connection, query: TrailQuery) -> str:
    """Return how the database finds the answer; on PostgreSQL as if the table were large."""
    statement = tables.statement_of(SITE, query, None, ()).compile(
        connection, compile_kwargs={"literal_binds": True}
    )  # fmt: skip
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
        return "\n".join(str(row[-1]) for row in rows)
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    escaped = str(statement).replace("%", "%%")
    return "\n".join(str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {escaped}"))


@pytest.mark.rule("REG-A11D-12-4")
@pytest.mark.parametrize(
    "asked",
    [
        {"person": "P-1"},
        {"role": "operator"},
        {"batch": "B1"},
        {"stream": "batch/B1"},
        {"step": "A06"},
        {"item": "viability"},
        {"type": "batch:step:verified"},
        {"risk": "change of data"},
        {"reason": "misread"},
        {"since": NOW, "until": NOW + timedelta(minutes=1)},
        {"person": "P-1", "reason": "misread"},
    ],
    ids=lambda asked: "+".join(asked),
)
def test_no_question_scans_the_whole_trail(ledger: Ledger, asked: dict[str, Any]) -> None:
    with ledger.read() as connection:
        plan = explained(connection, TrailQuery(**asked))
    assert "SCAN " not in plan, plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.rule("REG-P11-10e", "REG-DI-01")
def test_every_entry_has_its_line_with_somebody_who_did_it(ledger: Ledger) -> None:
    with ledger.read() as connection:
        rows = connection.execute(select(tables.TRAIL)).mappings().all()
    assert sorted(row["index"] for row in rows) == list(range(ledger.size))
    for row in rows:
        entry = ledger.entry(row["index"])
        assert row["actor"] == entry.document["actor"]["id"]
        assert row["actor"]
        assert row["reason"] == entry.document.get("reason")


@pytest.mark.rule("REG-DI-01", negative=True)
def test_nobody_is_no_actor(ledger: Ledger) -> None:
    size = ledger.size
    write = Write(Stream("batch/B1"), (Draft("batch:held", {"cause": "x"}),))
    for actor in (Actor("person", ""), Actor("person", "P-1"), Actor("nobody", "P-1", "N", "operator", "T1")):
        with pytest.raises((Refusal, ValueError), match=r"actor"):
            ledger.append(new_op(), [write], actor=actor, now=NOW + timedelta(hours=1))
    assert ledger.size == size


@pytest.mark.rule("REG-A11D-12-2")
def test_a_line_says_who_in_which_role_what_when_and_why(ledger: Ledger) -> None:
    line = line_of(ledger.entry(4), risk="change of data", batch="B1")
    assert (line.name, line.role, line.terminal) == ("Olivia Brandt", "operator", "T1")
    assert (line.old, line.new, line.reason) == ("97.9 % (limit >= 80 %)", "79.9 % (limit >= 80 %)",
                                                 "misread: 100% sure")  # fmt: skip
    assert (line.at, line.local, line.zone) == ("2026-11-22T10:04:00.000000Z", "2026-11-22 11:04:00 +01:00",
                                                "Europe/Amsterdam")  # fmt: skip


@pytest.mark.rule("REG-DI-01")
def test_a_devices_entry_names_the_device_and_its_time(ledger: Ledger) -> None:
    event = TOLD[6][2]
    draft = event.draft(occurred=Occurred(NOW, "device"))
    at = NOW + timedelta(hours=2)
    (entry,) = ledger.append(new_op(), [Write(Stream("run/R1"), (draft,))], actor=Actor.device("PRD-01"), now=at)
    line = line_of(entry, risk=None, batch=None)
    assert (line.person, line.name) == ("PRD-01", "device")
    assert entry.document["occurred"] == {"at": "2026-11-22T10:00:00.000000Z", "by": "device"}


@pytest.mark.rule("REG-A11D-12-4")
def test_both_exports_hold_the_same_lines(ledger: Ledger) -> None:
    with ledger.read() as connection:
        found = tables.found(connection, SITE, TrailQuery(), None, (), paged=False)
        lines = [line_of(one.entry, risk=one.risk, batch=one.batch) for one in found]
    rows = list(csv.DictReader(io.StringIO(as_csv(lines).decode("utf-8-sig"), newline="")))
    told = json.loads(as_json(lines))
    assert [{name: str(value) for name, value in one.items()} for one in told] == rows
    assert [TrailLine(**one) for one in told] == lines


@pytest.mark.rule("SEC-22", negative=True)
@pytest.mark.parametrize(
    "cell", ["=1+1", "+CMD", "-cmd", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1+1", "＋1", "－x", "＠x", "-1+1", "+5", "--1"]
)
def test_no_cell_is_taken_for_a_formula(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"


@pytest.mark.rule("SEC-22")
@pytest.mark.parametrize("cell", ["-5", "-0.25", "5", "97.9 %", "a=b", "", "2026-11-22"])
def test_a_number_stays_a_number(cell: str) -> None:
    assert guarded(cell) == cell


@pytest.mark.rule("SEC-22")
@given(st.text(max_size=20))
def test_whatever_people_type_survives_the_csv(text: str) -> None:
    found = guarded(text)
    assert found.removeprefix("'") == text.removeprefix("'") or found == text
    out = io.StringIO(newline="")
    csv.writer(out).writerow([found])
    if "\0" not in text:
        assert next(csv.reader(io.StringIO(out.getvalue(), newline=""))) == [found]

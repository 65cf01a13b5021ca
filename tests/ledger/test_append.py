"""One transaction per operation: what an append writes, answers and refuses. Every test on both databases."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Column, Connection, MetaData, Table, Text, func, insert, select
from sqlalchemy.exc import IntegrityError

from mes.errors import Refusal
from mes.ids import Op, Stream, new_op
from mes.ledger.entry import Actor, Draft, Entry, Occurred, Ref, Write
from mes.ledger.merkle import leaf_hash, root_of
from mes.ledger.store import Ledger
from tests.ledger.builders import DRAIN, NOW, NURSE, a_ledger, at, draft, reopened, write

B1 = Stream("batch/B1")
OP = Op("00000000-0000-4000-8000-000000000001")
NOWHERE = {"content": {"content": "0" * 64, "bytes": 1, "media": "text/plain"}}
NOTED = MetaData()
NOTE = Table("note", NOTED, Column("site", Text, primary_key=True), Column("note", Text, primary_key=True))


def refused(ledger: Ledger, *writes: Write, op: Op | None = None, **more: Any) -> Refusal:
    """Append what must be refused, and show that nothing of it stands."""
    before = (ledger.size, ledger.root())
    with pytest.raises(Refusal) as refusal:
        ledger.append(new_op() if op is None else op, writes, **{"actor": NURSE, "now": at(1), **more})
    assert (ledger.size, ledger.root()) == before
    ledger.append(new_op(), [write("run/after", draft(done=True))], actor=DRAIN, now=at(2))
    assert ledger.root() == root_of(entry.leaf for entry in ledger.entries())
    return refusal.value


def test_an_operation_over_two_streams_is_placed_and_read_back(ledger_url: str) -> None:
    op = new_op()
    with a_ledger(ledger_url) as ledger:
        writes = [write("batch/B1", draft(n=1), draft(n=2), expected=0), write("run/B1.R1")]
        made = ledger.append(op, writes, actor=NURSE, now=at(1))
        assert [(entry.index, entry.stream, entry.seq) for entry in made] == [
            (1, "batch/B1", 0),
            (2, "batch/B1", 1),
            (3, "run/B1.R1", 0),
        ]
        assert [entry.document["op"] for entry in made] == [{"id": op, "n": n, "of": 3} for n in range(3)]
        assert tuple(ledger.entries(1)) == made == ledger.operation(op)
        assert ledger.root() == root_of(leaf_hash(entry.body) for entry in ledger.entries())
    with reopened(ledger_url) as again:
        assert again.stream(B1, 1) == [made[1]]
        assert (again.size, again.next_seq(B1), again.next_seq(Stream("batch/B2"))) == (4, 2, 0)
        assert again.entry(3) == made[2]


def test_an_entry_holds_every_field_of_the_format(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        genesis = ledger.entry(0)
        assert genesis.data == {
            "site": "site-one",
            "key": ledger.entry(0).data["key"],
            "clock": "real",
            "software": "septima-mes 0.1.0",
        }
        ledger.append(new_op(), [write("batch/B1")], actor=DRAIN, now=at(1))
        full = Draft(
            "batch:step:corrected",
            {"weight": {"value": "71.0", "unit": "kg"}},
            tv=2,
            occurred=Occurred(at(-60), "device"),
            reason="typed twice",
            refs=(genesis.reference, Ref(9, "ab" * 32, "site-two", 1)),
            corrects=(B1, 0),
        )
        (entry,) = ledger.append(
            Op("00000000-0000-4000-8000-000000000001"), [write("batch/B1", full)], actor=NURSE, now=at(2)
        )
    assert entry.document == {
        "v": 1,
        "site": "site-one",
        "gen": 1,
        "index": 2,
        "stream": "batch/B1",
        "seq": 1,
        "type": "batch:step:corrected",
        "tv": 2,
        "at": "2026-11-22T10:00:02.000000Z",
        "tz": "Europe/Amsterdam",
        "utc_offset": "+01:00",
        "occurred": {"at": "2026-11-22T09:59:00.000000Z", "by": "device"},
        "actor": {"kind": "person", "id": "p-17", "name": "Ada Verhoeven", "role": "operator", "terminal": "T2"},
        "op": {"id": OP, "n": 0, "of": 1},
        "refs": [
            {"index": 0, "leaf": genesis.leaf.hex()},
            {"index": 9, "leaf": "ab" * 32, "site": "site-two", "gen": 1},
        ],
        "corrects": {"stream": "batch/B1", "seq": 0},
        "data": {"weight": {"value": "71.0", "unit": "kg"}},
        "reason": "typed twice",
    }


def test_a_repeated_operation_gets_the_entries_it_made(ledger_url: str) -> None:
    op = new_op()
    with a_ledger(ledger_url) as ledger:
        first = ledger.append(op, [write("batch/B1", expected=0)], actor=NURSE, now=at(1))
        ledger.append(new_op(), [write("batch/B1", expected=1)], actor=NURSE, now=at(2))
        called: list[Connection] = []
        again = ledger.append(op, [write("batch/B1", expected=0)], actor=NURSE, now=at(3), alongside=called.append)
        assert (again, ledger.size, called) == (first, 3, [])
    with reopened(ledger_url) as other:
        assert other.append(op, [write("batch/B1")], actor=NURSE, now=at(4)) == first


def test_whoever_reckons_with_an_older_stream_is_refused(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        ledger.append(new_op(), [write("batch/B1", expected=0)], actor=NURSE, now=at(1))
        refusal = refused(ledger, write("run/B1.R1", expected=0), write("batch/B1", expected=0))
        assert refusal.code == "somebody-was-faster"
        assert refusal.facts == {"stream": "batch/B1", "expected": 0, "found": 1}
        assert ledger.next_seq(Stream("run/B1.R1")) == 0


def test_two_writes_to_one_stream_reckon_with_each_other(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        made = ledger.append(
            new_op(), [write("batch/B1", expected=0), write("batch/B1", expected=1)], actor=NURSE, now=at(1)
        )
        assert [entry.seq for entry in made] == [0, 1]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (write("batch/B1", draft(weight=71.5)), "entry-malformed"),
        (write("batch/B1", draft(note="e\u0301")), "entry-malformed"),
        (write("batch/B1", Draft("Batch:Started", {})), "entry-malformed"),
        (write("batch/B1", Draft("batch", {})), "entry-malformed"),
        (write("batch/B1", Draft("batch:step:started", {}, tv=0)), "entry-malformed"),
        (write("batch/../x"), "entry-malformed"),
        (write("batch/B1/2"), "entry-malformed"),
        (write("batch/" + "x" * 65), "entry-malformed"),
        (write("batch/B1", Draft("a:b", {}, refs=(Ref(0, "zz"),))), "entry-malformed"),
        (write("batch/B1", Draft("a:b", {}, refs=(Ref(0, "00" * 32, "S!", 1),))), "site-malformed"),
        (write("batch/B1", Draft("a:b", {}, refs=(Ref(0, "00" * 32),))), "reference-unknown"),
        (write("batch/B1", Draft("a:b", {}, refs=(Ref(7, "00" * 32),))), "reference-unknown"),
        (write("batch/B1", Draft("a:b", {}, corrects=(B1, 0))), "correction-of-nothing"),
        (
            write("batch/B1", Draft("a:b", NOWHERE)),
            "content-unknown",
        ),
        (write("batch/B1", draft(), draft(note="x" * 65_536)), "entry-too-large"),
    ],
)
def test_a_bad_draft_is_refused_whole(ledger_url: str, bad: Write, code: str) -> None:
    with a_ledger(ledger_url) as ledger:
        assert refused(ledger, write("run/B1.R1"), bad).code == code


@pytest.mark.parametrize("op", ["", "1", OP[:-1] + "g", OP[:-2] + "AB", OP + "0"])
def test_an_operation_id_is_a_uuid(tmp_path: Any, op: str) -> None:
    with a_ledger(f"sqlite:///{tmp_path / 'site.sqlite'}") as ledger:
        assert refused(ledger, write("batch/B1"), op=Op(op)).code == "op-malformed"


@pytest.mark.parametrize(
    "call",
    [
        {"writes": []},
        {"writes": [Write(B1, ())]},
        {"writes": [write("batch/B1")], "now": datetime(2026, 11, 22, 10)},  # noqa: DTZ001 - naive on purpose
        {"writes": [write("batch/B1")], "actor": Actor("person", "p-17", "Ada")},
        {"writes": [write("batch/B1")], "actor": Actor("robot", "r2")},
        {"writes": [write("batch/B1", Draft("a:b", {}, occurred=Occurred(NOW, "somebody")))]},
        {"writes": [write("batch/B1", Draft("a:b", {}, signature={"shown": "0" * 64}))]},
    ],
)
def test_a_mistake_in_the_program_is_no_refusal(tmp_path: Any, call: dict[str, Any]) -> None:
    with a_ledger(f"sqlite:///{tmp_path / 'site.sqlite'}") as ledger:
        with pytest.raises(ValueError):
            ledger.append(new_op(), **{"actor": NURSE, "now": at(1), **call})
        assert ledger.size == 1


def test_a_late_thread_is_recorded_at_the_time_of_the_entry_before(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(10))
        (late,) = ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(9.9))
        assert late.at == at(10)
        assert ledger.size == 3


@pytest.mark.rule("TE-24")
def test_a_clock_that_went_back_is_an_entry_of_its_own(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(3600))
        made = ledger.append(new_op(), [write("site/site-one", expected=1)], actor=NURSE, now=at(60))
        step, own = ledger.entries(2)
        assert made == (own,)
        assert (step.type, step.at, step.stream, step.seq) == ("site:clock:stepped", at(60), "site/site-one", 1)
        assert step.data == {"from": "2026-11-22T11:00:00.000000Z", "to": "2026-11-22T10:01:00.000000Z"}
        assert (own.at, own.seq, step.document["op"]["of"]) == (at(60), 2, 1)
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(61))
        assert ledger.size == 5


def test_virtual_time_passes_between_asking_and_writing(ledger_url: str) -> None:
    with a_ledger(ledger_url, clock="simulated") as ledger:
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(86_400))
        (late,) = ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(3600))
        assert (late.at, ledger.size) == (at(86_400), 3)
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(-86_400))
        assert ledger.entry(3).type == "site:clock:stepped"


def note_project(connection: Connection, entry: Entry) -> None:
    if "note" in entry.data:
        connection.execute(insert(NOTE), {"site": entry.document["site"], "note": entry.data["note"]})


def notes(ledger: Ledger) -> list[str]:
    with ledger.read() as connection:
        return list(connection.execute(select(NOTE.c.note).order_by(NOTE.c.note)).scalars())


def test_projections_and_what_goes_alongside_share_the_transaction(ledger_url: str) -> None:
    def create(connection: Connection) -> None:
        NOTED.create_all(connection)

    with a_ledger(ledger_url, projectors=[note_project]) as ledger:
        ledger.append(new_op(), [write("site/site-one", draft(n=0))], actor=DRAIN, now=at(1), alongside=create)
        ledger.append(new_op(), [write("batch/B1", draft(note="a"), draft(note="b"))], actor=NURSE, now=at(2))
        assert notes(ledger) == ["a", "b"]
        with pytest.raises(IntegrityError):
            ledger.append(new_op(), [write("batch/B1", draft(note="c"), draft(note="a"))], actor=NURSE, now=at(3))
        assert (notes(ledger), ledger.size) == (["a", "b"], 4)

        def changes_its_mind(connection: Connection) -> None:
            assert connection.execute(select(func.count()).select_from(NOTE)).scalar() == 3
            raise Refusal("no-longer")

        refusal = refused(ledger, write("batch/B1", draft(note="d"), expected=2), alongside=changes_its_mind)
        assert (refusal.code, notes(ledger)) == ("no-longer", ["a", "b"])
        (entry,) = ledger.append(new_op(), [write("batch/B1", draft(note="e"), expected=2)], actor=NURSE, now=at(4))
        assert (entry.index, entry.seq) == (5, 2)


def test_an_append_inside_an_append_is_a_mistake(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:

        def nested(_: Connection) -> None:
            ledger.append(new_op(), [write("batch/B2")], actor=DRAIN, now=at(1))

        with pytest.raises(RuntimeError, match="inside an append"):
            ledger.append(new_op(), [write("batch/B1")], actor=DRAIN, now=at(1), alongside=nested)
        assert ledger.size == 1


def test_a_second_writer_on_the_same_database_is_noticed(ledger_url: str) -> None:
    """The lease forbids it; should it happen all the same, no place is given twice and no stream is torn."""
    op = new_op()
    with a_ledger(ledger_url) as one, reopened(ledger_url) as two:
        for turn in range(3):
            one.append(new_op(), [write("batch/B1", expected=2 * turn)], actor=NURSE, now=at(turn))
            two.append(new_op(), [write("batch/B1", expected=2 * turn + 1)], actor=NURSE, now=at(turn))
        first = one.append(op, [write("batch/B2", expected=0)], actor=NURSE, now=at(9))
        assert two.append(op, [write("batch/B2", expected=0)], actor=NURSE, now=at(9)) == first
        assert two.root() == one.root() == root_of(leaf_hash(entry.body) for entry in two.entries())
        assert two.size == 8


def test_a_large_operation_is_one_operation(ledger_url: str) -> None:
    drafts = [draft(n=number) for number in range(3_000)]
    with a_ledger(ledger_url) as ledger:
        made = ledger.append(new_op(), [write("run/B1.R1", *drafts)], actor=DRAIN, now=at(1))
        assert [entry.data["n"] for entry in ledger.stream(Stream("run/B1.R1"))] == list(range(3_000))
        assert ledger.root() == root_of(entry.leaf for entry in ledger.entries())
        assert made[-1].document["op"]["of"] == 3_000
        assert [entry.index for entry in ledger.entries(1_500, 1_503)] == [1_500, 1_501, 1_502]


def test_reading_what_is_not_there(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        for index in (-1, 1, 10**9):
            with pytest.raises(Refusal, match="entry-unknown"):
                ledger.entry(index)
        assert ledger.stream(B1) == list(ledger.entries(1)) == []
        assert ledger.operation(new_op()) == ()
        assert (
            ledger.latest_checkpoint() is ledger.checkpoint_at(1) is ledger.content("00") is ledger.shown("00") is None
        )


def test_summer_and_winter_have_their_offsets(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        (entry,) = ledger.append(new_op(), [write("batch/B1")], actor=DRAIN, now=NOW + timedelta(days=200))
        assert (ledger.entry(0).document["utc_offset"], entry.document["utc_offset"]) == ("+01:00", "+02:00")

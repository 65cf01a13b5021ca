"""One transaction per operation: what an append writes, answers and refuses."""

from mes.ids import Stream, new_op
from mes.ledger.merkle import root_of
from tests.ledger.builders import NURSE, a_ledger, at, draft, reopened, write


def test_an_operation_over_two_streams_is_placed_and_read_back(ledger_url: str) -> None:
    op = new_op()
    with a_ledger(ledger_url) as ledger:
        made = ledger.append(
            op, [write("batch/B1", draft(n=1), draft(n=2), expected=0), write("run/B1.R1")], actor=NURSE, now=at(1)
        )
        assert [(entry.index, entry.stream, entry.seq) for entry in made] == [
            (1, "batch/B1", 0),
            (2, "batch/B1", 1),
            (3, "run/B1.R1", 0),
        ]
        assert [entry.document["op"] for entry in made] == [{"id": op, "n": n, "of": 3} for n in range(3)]
        assert tuple(ledger.entries(1)) == made == ledger.operation(op)
        assert ledger.root() == root_of(entry.leaf for entry in ledger.entries())
        assert made[0].document["utc_offset"] == "+01:00"
    with reopened(ledger_url) as again:
        assert again.stream(Stream("batch/B1"), 1) == [made[1]]
        assert (again.size, again.next_seq(Stream("batch/B1"))) == (4, 2)

"""Many threads, one writer at a time: nothing is lost, torn or given twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from mes.errors import Refusal
from mes.ids import Stream, new_op
from mes.ledger.database import open_engine
from mes.ledger.merkle import root_of
from mes.ledger.store import Ledger
from mes.ledger.verify import verify_ledger
from tests.ledger.builders import NURSE, a_ledger, at, draft, reopened, write

THREADS, TURNS = 8, 15


def together(act: Callable[[int], int]) -> list[int]:
    """Run `act` in all threads at once and return what each answered."""
    with ThreadPoolExecutor(THREADS) as pool:
        return [future.result(timeout=60) for future in [pool.submit(act, number) for number in range(THREADS)]]


def check(ledger: Ledger, url: str, size: int) -> None:
    assert ledger.size == size
    assert ledger.root() == root_of(entry.leaf for entry in ledger.entries())
    engine = open_engine(url)
    assert verify_ledger(engine).size == size
    engine.dispose()


def test_threads_on_different_streams_do_not_meet(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:

        def act(number: int) -> int:
            for turn in range(TURNS):
                writes = [write(f"batch/B{number}", draft(turn=turn), expected=turn)]
                ledger.append(new_op(), writes, actor=NURSE, now=at(turn / 10))
            return ledger.next_seq(Stream(f"batch/B{number}"))

        assert together(act) == [TURNS] * THREADS
        check(ledger, ledger_url, 1 + THREADS * TURNS)


def test_threads_on_one_stream_take_turns(ledger_url: str) -> None:
    tries = count()
    with a_ledger(ledger_url) as ledger:

        def act(number: int) -> int:
            beaten = done = 0
            while done < TURNS:
                next(tries)
                expected = ledger.next_seq(Stream("batch/B1"))
                writes = [write("batch/B1", draft(by=number), expected=expected)]
                try:
                    ledger.append(new_op(), writes, actor=NURSE, now=at(1))
                except Refusal as refusal:
                    beaten += refusal.code == "somebody-was-faster"
                else:
                    done += 1
            return beaten

        beaten = sum(together(act))
        assert next(tries) == beaten + THREADS * TURNS
        assert [entry.seq for entry in ledger.stream(Stream("batch/B1"))] == list(range(THREADS * TURNS))
        check(ledger, ledger_url, 1 + THREADS * TURNS)


def test_of_the_same_operation_from_all_threads_one_is_written(ledger_url: str) -> None:
    op = new_op()
    with a_ledger(ledger_url) as ledger:

        def act(_: int) -> int:
            (entry,) = ledger.append(op, [write("batch/B1", expected=0)], actor=NURSE, now=at(1))
            return entry.index

        assert together(act) == [1] * THREADS
        check(ledger, ledger_url, 2)


def test_only_one_of_many_wins_a_step(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:

        def act(number: int) -> int:
            try:
                ledger.append(new_op(), [write("batch/B1", draft(by=number), expected=0)], actor=NURSE, now=at(1))
            except Refusal as refusal:
                return int(refusal.facts["found"])
            return 0

        assert sorted(together(act)) == [0] + [1] * (THREADS - 1)
        check(ledger, ledger_url, 2)


def test_checkpoints_and_proofs_among_appends(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:

        def act(number: int) -> int:
            for turn in range(TURNS):
                if number % 4 == 0:
                    ledger.heartbeat(at(turn / 10))
                elif number % 4 == 1:
                    assert ledger.inclusion_proof(0, ledger.size) is not None
                else:
                    ledger.append(new_op(), [write("run/R1")], actor=NURSE, now=at(turn / 10))
            return number

        together(act)
        check(ledger, ledger_url, 1 + 6 * TURNS)


def test_two_writers_on_one_database_queue_in_it(ledger_url: str) -> None:
    """The lease forbids it; should it happen all the same, appends are slower and still never torn."""
    with a_ledger(ledger_url) as one, reopened(ledger_url) as two:

        def act(number: int) -> int:
            for _ in range(5):
                (one, two)[number % 2].append(new_op(), [write("run/R1")], actor=NURSE, now=at(1))
            return 5

        assert sum(together(act)) == 5 * THREADS
        check(one, ledger_url, 1 + 5 * THREADS)

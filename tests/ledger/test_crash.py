"""kill -9 in the middle of appending: what was acknowledged is there, what was not is there whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mes.ids import Stream, new_op
from mes.ledger.database import open_engine
from mes.ledger.verify import verify_ledger
from tests.ledger.builders import NURSE, a_ledger, at, reopened, write

ROOT = Path(__file__).parent.parent.parent
ROUNDS = 3


def acknowledged_before_kill(url: str, lines: int) -> int:
    """Start the child, kill it after `lines` acknowledgements, and return the last index it acknowledged."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.ledger.appending_child", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as child:
        assert child.stdout is not None
        last = 0
        for _ in range(lines):
            last = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        for line in child.stdout.read().splitlines():  # acknowledged between the last line read and the kill
            last = int(line)
    return last


@pytest.mark.rule("REL-01")
def test_nothing_acknowledged_is_lost(ledger_url: str) -> None:
    with a_ledger(ledger_url):
        pass
    engine = open_engine(ledger_url)
    for turn in range(ROUNDS):
        last = acknowledged_before_kill(ledger_url, 20 + 13 * turn)
        with reopened(ledger_url) as ledger:
            assert ledger.size > last
            assert ledger.entry(last).index == last
            (after,) = ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(100_000 + turn))
            assert after.seq == len(ledger.stream(Stream("batch/B1"))) - 1
            ledger.checkpoint(at(100_000 + turn))
        assert verify_ledger(engine).size == after.index + 1
    engine.dispose()

"""A process that appends until it is killed and prints each index once its append has returned."""

import sys
from datetime import timedelta

from mes.ids import new_op
from mes.ledger.database import open_engine
from mes.ledger.store import Ledger
from tests.ledger.builders import DRAIN, KEY, NOW, SITE, draft, write


def main(url: str) -> None:
    ledger = Ledger.open(open_engine(url), site=SITE, tz="Europe/Amsterdam", key=KEY)
    start = ledger.size
    for turn in range(100_000):
        writes = [write("batch/B1", draft(turn=turn)), write("run/R1", *[draft(n=n) for n in range(turn % 7 + 1)])]
        made = ledger.append(new_op(), writes, actor=DRAIN, now=NOW + timedelta(seconds=start + turn))
        if turn % 10 == 0:
            ledger.checkpoint(NOW)
        print(made[-1].index, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

"""The ledger's speed: append, bulk, verify, proofs, a signed act over HTTP; each beside its floor or a peer."""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.figures import Figure, written
from bench.parts.appending import append_ratio, append_ratio_full, history_in
from bench.parts.grounds import postgresql
from bench.parts.signing import signing
from bench.parts.volume import bulk, growth, verification

PARTS = ("append", "full", "volume", "growth", "sign")


def main(options: list[str]) -> None:
    """Measure, print each figure with its target, and write all of them as JSON."""
    parser = argparse.ArgumentParser(prog="bench ledger")
    parser.add_argument("--entries", type=int, default=1_000_000, help="size of the large ledger (long run: 10000000)")
    parser.add_argument("--verified", type=int, default=100_000, help="size of the ledger that is verified")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each comparison; at least 5")
    parser.add_argument("--appends", type=int, default=500, help="single appends per round and side")
    parser.add_argument("--acts", type=int, default=12, help="signed acts per round with one client")
    parser.add_argument("--out", type=Path, default=Path("var/bench/ledger.json"))
    parser.add_argument("--folder", type=Path, help="where the databases lie; default: the system's temporary folder")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; may be given repeatedly")
    chosen = parser.parse_args(options)
    if chosen.rounds < 5:
        parser.error("fewer than 5 rounds say nothing")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="septima-bench-", dir=chosen.folder) as folder:
        for part in chosen.only or PARTS:
            made = _measured(part, Path(folder), chosen)
            figures += made
            print("\n".join(str(each) for each in made), flush=True)
    told = {name: str(value) if isinstance(value, Path) else value for name, value in vars(chosen).items()}
    written(chosen.out, "make bench NAME=ledger", figures, told)
    missed = [each.name for each in figures if each.is_met is False]
    print(f"written to {chosen.out}; " + (f"not met: {', '.join(missed)}" if missed else "every target is met"))


def _measured(part: str, folder: Path, chosen: argparse.Namespace) -> list[Figure]:
    rounds = chosen.rounds
    match part:
        case "append":
            return _on_both(folder, lambda url, label: append_ratio(url(), label, rounds, chosen.appends))
        case "full":
            history = history_in(folder)
            return _on_both(folder, lambda url, label: append_ratio_full(url, label, rounds, history))
        case "volume":
            return [*bulk(folder, rounds), *verification(folder, rounds, chosen.verified)]
        case "growth":
            return growth(folder, rounds, chosen.entries, chosen.appends)
        case _:
            return signing(folder, rounds, chosen.acts, max(chosen.acts // 2, 1))


def _on_both(folder: Path, measure: Callable[[Callable[[], str], str], list[Figure]]) -> list[Figure]:
    """Measure on SQLite, and on PostgreSQL where it is installed."""
    numbers = iter(range(1_000))
    stem = len(list(folder.iterdir()))
    figures = measure(lambda: f"sqlite:///{folder / f'{stem}-{next(numbers)}.sqlite'}", "sqlite")
    with postgresql() as database:
        if database is None:
            print("no PostgreSQL 15 or later is installed: not measured there")
            return figures
        return figures + measure(database, "postgresql")

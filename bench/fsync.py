"""fsync of this disk: the floor under every durable commit of ledger and journal."""

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import quantiles

ROW = b"x" * 700


def fsync_times(folder: Path, count: int) -> list[float]:
    """Append `count` rows of 700 bytes, each followed by fdatasync; return the seconds of each."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(count):
            start = time.perf_counter()
            file.write(ROW)
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return times


def main(options: list[str]) -> None:
    """Print the median, the 99th percentile, and what they mean for commits."""
    parser = argparse.ArgumentParser(prog="bench fsync")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where the site's files will lie")
    parser.add_argument("--count", type=int, default=500)
    chosen = parser.parse_args(options)
    times = fsync_times(chosen.folder, chosen.count)
    cuts = quantiles(times, n=100)
    print(f"fsync: median {cuts[49] * 1e3:.2f} ms, p99 {cuts[98] * 1e3:.2f} ms, worst {max(times) * 1e3:.2f} ms")
    print(f"so one writer commits at most about {1 / cuts[49]:,.0f} times per second here")

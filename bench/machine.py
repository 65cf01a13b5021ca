"""Names the machine a figure was measured on, without which the figure says nothing."""

import os
import platform
import sqlite3


def describe() -> str:
    """Return one line: cores, load, Python, SQLite, kernel."""
    load = os.getloadavg()[0]
    busy = "quiet" if load < 1 else f"busy, load {load:.1f}: read ratios, not absolutes"
    return (
        f"machine: {os.cpu_count()} cores ({busy}), {platform.machine()}, Linux {platform.release()},"
        f" Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )

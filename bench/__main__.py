"""Runs one measurement by name, or lists them: `python -m bench [NAME [options]]`."""

import importlib
import pkgutil
import sys
from pathlib import Path

from bench.machine import describe

NOT_MEASUREMENTS = {"__main__", "machine", "compare", "figures", "parts", "peers"}


def names() -> list[str]:
    """Return the measurements there are: every module here that has a `main`."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in found if module.name not in NOT_MEASUREMENTS)


def run(name: str, options: list[str]) -> None:
    """Print the machine, then run the measurement."""
    print(describe())
    importlib.import_module(f"bench.{name}").main(options)


def main(arguments: list[str]) -> int:
    """List without arguments, run with a known name, and say what there is with an unknown one."""
    if not arguments:
        for name in names():
            print(f"{name:<16}{(importlib.import_module(f'bench.{name}').__doc__ or '').splitlines()[0]}")
        return 0
    if arguments[0] not in names():
        print(f"bench: there is no measurement '{arguments[0]}'; there are: {', '.join(names())}", file=sys.stderr)
        return 2
    run(arguments[0], arguments[1:])
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Prints what a campaign run found: each test's name, its runs and how many passed, from its JUnit file."""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def table(report: Path) -> str:
    """Return the table as text; parametrised runs of one test count as runs of one line."""
    runs: Counter[str] = Counter()
    passes: Counter[str] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '').partition('[')[0]}"
        runs[name] += 1
        passes[name] += not [one for one in case if one.tag in ("failure", "error", "skipped")]
    width = max(map(len, runs), default=4)
    lines = [f"{'name':<{width}}  runs  passes"]
    return "\n".join(lines + [f"{name:<{width}}  {runs[name]:>4}  {passes[name]:>6}" for name in sorted(runs)])


if __name__ == "__main__":
    print(table(Path(sys.argv[1])))

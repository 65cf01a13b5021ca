"""Where a contradiction in the record is written before anything else happens: `breach.jsonl`, outside the ledger.

A breach holds the stream it names, or the whole ledger; the hold outlives a restart and ends with a line that
names who released it and why.
"""

import json
import os
from pathlib import Path
from typing import Any

from mes.errors import IntegrityBreach, Refusal

WHOLE = "*"


class BreachLog:
    """The holds of one site. Without a path they last as long as the process."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.held: set[str] = set()
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                self._take(json.loads(line))

    def record(self, breach: IntegrityBreach, at: str | None) -> None:
        """Write the evidence durably and hold the stream, or everything if the breach names none.

        A breach that is held already is not written again. `at` is None when found at start, before a clock runs.
        """
        if (breach.stream or WHOLE) in self.held:
            return
        self._write(
            {
                "at": at,
                "held": breach.stream or WHOLE,
                "what": breach.what,
                "index": breach.index,
                "evidence": {name: str(value) for name, value in breach.evidence.items()},
            }
        )

    def release(self, stream: str | None, *, by: str, ground: str, at: str) -> None:
        """End a hold after its cause was settled; the breach itself stays written."""
        self._write({"at": at, "released": stream or WHOLE, "by": by, "ground": ground})

    def check(self, stream: str) -> None:
        """Refuse `stream-held-by-breach` while `stream` or the whole ledger is held."""
        if self.held and (stream in self.held or WHOLE in self.held):
            raise Refusal("stream-held-by-breach", stream=stream)

    def _write(self, line: dict[str, Any]) -> None:
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        self._take(line)

    def _take(self, line: dict[str, Any]) -> None:
        if "held" in line:
            self.held.add(line["held"])
        else:
            self.held.discard(line["released"])

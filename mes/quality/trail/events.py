"""What is recorded about the trail itself: that somebody took a copy of it. Stream `site/<site>`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from mes.ledger.events import Event
from mes.quality.trail.model import Condition


@dataclass(frozen=True)
class TrailExported(Event):
    """Somebody took a copy of a part of the trail.

    `digest` is the SHA-256 of the file, which can be made again from this entry: the `count` entries with an index
    below `before` that meet the conditions. What was looked for in reasons is detachable content, since people type it.
    """

    tag: ClassVar[str] = "site:trail:exported"
    format: str
    filter: tuple[Condition, ...]
    sort: str
    descending: bool
    before: int
    count: int
    digest: str
    searched: Mapping[str, object] | None = None

"""The vein-to-vein clock as a page shows it: a bar, a word, and how long there is left."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from mes.batches.decide.windows import hours
from mes.batches.model import BatchState, Disposition, Phase
from mes.schedule import outlook
from mes.schedule.notices import TIGHT_H

WIDTH = 1000
"""Length of the bar in its own units."""


class Level(StrEnum):
    """How it stands; always shown with icon and word, never as colour alone."""

    WAITING = "not collected yet"
    ON_TIME = "on time"
    TIGHT = "tight"
    LATE = "late"
    INFUSED = "infused"
    ENDED = "ended"


ICONS = {
    Level.WAITING: "○", Level.ON_TIME: "✓", Level.TIGHT: "!", Level.LATE: "✕", Level.INFUSED: "●", Level.ENDED: "■",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vein:
    """One bar: `passed` and `infusion` are places on it (0 to WIDTH), hours are told to the hundredth."""

    level: Level
    icon: str
    left_h: Decimal | None
    slack_h: Decimal | None
    vein_to_vein_h: Decimal | None
    infusion_at: datetime | None
    deadline_at: datetime | None
    passed: int
    infusion: int


def vein(state: BatchState, now: datetime) -> Vein:
    """Return the bar of a batch."""
    ahead, start = outlook(state, now), state.vein_start_at
    ended = state.phase is Phase.TERMINATED or state.disposition is Disposition.REFUSED
    infused = state.infusion_started_at
    if ended or ahead is None:
        return _told(Level.ENDED if ended else Level.WAITING)
    if start is None:
        return Vein(Level.WAITING, ICONS[Level.WAITING], None, ahead.slack_h, ahead.vein_to_vein_h,
                    ahead.infusion_at, ahead.deadline_at, 0, 0)  # fmt: skip
    length = max(hours(ahead.deadline_at - start), Decimal(1))
    level = Level.INFUSED if infused else _level(ahead.slack_h)
    left = None if infused else hours(ahead.deadline_at - now)
    return Vein(
        level, ICONS[level], left, ahead.slack_h, ahead.vein_to_vein_h, ahead.infusion_at, ahead.deadline_at,
        _place(hours((infused or now) - start), length), _place(hours(ahead.infusion_at - start), length),
    )  # fmt: skip


def _level(slack_h: Decimal) -> Level:
    if slack_h < 0:
        return Level.LATE
    return Level.TIGHT if slack_h < TIGHT_H else Level.ON_TIME


def _place(passed_h: Decimal, length_h: Decimal) -> int:
    return max(0, min(WIDTH, round(WIDTH * passed_h / length_h)))


def _told(level: Level) -> Vein:
    return Vein(level, ICONS[level], None, None, None, None, None, 0, 0)

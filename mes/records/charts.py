"""Curves as drawings: every extreme kept, limits drawn, a hole left a hole. Own SVG, no library. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 680.0, 120.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 8.0, 8.0, 18.0
INK, PALE, LIMIT, CURVE, SPOT = "#1c2733", "#d5dbe1", "#b3261e", "#1f5f8b", "#b3261e"
WARNING = "#b26a00"
MOST_POINTS = 600


@dataclass(frozen=True, slots=True)
class Curve:
    """Samples of one signal, reduced for drawing: seconds since 1970 UTC, values (None: nothing good was sent)."""

    unit: str
    times: Sequence[float]
    values: Sequence[float | None]
    count: int
    lowest: str = ""
    highest: str = ""
    """The extremes as the device wrote them, with every digit."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A line across the drawing; `is_warning` draws it in the paler colour."""

    value: Decimal
    is_warning: bool = False


def drawn(curve: Curve, limits: Iterable[Limit], marks: Iterable[datetime] = (), offset: str = "+00:00") -> str:
    """Return the <svg> of a curve with its limits and the moments at which something was out of them."""
    known = tuple(limits)
    numbers = [value for value in curve.values if value is not None]
    if not numbers:
        return ""
    reach = [*numbers, *(float(one.value) for one in known)]
    low, high = min(reach), max(reach)
    pad = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
    frame = _Frame(curve.times[0], max(curve.times[-1], curve.times[0] + 1), low - pad, high + pad)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" '
        f'width="{WIDTH:g}" height="{HEIGHT:g}" font-family="DejaVu Sans" font-size="8">',
        *_scale(frame), *_days(frame, offset), *(_limit(frame, one) for one in known),
        *(f'<path d="{path}" fill="none" stroke="{CURVE}" stroke-width="0.9"/>' for path in _paths(frame, curve)),
        *(_mark(frame, at) for at in marks),
        f'<text x="4" y="{TOP + 6:g}" fill="{INK}" font-size="7">{escape(curve.unit)}</text>',
        "</svg>",
    ]  # fmt: skip
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class _Frame:
    start: float
    end: float
    low: float
    high: float

    def x(self, at: float) -> float:
        return LEFT + (at - self.start) / (self.end - self.start) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def _scale(frame: _Frame) -> list[str]:
    box = (
        f'<rect x="{LEFT:g}" y="{TOP:g}" width="{WIDTH - LEFT - RIGHT:g}" height="{HEIGHT - TOP - BOTTOM:g}" '
        f'fill="#ffffff" stroke="{PALE}" stroke-width="0.8"/>'
    )
    lines = [box]
    for value in _ticks(frame.low, frame.high):
        y = frame.y(value)
        lines.append(f'<line x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}" stroke="{PALE}" '
                     'stroke-width="0.5"/>')  # fmt: skip
        lines.append(f'<text x="{LEFT - 4:g}" y="{y + 2.5:.1f}" text-anchor="end" fill="{INK}">{value:g}</text>')
    return lines


def _ticks(low: float, high: float) -> list[float]:
    """Return three to eight round numbers between two values."""
    rough = Decimal(repr(high - low)) / 4
    power = Decimal(1).scaleb(rough.adjusted())
    step = next(power * part for part in (1, 2, 5, 10) if power * part >= rough)
    first = (Decimal(repr(low)) / step).to_integral_value(ROUND_CEILING)
    found = [float((first + nth) * step) for nth in range(12)]
    return [value for value in found if value <= high]


def _days(frame: _Frame, offset: str) -> list[str]:
    """Return the local midnights (or hours of a short run) as vertical lines with their date."""
    shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])) * (-1 if offset[0] == "-" else 1)
    local = datetime.fromtimestamp(frame.start, UTC) + shift
    span = frame.end - frame.start
    step = timedelta(days=1) if span > 2 * 86_400 else timedelta(hours=6) if span > 10_800 * 4 else timedelta(hours=1)
    label = "%d %b" if step >= timedelta(days=1) else "%H:%M"
    at = local.replace(hour=0, minute=0, second=0, microsecond=0)
    lines: list[str] = []
    while (at - shift).timestamp() <= frame.end and len(lines) < 120:
        moment = (at - shift).timestamp()
        if moment >= frame.start:
            x = frame.x(moment)
            lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP:g}" y2="{HEIGHT - BOTTOM:g}" stroke="{PALE}" '
                         'stroke-width="0.5"/>')  # fmt: skip
            anchor = "end" if x > WIDTH - RIGHT - 20 else "middle"
            lines.append(
                f'<text x="{x:.1f}" y="{HEIGHT - 6:g}" text-anchor="{anchor}" fill="{INK}">{at:{label}}</text>'
            )
        at += step
    return lines


def _limit(frame: _Frame, limit: Limit) -> str:
    y, colour = frame.y(float(limit.value)), WARNING if limit.is_warning else LIMIT
    return (
        f'<line x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" '
        f'stroke-width="0.9" stroke-dasharray="5 3"/>'
        f'<text x="{WIDTH - RIGHT - 3:g}" y="{y - 2:.1f}" text-anchor="end" fill="{colour}" font-size="7">'
        f"{limit.value:f}</text>"
    )


def _paths(frame: _Frame, curve: Curve) -> list[str]:
    """Return the pieces of the curve; a missing value ends one."""
    paths: list[str] = []
    piece: list[str] = []
    for at, value in zip(curve.times, curve.values, strict=True):
        if value is None:
            paths.append("".join(piece))
            piece = []
        else:
            piece.append(f"{'L' if piece else 'M'}{frame.x(at):.1f} {frame.y(value):.1f}")
    paths.append("".join(piece))
    return [path for path in paths if path]


def _mark(frame: _Frame, at: datetime) -> str:
    x = frame.x(at.timestamp())
    if not LEFT <= x <= WIDTH - RIGHT:
        return ""
    return (
        f'<path d="M{x:.1f} {TOP + 7:g}l-3.5 -7h7z" fill="{SPOT}"/>'
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP:g}" y2="{HEIGHT - BOTTOM:g}" stroke="{SPOT}" stroke-width="0.6"/>'
    )

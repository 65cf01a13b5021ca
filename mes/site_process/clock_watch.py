"""Watches the machine's clock: whether it jumps, and whether the kernel holds it to be synchronised. Rule: REG-DI-02.

A jump is seen by holding wall time against monotonic time; users cannot set either through Septima. A jump of more than
2 s is recorded; after one of more than 60 s nobody signs until the clock is synchronised again or somebody at the
console vouches for it, because a signature's time is part of what it says.
"""

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import structlog

from mes.clock import Clock
from mes.errors import Refusal
from mes.ids import Stream, new_op
from mes.ledger.entry import Actor, Write
from mes.ledger.site_events import ClockDrifted, ClockTrusted
from mes.ledger.store import Ledger

LOOK_S = 10.0
ALARM_S = 2.0
UNTRUSTED_S = 60.0
STA_UNSYNC = 0x0040
TIME_ERROR = 5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reading:
    """What the kernel says: whether a time service disciplines the clock, and its largest error in seconds."""

    synchronised: bool
    error_s: float


class _Timex(ctypes.Structure):
    """The head of Linux' struct timex, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("rest", ctypes.c_byte * 256),
    )  # fmt: skip


def kernel_reading() -> Reading | None:
    """Ask the kernel (adjtimex, which only reads here); None where it does not tell."""
    asked = _Timex()
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "adjtimex"):
        return None
    state = libc.adjtimex(ctypes.byref(asked))
    if state < 0:
        return None
    return Reading(state != TIME_ERROR and not asked.status & STA_UNSYNC, asked.maxerror / 1e6)


class ClockWatch:
    """Looks at the clock every ten seconds. `wall` and `monotonic` tell seconds; a virtual clock has no watch."""

    def __init__(
        self, ledger: Ledger, clock: Clock, *, read: Callable[[], Reading | None] = kernel_reading,
        monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._ledger, self._clock = ledger, clock
        self._read, self._monotonic, self._wall = read, monotonic, wall
        self._between = wall() - monotonic()
        self._looked = monotonic() - LOOK_S
        self._was_good = True
        self._distrust: int | None = None
        self.drift_s = 0.0
        """The last jump, for the screens; 0 once the clock is synchronised again."""

    def step(self) -> bool:
        """Look, if it is time to; record what changed."""
        now = self._monotonic()
        if now - self._looked < LOOK_S:
            return False
        self._looked = now
        between = self._wall() - now
        jump, self._between = between - self._between, between
        reading = self._read()
        good = reading is None or (reading.synchronised and reading.error_s <= ALARM_S)
        if abs(jump) > ALARM_S:
            seq = self._tell("step", jump)
            self.drift_s = jump
            if abs(jump) > UNTRUSTED_S:
                self._distrust = seq
        elif good != self._was_good:
            self._tell("synchronised" if good else "unsynchronised", reading.error_s if reading else 0.0)
        elif good and reading is not None:
            self._distrust, self.drift_s = None, 0.0
        self._was_good = good
        if self._distrust is not None and self._vouched(self._distrust):
            self._distrust, self.drift_s = None, 0.0
        return False

    def check(self) -> None:
        """Refuse `clock-untrusted` (503) after a jump of more than a minute; the guard of every signature."""
        if self._distrust is not None:
            raise Refusal("clock-untrusted", status=503, seconds=round(self.drift_s))

    def _tell(self, kind: str, seconds: float) -> int:
        event = ClockDrifted(kind, Decimal(f"{seconds:.3f}"))
        log.warning("clock-drifted", kind=kind, seconds=round(seconds, 3))
        writes = [Write(self._site, (event.draft(),))]
        return self._ledger.append(new_op(), writes, actor=Actor.system("clock"), now=self._clock.now())[-1].seq

    def _vouched(self, seq: int) -> bool:
        return any(entry.type == ClockTrusted.tag for entry in self._ledger.stream(self._site, from_seq=seq + 1))

    @property
    def _site(self) -> Stream:
        return self._ledger.site_stream

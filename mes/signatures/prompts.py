"""Which statements are being asked for, in memory: a passkey's answer is good once, here, and not for long.

A statement binds content, not a moment, so its answer alone would stay good for ever; after a restart people are
simply asked again.
"""

from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from threading import Lock

GOOD_FOR_S = 10 * 60
MOST = 5_000


class Taken(Enum):
    """What became of asking for a statement: it waited, it was answered before, or nobody asked lately."""

    WAITING = "waiting"
    ANSWERED = "answered"
    UNKNOWN = "unknown"


class Prompts:
    """The statements shown to sessions, each to be answered at most once within 10 minutes of wall time."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._asked: OrderedDict[tuple[str, str], float | None] = OrderedDict()
        self._lock = Lock()

    def ask(self, session: str, statement: str) -> None:
        """Remember that a session was shown a statement; at most 5,000, the oldest are forgotten."""
        with self._lock:
            self._asked[session, statement] = self._wall() + GOOD_FOR_S
            self._asked.move_to_end((session, statement))
            while len(self._asked) > MOST:
                self._asked.popitem(last=False)

    def look(self, session: str, statement: str) -> Taken:
        """Tell whether a statement still waits for its answer; a wrong answer leaves it waiting."""
        with self._lock:
            return self._look(session, statement)

    def take(self, session: str, statement: str) -> Taken:
        """Use up the prompt for a statement, in one step, and tell whether there was one."""
        with self._lock:
            found = self._look(session, statement)
            if found is Taken.WAITING:
                self._asked[session, statement] = None
            return found

    def _look(self, session: str, statement: str) -> Taken:
        if (session, statement) not in self._asked:
            return Taken.UNKNOWN
        until = self._asked[session, statement]
        if until is None:
            return Taken.ANSWERED
        return Taken.WAITING if self._wall() <= until else Taken.UNKNOWN

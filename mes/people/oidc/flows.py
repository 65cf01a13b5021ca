"""Questions that wait for the provider's answer: each for one browser, once, for ten minutes; in memory alone."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from mes.people.oidc.model import Cause, SignInRefused

FLOW_S = 10 * 60
MOST_WAITING = 500


@dataclass(slots=True)
class Flow:
    """One question to the provider, and the terminal it was asked at."""

    terminal: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    browser: str = field(repr=False)
    until: float
    is_used: bool = False


class Flows:
    """Remembers questions by their state. The oldest make room: nobody fills the memory by asking."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._lock = Lock()
        self._waiting: OrderedDict[str, Flow] = OrderedDict()

    def ask(self, terminal: str) -> tuple[str, str, Flow]:
        """Return state, the secret of the asking browser, and the question."""
        state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        flow = Flow(terminal, secrets.token_urlsafe(32), secrets.token_urlsafe(48), _hash(browser),
                    self._wall() + FLOW_S)  # fmt: skip
        with self._lock:
            self._waiting[state] = flow
            while len(self._waiting) > MOST_WAITING:
                self._waiting.popitem(last=False)
        return state, browser, flow

    def take(self, state: str, browser: str) -> Flow:
        """Return the question that this state answers, for its own browser and once; else SignInRefused.

        A question that met a wrong browser is used up as well: somebody was handed another one's answer.
        """
        with self._lock:
            flow = self._waiting.get(state)
            if flow is None or flow.until < self._wall():
                self._waiting.pop(state, None)
                raise SignInRefused(Cause.STATE)
            if flow.is_used:
                raise SignInRefused(Cause.REPLAYED)
            flow.is_used = True
            if not hmac.compare_digest(flow.browser, _hash(browser)):
                raise SignInRefused(Cause.STATE)
            return flow

    def knows(self, state: str) -> bool:
        """Tell whether this site asked a question under this state of late."""
        with self._lock:
            return state in self._waiting


def _hash(browser: str) -> str:
    return hashlib.sha256(browser.encode(errors="surrogatepass")).hexdigest()

"""Ending a hold from the console: only once every entry verifies, and never without a reason in the record."""

from datetime import datetime

from mes.app import open_ledger
from mes.errors import Refusal
from mes.ids import new_op
from mes.ledger.check_events import CheckKind, HoldReleased, LedgerCheckPassed
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Write
from mes.ledger.events import time_text
from mes.ledger.locks import WriterLease
from mes.ledger.verify import Verified, verify_ledger
from mes.settings import SiteSettings

CONSOLE = Actor.system("console")
MAX_REASON = 500


def release_hold(settings: SiteSettings, stream: str, reason: str, now: datetime) -> Verified:
    """Verify the whole ledger, end the hold of `stream` (`*`: of everything), and enter both.

    The console proves a hand on the machine, no person: the reason names QA's decision. Refuses `reason-missing`,
    `nothing-held`, `writer-lock-held`; IntegrityBreach while the record still contradicts itself.
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        raise Refusal("reason-missing", status=422)
    engine = open_engine(settings.database)
    try:
        with WriterLease(settings.site_dir, engine):
            ledger = open_ledger(settings, engine)
            try:
                if stream not in ledger.breaches.held:
                    raise Refusal("nothing-held", status=404, stream=stream)
                found = verify_ledger(engine)
                ledger.breaches.release(
                    None if stream == "*" else stream, by="console", ground=reason, at=time_text(now)
                )
                drafts = (
                    LedgerCheckPassed(CheckKind.FULL, found.size, found.root.hex(), 0).draft(),
                    HoldReleased(stream).draft(reason=reason),
                )
                ledger.append(new_op(), [Write(ledger.site_stream, drafts)], actor=CONSOLE, now=now)
                return found
            finally:
                ledger.close()
    finally:
        engine.dispose()

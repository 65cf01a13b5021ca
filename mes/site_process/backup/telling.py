"""Records what the console did about backups in the site's ledger, whether the site runs or not."""

from mes.app import clock_of, open_ledger
from mes.ids import new_op
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Write
from mes.ledger.events import Event
from mes.ledger.locks import WriterLease
from mes.settings import SiteSettings


def tell_site(settings: SiteSettings, event: Event) -> None:
    """Append an event about the site; refuses `writer-lock-held` while the site runs."""
    engine = open_engine(settings.database)
    try:
        with WriterLease(settings.site_dir, engine):
            ledger = open_ledger(settings, engine)
            try:
                write = Write(ledger.site_stream, (event.draft(),))
                ledger.append(new_op(), [write], actor=Actor.system("console"), now=clock_of(settings).now())
            finally:
                ledger.close()
    finally:
        engine.dispose()

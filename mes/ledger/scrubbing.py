"""Taking deleted content out of SQLite's write-ahead log, where its bytes would lie until the log is used anew."""

import time

from mes.ledger.database import open_engine

TRIES, PAUSE_S = 20, 0.05


def scrub(url: str) -> bool:
    """Empty the write-ahead log into the database, whose freed pages secure_delete has overwritten.

    False if readers held it all the while: the next checkpoint of the log does it. PostgreSQL keeps dead rows until
    VACUUM, which its owner runs (docs/privacy.md): False there.
    """
    engine = open_engine(url)
    try:
        if engine.dialect.name != "sqlite":
            return False
        for _ in range(TRIES):
            driver = engine.raw_connection()
            try:
                busy = driver.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                driver.close()
            if not busy:
                return True
            time.sleep(PAUSE_S)
        return False
    finally:
        engine.dispose()

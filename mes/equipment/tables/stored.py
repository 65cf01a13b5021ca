"""What the main database holds beside the ledger: node map files, samples, and how far the drain came.

No projection: written through the ledger's `alongside`, in the transaction of the entries that vouch for it.
`telemetry_slice` holds drained rows until their hour is sealed into `telemetry_chunk`, then they leave it.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table

stored = MetaData()

nodemap_file = Table(
    "nodemap_file",
    stored,
    Column("digest", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
telemetry_slice = Table(
    "telemetry_slice",
    stored,
    Column("site", String(32), primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("run", String(64), primary_key=True),
    Column("window_from", BigInteger, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("telemetry_slice_window", "site", "device", "run", "window_from", "step"),
)
"""`body`: UTF-8 lines `<tag>,<canonical row>`, in the order of the journal. `step` numbers the transaction."""

telemetry_chunk = Table(
    "telemetry_chunk",
    stored,
    Column("site", String(32), primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("run", String(64), primary_key=True),
    Column("tag", String(64), primary_key=True),
    Column("window_from", BigInteger, nullable=False),
    Column("window_to", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("op", String(36), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("telemetry_chunk_run", "site", "run", "device", "tag", "window_from"),
)
"""`body`: zstd of the canonical bytes; `op` is the operation of the sealing entry, one per (device, run, window)."""

drain_position = Table(
    "drain_position",
    stored,
    Column("site", String(32), primary_key=True),
    Column("journal", String(36), primary_key=True),
    Column("sample", BigInteger, nullable=False),
    Column("fact", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
)
drain_device = Table(
    "drain_device",
    stored,
    Column("site", String(32), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("tick", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("samples", BigInteger, nullable=False),
)
"""`tick`: newest drained source time of `device.clock`; `received`: newest drained receive time; both 0 at first."""

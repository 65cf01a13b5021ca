"""The lines that signatures on a batch have in common: which batch, which containers."""

from mes.batches.model import BatchState
from mes.ledger.events import time_text
from mes.signatures.model import ShownItem


def batch_items(state: BatchState) -> list[ShownItem]:
    """Return the lines that every signature on a batch begins with."""
    return [
        ShownItem("Batch", state.batch),
        ShownItem("Product", state.product),
        ShownItem("Chain of identity", state.coi),
        *([ShownItem("Device", "SIMULATED DEVICE")] if state.simulated else []),
    ]


def product_items(state: BatchState) -> list[ShownItem]:
    """Return the containers with dose and expiry."""
    return [
        ShownItem(
            f"Container {one.container}", f"{one.volume_ml} mL, {one.dose}, use before {time_text(one.expiry_at)}"
        )
        for one in state.filled.values()
    ]

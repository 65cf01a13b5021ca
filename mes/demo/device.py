"""A SIMULATED DEVICE as a process of its own: for the demo, rehearsals and training."""

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from equipment_drivers.simulators.faults import read_scenario
from equipment_drivers.simulators.prodigy import serve_prodigy
from mes.errors import Refusal


async def simulate_prodigy(
    endpoint: str, now: Callable[[], datetime], *, seed: int, donor: str, scenario: list[Mapping[str, Any]],
    truth: Path, pki: Path, stop: asyncio.Event, ready: Callable[[], None],
) -> None:  # fmt: skip
    """Serve until `stop`; user and password come from MES_DEVICE_USER and MES_DEVICE_PASSWORD.

    Refuses `device-secret-missing`; the simulator itself refuses any address but this machine's own.
    """
    user, password = os.environ.get("MES_DEVICE_USER", ""), os.environ.get("MES_DEVICE_PASSWORD", "")
    if not user or not password:
        raise Refusal("device-secret-missing", status=422)
    await serve_prodigy(endpoint, now, seed, donor, read_scenario(scenario), truth, pki, user, password, stop, ready)

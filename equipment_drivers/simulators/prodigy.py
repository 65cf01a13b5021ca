"""Runs one simulated processor as an OPC UA server on the loopback, in virtual time, until told to stop."""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlparse

from asyncua import Server, ua

from equipment_drivers.errors import NotLoopback
from equipment_drivers.opcua import security
from equipment_drivers.simulators.device import CellProcessor
from equipment_drivers.simulators.faults import InjectedFault
from equipment_drivers.simulators.physics import DONORS
from equipment_drivers.simulators.server import OneUser, behaved
from equipment_drivers.simulators.shell import MANUFACTURER, MODEL, NAMESPACE, SOFTWARE, Shell
from equipment_drivers.simulators.truth import GroundTruth

APPLICATION_URI = "urn:septima:simulator:prodigy-like:server"
IDENTITY = "simulator"
POLL_S = 0.02
BATCHES_PER_TURN = 50
QUEUE_PAUSE = 8_000
"""Values of one item that may wait for a slow or absent client before virtual time waits for it (queue 10,000)."""


def check_loopback(endpoint: str) -> None:
    """Refuse an address that others can reach, with NotLoopback."""
    host = urlparse(endpoint).hostname or ""
    try:
        inside = ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = host == "localhost"
    if not inside:
        raise NotLoopback(f"{endpoint}: a simulator listens on 127.0.0.1 only", endpoint=endpoint)


def simulator_identity(pki: Path) -> security.Identity:
    """Return the simulator's certificate in this folder, made if it is not there; clients must trust it first."""
    return security.own_identity(pki, IDENTITY, APPLICATION_URI)


async def serve_prodigy(
    endpoint: str,
    now: Callable[[], datetime],
    seed: int,
    donor: str,
    scenario: Sequence[InjectedFault],
    ground_truth: Path,
    pki: Path,
    user: str,
    password: str,
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Serve until `stop`; `ready` is called when clients may connect.

    `now` is polled every 20 ms and every grid tick passed since is emitted, none skipped. Until the first client
    monitors something nothing but the first values is emitted, and virtual time waits for a client whose queue
    fills: so nothing that is in `ground_truth` was emitted to nobody. When `now` stands still, device.clock is
    emitted once more at that time: a reader that holds a clock sample of `now` holds everything before it.
    """
    check_loopback(endpoint)
    server = Server(user_manager=OneUser(user, password))
    service = behaved(server)
    await _configured(server, endpoint, pki)
    with GroundTruth(ground_truth) as truth:
        device = CellProcessor(now(), seed, DONORS[donor], tuple(scenario))
        shell = Shell(server, service, device, now, truth)
        await shell.build()
        async with server:
            ready()
            await _run(shell, service.longest_queue, lambda: service.watched, now, stop)


async def _configured(server: Server, endpoint: str, pki: Path) -> None:
    identity = simulator_identity(pki)
    server.iserver.bind_condition_methods = True
    await server.init()
    server.set_endpoint(endpoint)
    server.set_server_name(MODEL)
    await server.set_application_uri(APPLICATION_URI)
    await server.set_build_info(NAMESPACE, MANUFACTURER, MODEL, SOFTWARE, "0", datetime(2026, 1, 1, tzinfo=UTC))
    server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    server.set_identity_tokens([ua.UserNameIdentityToken])
    await server.load_certificate(str(identity.certificate))
    await server.load_private_key(str(identity.key))
    server.iserver.certificate_validator = security.validator(pki)
    server.iserver.max_session_timeout_ms = 3_600_000


async def _run(
    shell: Shell,
    longest_queue: Callable[[], int],
    watched: Callable[[], bool],
    now: Callable[[], datetime],
    stop: asyncio.Event,
) -> None:
    async def pause() -> None:
        await asyncio.sleep(0)
        while longest_queue() > QUEUE_PAUSE and not stop.is_set():
            await asyncio.sleep(POLL_S)

    seen = now()
    while not stop.is_set():
        if watched():
            await shell.catch_up(pause, BATCHES_PER_TURN)
            current = now()
            if current == seen:
                await shell.stand_still(current)
            seen = current
        await asyncio.sleep(POLL_S)

"""A signed step confirm over HTTP, ours and the peer's, with one client and with four."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from argon2 import PasswordHasher

from bench.compare import timed
from bench.figures import Figure, figure, ratio
from bench.parts.calling import free_port, served
from bench.parts.signing_site import Ours, Peer, prepare_site
from mes.demo.cast import PASSWORD
from mes.people.passwords import PRODUCTION

CLIENTS = 4
ALLOWANCE_MS = 25


@dataclass
class Times:
    """Seconds per round."""

    alone: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    def take(self, confirm: Callable[[int], float], alone: int, each: int) -> None:
        """Run one round: one client, then four at once."""
        self.alone.append(median(confirm(0) for _ in range(alone)))
        found: list[float] = []

        def client(number: int) -> None:
            found.extend(confirm(number) for _ in range(each))

        with ThreadPoolExecutor(CLIENTS) as pool:
            took = timed(lambda: list(pool.map(client, range(CLIENTS))))
        self.together.append(quantiles(found, n=20)[18])
        self.rate.append(len(found) / took)


def signing(folder: Path, rounds: int, alone: int, each: int) -> list[Figure]:
    """Measure both sides in turn, and argon2 beside them."""
    ours, peer, argon2 = Times(), Times(), list[float]()
    acts = (rounds + 1) * (alone + CLIENTS * each) + CLIENTS
    hasher = PasswordHasher(PRODUCTION.passes, PRODUCTION.memory_kib, PRODUCTION.lanes)
    encoded = hasher.hash(PASSWORD)
    with ExitStack() as stack:
        our_side = _our_side(stack, folder, acts)
        peer_side = _peer_side(stack, folder, acts)
        Times().take(our_side.confirm, alone, each)
        Times().take(peer_side.confirm, alone, each)
        for _ in range(rounds):
            ours.take(our_side.confirm, alone, each)
            peer.take(peer_side.confirm, alone, each)
            argon2.append(median(timed(lambda: hasher.verify(encoded, PASSWORD)) for _ in range(10)))
    return _figures(ours, peer, argon2)


def _our_side(stack: ExitStack, folder: Path, acts: int) -> Ours:
    port = free_port()
    prepare_site(folder / "site", port, acts)
    stack.enter_context(served(["mes", "serve", "--site", str(folder / "site")], port, folder / "ours.log", os.environ))
    return Ours.signed_in(port, CLIENTS)


def _peer_side(stack: ExitStack, folder: Path, acts: int) -> Peer:
    port = free_port()
    environment = {**os.environ, "PEER_DATABASE": str(folder / "peer.sqlite")}
    package = "bench.peers.confirmations"
    prepare = [sys.executable, "-m", f"{package}.prepare", str(CLIENTS), str(acts), PASSWORD]
    subprocess.run(prepare, check=True, env=environment)
    arguments = [
        "gunicorn",
        "--workers",
        "2",
        "--bind",
        f"127.0.0.1:{port}",
        "--no-control-socket",
        f"{package}.wsgi:application",
    ]
    stack.enter_context(served(arguments, port, folder / "peer.log", environment))
    return Peer.signed_in(port, CLIENTS)


def _figures(ours: Times, peer: Times, argon2: list[float]) -> list[Figure]:
    bound = median(argon2) * 1e3 + ALLOWANCE_MS
    act = (
        "The request that confirms and signs step A01 (four values) of a fresh batch in `mes serve` (gunicorn, one"
        " process) on a demo site with SQLite, password alone in a session that signed before, all projections; over"
        " HTTP on loopback, one connection per request. "
    )
    other = (
        "bench/peers/confirmations: Django and django-auditlog, gunicorn with 2 workers, SQLite WAL FULL, session,"
        " check_password with the same argon2id parameters, two rows and two audit rows in one durable transaction. "
    )
    ms = [1e3 * each for each in ours.alone], [1e3 * each for each in peer.alone]
    tails = [1e3 * each for each in ours.together], [1e3 * each for each in peer.together]
    return [
        figure(
            "argon2_ms", [1e3 * each for each in argon2], "ms", "One argon2id verify (t=2, m=19456, p=1), same rounds."
        ),
        figure("sign_ms", ms[0], "ms", act + "p50, 1 client; target: argon2_ms + 25.", rule="PERF-01", at_most=bound),
        figure("peer_sign_ms", ms[1], "ms", other + "p50, 1 client.", rule="PERF-01"),
        ratio("sign_against_peer", *ms, "sign_ms over peer_sign_ms.", rule="PERF-01", at_most=1),
        figure("sign_4_clients_p95_ms", tails[0], "ms", act + "p95, 4 clients.", rule="PERF-04", at_most=500),
        figure("peer_4_clients_p95_ms", tails[1], "ms", other + "p95, 4 clients.", rule="PERF-04"),
        ratio("sign_4_clients_against_peer", *tails, "Their p95 with 4 clients.", rule="PERF-04", at_most=1),
        figure("sign_4_clients_per_s", ours.rate, "1/s", act + "4 clients.", rule="PERF-04", at_least=15),
        figure("peer_4_clients_per_s", peer.rate, "1/s", other + "4 clients.", rule="PERF-04"),
    ]

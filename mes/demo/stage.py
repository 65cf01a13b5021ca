"""The stage: a fresh demo site, its simulated device and its processes, each as it would be for real."""

import fcntl
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from equipment_drivers.opcua.security import own_identity, trust
from equipment_drivers.simulators.prodigy import simulator_identity
from mes.clock import Conductor
from mes.demo.cast import ADMINISTRATOR, CAST, PASSWORD
from mes.errors import Refusal
from mes.settings import private_file

MARK = ".septima-demo"
"""Only a folder that holds this file, or nothing, is ever cleared."""
SITE, TZ = "demo-site", "Europe/Brussels"
DEVICE = "PRD-01"
SCENARIO = Path(__file__).with_name("scenario.yaml")
START_S = 60.0


@dataclass
class Stage:
    """What runs, and where it left its files."""

    folder: Path
    port: int
    device_port: int
    conductor: Conductor
    site_key: str = ""
    first_code: str = ""
    server_thumbprint: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def site_dir(self) -> Path:
        """Return the site's folder."""
        return self.folder / "site"

    @property
    def truth(self) -> Path:
        """Return the file in which the simulator notes every sample that it emitted."""
        return self.folder / "ground-truth.csv"

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port of the web server."""
        return ("localhost", self.port)

    @property
    def endpoint(self) -> str:
        """Return the OPC UA endpoint of the simulated device."""
        return f"opc.tcp://127.0.0.1:{self.device_port}/septima"


def build_stage(folder: Path, port: int, start: datetime) -> Stage:
    """Make a fresh site that begins at the virtual time `start`, with a simulated device that it trusts."""
    folder = folder.resolve()
    clear(folder)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("The demo makes this folder anew at every start.\n")
    stage = Stage(folder, port or free_port(8471), free_port(4841), None)  # type: ignore[arg-type]
    stage.site_dir.mkdir(mode=0o700)
    stage.conductor = Conductor(stage.site_dir / "clock.json", start)
    command = ["site", "create", "--site", str(stage.site_dir), "--id", SITE, "--tz", TZ, "--demo",
               "--port", str(stage.port)]  # fmt: skip
    told = subprocess.run(  # noqa: S603  our own command line
        [sys.executable, "-m", "mes", *command], check=True, capture_output=True, text=True
    ).stdout
    lines = dict(line.split(": ", 1) for line in told.splitlines() if ": " in line)
    stage.site_key = lines["site key"]
    stage.first_code = next(value for name, value in lines.items() if name.startswith("one-time code"))
    _introduce(stage)
    (stage.site_dir / "demo-help.txt").write_text(logins_told(), encoding="utf-8")
    return stage


def clear(folder: Path) -> None:
    """Remove what an earlier demo left; refuses `demo-folder-not-ours` and, while one runs there, `demo-running`."""
    if not folder.exists():
        return
    if any(folder.iterdir()) and not (folder / MARK).is_file():
        raise Refusal("demo-folder-not-ours", folder=str(folder))
    lock = folder / "site" / "writer.lock"
    if lock.exists():
        with lock.open() as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refusal("demo-running", folder=str(folder)) from None
    shutil.rmtree(folder)


def _introduce(stage: Stage) -> None:
    """Let collector and simulated device know each other's certificate, and give both the same secret."""
    pki, keys = stage.folder / "simulator-pki", stage.site_dir / "keys"
    collector = own_identity(keys / "opcua", "collector", f"urn:septima:{SITE}:collector")
    device = simulator_identity(pki)
    trust(pki, collector.certificate.read_bytes())
    trust(keys / "opcua", device.certificate.read_bytes())
    stage.server_thumbprint = device.thumbprint
    (keys / "devices").mkdir(mode=0o700)
    secret = {"user": "septima", "password": secrets.token_urlsafe(18)}
    private_file(keys / "devices" / f"{DEVICE}.json", json.dumps(secret).encode())


def raise_curtain(stage: Stage) -> None:
    """Start the simulated device, then the site under its supervisor."""
    secret = json.loads((stage.site_dir / "keys" / "devices" / f"{DEVICE}.json").read_text())
    simulate = ["simulate", "--device", "prodigy", "--endpoint", stage.endpoint,
                "--clock", str(stage.site_dir / "clock.json"), "--truth", str(stage.truth),
                "--pki", str(stage.folder / "simulator-pki"), "--scenario", str(SCENARIO)]  # fmt: skip
    names = {"MES_DEVICE_USER": secret["user"], "MES_DEVICE_PASSWORD": secret["password"]}
    _start(stage, simulate, "simulate", names)
    _start(stage, ["supervise", "--site", str(stage.site_dir)], "supervise", {})
    _await_port(stage.device_port)
    _await_site(stage)


def ring_down(stage: Stage) -> None:
    """End the processes that this stage started."""
    for process in reversed(stage.processes):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def logins_told() -> str:
    """Return the demo's logins, a line each, for the site's pages and for the console."""
    told = [f"Everybody's password: {PASSWORD}. One-time codes: mes codes --folder var/demo"]
    for part in (ADMINISTRATOR, *CAST):
        factor = " (signs with a one-time code too)" if part.second_factor else ""
        told.append(f"{part.user_name}: {part.name}, {', '.join(part.roles)}{factor}")
    return "\n".join(told) + "\n"


def free_port(wanted: int) -> int:
    """Return `wanted` if nobody listens there, else a free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port")


def _start(stage: Stage, arguments: list[str], name: str, environment: Mapping[str, str]) -> None:
    logs = stage.folder / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / f"{name}.log").open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  our own command line
            [sys.executable, "-m", "mes", *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            env={**os.environ, **environment},
        )  # fmt: skip
    stage.processes.append(process)


def _await_site(stage: Stage) -> None:
    """Wait until this very site answers; refuses `demo-port-taken` if another one holds the port."""
    deadline = time.monotonic() + START_S
    while True:
        connection = http.client.HTTPConnection(*stage.address, timeout=5)
        try:
            connection.request("GET", "/api/status")
            told = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            told = None
        finally:
            connection.close()
        if told is not None and told.get("site_key") == stage.site_key:
            return
        if told is not None:
            raise Refusal("demo-port-taken", port=stage.port)
        if time.monotonic() > deadline:
            raise TimeoutError(f"the site does not answer after {START_S:.0f} s; see the logs")
        time.sleep(0.1)


def _await_port(port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing listens on port {port} after {START_S:.0f} s; see the logs")
        time.sleep(0.1)

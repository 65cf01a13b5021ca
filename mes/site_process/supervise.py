"""Keeps a site's processes alive: starts serve and collect, restarts what died, ends them together."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 30.0
"""A process that lived this long starts its back-off anew."""
GRACE_S = 10.0
MOST_WORDS = 4_096
"""How many bytes of a log's end are searched for why a process ended."""

log = structlog.get_logger()


@dataclass
class Kept:
    """One process that is kept alive."""

    name: str
    argv: Sequence[str]
    log_path: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    falls: int = 0
    environment: dict[str, str] = field(default_factory=dict)


class Supervisor:
    """Starts processes and restarts those that end, each with its own back-off; never gives up."""

    def __init__(self, kept: Sequence[Kept], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._kept = list(kept)
        self._monotonic = monotonic
        self._ending = False

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT, then end all children."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        try:
            while not self._ending:
                self.look()
                time.sleep(0.1)
        finally:
            self.stop()

    def look(self) -> None:
        """Start what is due and notice what fell."""
        now = self._monotonic()
        for one in self._kept:
            if one.process is not None and one.process.poll() is not None:
                self._fell(one, now, f"ended with code {one.process.returncode}{last_words(one.log_path)}")
            if one.process is None and now >= one.restart_at:
                self._start(one, now)

    def stop(self) -> None:
        """End all children: ask first, then insist."""
        living = [one.process for one in self._kept if one.process is not None and one.process.poll() is None]
        for process in living:
            process.terminate()
        deadline = self._monotonic() + GRACE_S
        for process in living:
            try:
                process.wait(max(0.1, deadline - self._monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, one: Kept, now: float) -> None:
        one.started_at = now
        try:
            one.log_path.parent.mkdir(parents=True, exist_ok=True)
            with one.log_path.open("ab") as output:
                one.process = subprocess.Popen(  # noqa: S603  our own command line
                    one.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    env={**os.environ, **one.environment},
                )  # fmt: skip
        except OSError as error:  # out of memory, disk full: that passes, and the others must be kept meanwhile
            self._fell(one, now, str(error))
            return
        log.info("process-started", name=one.name, pid=one.process.pid)

    def _fell(self, one: Kept, now: float, cause: str) -> None:
        one.falls = 0 if now - one.started_at > STEADY_S else one.falls + 1
        wait = BACK_OFF_S[min(one.falls, len(BACK_OFF_S) - 1)]
        log.warning("process-fell", name=one.name, cause=cause, restart_in_s=wait)
        one.process, one.restart_at = None, now + wait

    def _end(self, *_: object) -> None:
        self._ending = True


def last_words(log_path: Path) -> str:
    """Return why a process that just ended could not go on, in its own sentence; nothing where it left none."""
    try:
        with log_path.open("rb") as file:
            file.seek(max(0, log_path.stat().st_size - MOST_WORDS))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = next((line for line in reversed(lines) if line.startswith(("Error: ", '{"'))), "")
    return f": {said}" if said.startswith("Error: ") else ""


def site_processes(site_dir: Path) -> list[Kept]:
    """Return the processes of one site, as `mes supervise` keeps them."""
    logs = site_dir / "logs"
    mes = [sys.executable, "-m", "mes"]
    return [
        Kept("serve", [*mes, "serve", "--site", str(site_dir)], logs / "serve.log"),
        Kept("collect", [*mes, "collect", "--site", str(site_dir)], logs / "collect.log"),
    ]

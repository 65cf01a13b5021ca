"""One real run of `mes demo --exit`, with the collector and the web server killed in the middle of it."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mes.demo.stage import free_port

MOST_S = 900
KILLS = {"A10a": ("collect",), "A13": ("serve",), "A15": ("collect", "serve")}
"""At the beginning of which step which process is killed with SIGKILL."""


@dataclass
class DemoRun:
    """What a run left behind."""

    folder: Path
    code: int = -1
    summary: dict[str, Any] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    killed: list[tuple[str, int]] = field(default_factory=list)

    @property
    def out(self) -> Path:
        """Return the folder of results."""
        return self.folder / "demo" / "out"


def run_demo(folder: Path) -> DemoRun:
    """Run the demo to its end, killing as `KILLS` says."""
    run = DemoRun(folder)
    command = [sys.executable, "-m", "mes", "demo", "--exit", "--folder", str(folder / "demo")]
    command += ["--port", str(free_port(0))]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        watch = threading.Timer(MOST_S, process.kill)
        watch.start()
        follower = threading.Thread(target=_follow, args=(process, run))
        follower.start()
        assert process.stdout is not None
        answer = process.stdout.read()
        run.code = process.wait()
        follower.join()
        watch.cancel()
    if run.code == 0:
        run.summary = json.loads(answer)
    return run


def _follow(process: "subprocess.Popen[str]", run: DemoRun) -> None:
    assert process.stderr is not None
    waiting = dict(KILLS)
    for line in process.stderr:
        run.told.append(line.rstrip())
        words = line.split()
        step = words[1] if len(words) > 1 else ""
        for name in waiting.pop(step, ()):
            _kill(run, name)


def _kill(run: DemoRun, name: str) -> None:
    """Kill what this run's own supervisor started: its process id stands in the site's folder."""
    pid = int((run.folder / "demo" / "site" / "run" / f"{name}.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    run.killed.append((name, pid))

"""`mes demo`: build the stage, let the people play one batch, export its record, and leave the site up."""

import csv
import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from mes.clock import SystemClock
from mes.demo import script, setting
from mes.demo.acts import Playing
from mes.demo.cast import ADMINISTRATOR, CAST, employ
from mes.demo.client import DemoPerson
from mes.demo.pace import Pace
from mes.demo.progress import Progress
from mes.demo.stage import DEVICE, Stage, build_stage, logins_told, raise_curtain, ring_down
from mes.settings import private_file

BEFORE = timedelta(days=23)
"""How far in the past the demo begins: order, seven days, and the last results 14 days after the infusion."""
STEPS = 34
EXPORT_MOST_S = 180.0


def run_demo(folder: Path, *, ends: bool, port: int = 0, binding: str = "opcua") -> dict[str, Any]:
    """Run the demo; returns what it also leaves in `out/summary.json`."""
    started = time.monotonic()
    stage = build_stage(folder, port, SystemClock().now().replace(minute=0, second=0, microsecond=0) - BEFORE)
    progress = Progress(STEPS)
    signal.signal(signal.SIGTERM, _end)
    try:
        raise_curtain(stage)
        click.echo(f"SIMULATED DEVICE, VIRTUAL CLOCK; the site is at http://localhost:{stage.port}", err=True)
        people = employ(stage.first_code, lambda name, user, password: DemoPerson(stage.address, name, user, password))
        pace = Pace(stage, progress.tell)
        playing = Playing(people, pace, script.BATCH, binding, progress.begin)
        summary = play(stage, people, playing, pace, progress, binding)
        summary["wall_s"] = round(time.monotonic() - started, 1)
        out = stage.folder / "out"
        (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
        progress.end()
        click.echo(json.dumps(summary, indent=2))
        if not ends:
            stay_up(stage, people, summary)
        return summary
    finally:
        ring_down(stage)


def _end(*_: object) -> None:
    """End as at Ctrl-C, so that no process of the demo outlives it."""
    raise KeyboardInterrupt


def play(
    stage: Stage, people: Mapping[str, DemoPerson], playing: Playing, pace: Pace, progress: Progress, binding: str
) -> dict[str, Any]:
    """Play one batch from order to final certification and export its record."""
    setting.approve_master(people)
    setting.register_device(people, binding, stage.endpoint, stage.server_thumbprint, pace.now)
    setting.open_batch(people, binding)
    playing.knows("wristband", script.WRISTBAND)
    progress.forecast = lambda: playing.state()["forecast"]
    begun = time.monotonic()
    pace.settle()
    vein = script.collect_and_bring(playing)
    progress.vein = vein
    script.activate(playing, vein)
    script.culture(playing, vein)
    script.harvest_and_release(playing, vein)
    script.infuse(playing, vein)
    batch_s = time.monotonic() - begun
    script.certify_finally(playing)
    pace.settle()
    bundle = export(stage, people["qa"])
    state, status = playing.state(), pace.status() or {}
    return {
        "batch": script.BATCH,
        "steps_done": sum(step["state"] == "done" for step in state["steps"]),
        "ledger_entries": status["ledger_entries"],
        "samples_expected": emitted(stage.truth),
        "samples_recorded": status["devices"][DEVICE]["samples_recorded"],
        "vein_to_vein_h": f"{(datetime.fromisoformat(state['infused_at']) - vein) / timedelta(hours=1):.2f}",
        "batch_s": round(batch_s, 1),
        "wall_s": 0.0,
        "bundle": os.path.relpath(bundle),
        "site_key": stage.site_key,
    }


def export(stage: Stage, qa: DemoPerson) -> Path:
    """Let QA seal and export the record; leaves bundle and PDF in `out`."""
    answer = qa.act(f"/api/batches/{script.BATCH}/records")
    deadline = time.monotonic() + EXPORT_MOST_S
    while (job := qa.get(f"/api/jobs/{answer['job']}"))["state"] not in ("ready", "failed"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the record was not exported within {EXPORT_MOST_S:.0f} s: {job}")
        time.sleep(0.2)
    if job["state"] == "failed":
        raise RuntimeError(f"the export failed: {job}")
    out = stage.folder / "out"
    out.mkdir(exist_ok=True)
    bundle = out / f"{script.BATCH}.ebr.zip"
    bundle.write_bytes(qa.download(f"/api/records/{answer['seal']}/bundle"))
    (out / "ebr.pdf").write_bytes(qa.download(f"/api/records/{answer['seal']}/ebr.pdf"))
    (out / "site.vkey").write_text(stage.site_key + "\n")
    return bundle


def emitted(truth: Path) -> int:
    """Count the samples that the simulator says it emitted."""
    with truth.open(newline="") as file:
        return sum(1 for _ in csv.DictReader(file))


def stay_up(stage: Stage, people: Mapping[str, DemoPerson], summary: Mapping[str, Any]) -> None:
    """Hand over to the real clock and keep the site up until Ctrl-C."""
    stage.conductor.hand_over(max(SystemClock().now(), stage.conductor.clock.now()))
    logins = {part.user_name: people[part.key].totp_secret for part in (ADMINISTRATOR, *CAST)}
    kept = {name: secret.hex() for name, secret in logins.items() if secret}
    private_file(stage.folder / "authenticators.json", json.dumps(kept).encode())
    click.echo(f"\nThe site is at http://localhost:{stage.port}\n{logins_told()}", nl=False)
    click.echo(f"The record: {summary['bundle']}\nCtrl-C ends the site.")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()

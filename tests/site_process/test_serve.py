"""`mes serve`: the one writer, with its background; and what it says when it cannot begin."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import timedelta

import pytest

from mes.errors import Refusal
from mes.ledger.locks import WriterLease
from mes.site_process.rebuild import rebuild
from mes.site_process.serve import begin, last_signed_at, start_background, write_pid
from tests.journeys.house import START, build_house

UP_S = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(folder, port: int) -> subprocess.Popen[str]:
    """Start the real process."""
    return subprocess.Popen(
        [sys.executable, "-m", "mes", "serve", "--site", str(folder)], env={**os.environ, "MES_WEB_PORT": str(port)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def await_answer(port: int) -> str:
    deadline = time.monotonic() + UP_S
    while True:
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/api/status", timeout=5) as answer:
                return str(answer.read())
        except OSError:
            assert time.monotonic() < deadline, "the site did not come up"
            time.sleep(0.1)


@pytest.fixture
def house(tmp_path):
    made = build_house(tmp_path / "site")
    yield made
    made.wired.services.ledger.close()


def test_the_serving_process_alone_writes_and_gives_the_site_back(house):
    port = free_port()
    process = serve(house.settings.site_dir, port)
    try:
        assert "journey-site" in await_answer(port)
        worker = int((house.settings.site_dir / "run" / "serve.pid").read_text())
        with pytest.raises(Refusal, match="writer-lock-held") as held:
            rebuild(house.settings)
        assert held.value.facts["holder"] == str(worker)
        os.kill(worker, signal.SIGKILL)
        await_answer(port)
        assert int((house.settings.site_dir / "run" / "serve.pid").read_text()) != worker
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=20)
    assert "Traceback" not in said
    assert rebuild(house.settings).entries == house.wired.services.ledger.size


def test_a_site_that_cannot_begin_says_so_in_a_sentence(house):
    house.settings.site_key_path.chmod(0o644)
    process = serve(house.settings.site_dir, free_port())
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 4
    (told,) = [line for line in said.splitlines() if line.startswith("Error: ")]
    assert told.endswith("[key-file-readable-by-others]")
    assert "0644" in told
    assert "Traceback" not in said


def test_a_successor_waits_for_its_predecessor_to_end(house):
    lease = WriterLease(house.settings.site_dir).acquire()
    threading.Timer(0.6, lease.release).start()
    begun = time.monotonic()
    app = begin(house.settings)
    try:
        assert time.monotonic() - begun > 0.5
        assert app.extensions["septima-lease"].is_held()
        with pytest.raises(Refusal, match="writer-lock-held"):
            WriterLease(house.settings.site_dir).acquire()
    finally:
        for thread in threading.enumerate():
            if thread.name in ("drain", "heartbeat", "nightly", "downtime", "keys", "admin"):
                thread.stop()
        app.extensions["septima-lease"].release()


def test_the_background_drains_and_signs_hourly(house):
    ledger = house.wired.services.ledger
    loops = start_background(house.wired, house.wired.services.clock.now)
    try:
        assert {one.name for one in loops} >= {"drain", "heartbeat", "nightly"}
        house.conductor.hand_over(START + timedelta(hours=1))
        deadline = time.monotonic() + 10
        while ledger.latest_checkpoint() is None and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        for one in loops:
            one.stop()
    assert {one.failure for one in loops} == {None}
    assert ledger.entry(ledger.size - 1).type == "site:ledger:heartbeat"


def test_the_hour_is_counted_from_what_was_signed_last_across_restarts(house):
    ledger, clock = house.wired.services.ledger, house.conductor
    assert last_signed_at(ledger) == START
    clock.hand_over(START + timedelta(hours=2))
    clock.hold()
    signed = clock.clock.now()
    ledger.heartbeat(signed)
    clock.hand_over(signed + timedelta(minutes=50))
    services = house.wired.services
    house.person("ada").act_public(
        "/api/first-administrator", code=house.first_code, name="Ada", user_name="ada", password="seven days vein to"
    )
    assert services.ledger.entry(ledger.size - 1).at > signed
    assert last_signed_at(ledger) == signed


def test_a_process_leaves_its_id(tmp_path):
    write_pid(tmp_path, "serve")
    assert (tmp_path / "run" / "serve.pid").read_text() == f"{os.getpid()}\n"

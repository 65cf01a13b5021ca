"""Virtual time passes only while the record keeps up: simulator tick <= journal tick <= drained tick, then on."""

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mes.clock import Conductor, SimulatedClock
from mes.demo import pace as paces
from mes.demo.pace import QUANTUM, Pace
from mes.demo.stage import DEVICE, Stage

START = datetime(2026, 11, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Site:
    """A site that answers /api/status from its own clock; the drain may lag by some answers, or be down."""

    def __init__(self, clock: Path) -> None:
        self.clock = SimulatedClock(clock)
        self.lag, self.down, self.broken = 0, 0, 0
        self.collector: Any = {"wall": 1}
        self.device: str | None = DEVICE
        self.seen: list[tuple[datetime, bool]] = []
        self.drained = START
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                status, body = outer.answer()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self) -> tuple[int, bytes]:
        self.seen.append((self.clock.now(), self.clock.running))
        if self.down:
            self.down -= 1
            return 503, b"{}"
        if self.lag:
            self.lag -= 1
        else:
            self.drained = self.clock.now()
        found = {"drained_tick": self.drained.isoformat(), "samples_recorded": len(self.seen)}
        devices = {self.device: found} if self.device else {}
        return 200, json.dumps({"devices": devices, "collector": self.collector}).encode()


@pytest.fixture
def staged(tmp_path) -> Iterator[tuple[Site, Pace, list[tuple[datetime, int]]]]:
    conductor = Conductor(tmp_path / "clock.json", START)
    site = Site(tmp_path / "clock.json")
    told: list[tuple[datetime, int]] = []
    stage = Stage(tmp_path, site.server.server_port, 0, conductor)
    yield site, Pace(stage, lambda now, samples: told.append((now, samples))), told
    site.server.shutdown()
    site.server.server_close()


def test_time_passes_in_stretches_and_stands_at_the_goal(staged):
    site, pace, told = staged
    pace.until(START + 5 * HOUR)
    assert pace.now == START + 5 * HOUR
    assert not site.clock.running
    asked_at = {now for now, _ in site.seen}
    assert {START, START + QUANTUM, START + 2 * QUANTUM, START + 5 * HOUR} <= asked_at
    assert told[-1] == (START + 5 * HOUR, pace.samples)


def test_nothing_is_asked_while_time_runs(staged):
    site, pace, _ = staged
    pace.until(START + 3 * HOUR)
    assert [running for _, running in site.seen if running] == []


def test_the_next_stretch_waits_for_the_drain(staged):
    site, pace, _ = staged
    site.lag = 5
    pace.until(START + HOUR)
    assert site.drained == START + HOUR
    assert [now for now, _ in site.seen][:1] == [START]
    assert len([now for now, _ in site.seen if now == START + HOUR]) >= 5


def test_a_server_that_is_down_holds_the_time(staged):
    site, pace, _ = staged
    site.down = 4
    pace.until(START + HOUR)
    assert [now for now, _ in site.seen][:5] == [START] * 5


def test_a_silent_collector_holds_the_time(staged):
    site, pace, _ = staged
    site.collector = None
    threading.Timer(0.4, setattr, (site, "collector", {"wall": 1})).start()
    pace.settle()
    assert len(site.seen) > 3


def test_before_there_is_a_device_nothing_is_waited_for(staged):
    site, pace, _ = staged
    site.device = None
    pace.settle()
    assert len(site.seen) == 1


def test_a_goal_in_the_past_moves_nothing(staged):
    site, pace, _ = staged
    pace.until(START - HOUR)
    assert pace.now == START
    assert site.seen == []


def test_waiting_for_something_goes_in_steps_and_ends_when_it_is_so(staged):
    _, pace, _ = staged
    pace.until_so(lambda: pace.now >= START + 2 * HOUR, HOUR, 12 * HOUR)
    assert pace.now == START + 2 * HOUR
    pace.until_so(lambda: True, HOUR, HOUR)
    assert pace.now == START + 2 * HOUR


def test_what_never_comes_is_not_waited_for_for_ever(staged):
    _, pace, _ = staged
    with pytest.raises(TimeoutError, match="2:00:00"):
        pace.until_so(lambda: False, HOUR, 2 * HOUR)
    assert pace.now == START + 2 * HOUR


def test_a_stretch_is_short_enough_to_show_and_long_enough_to_be_quick():
    assert timedelta(minutes=10) <= QUANTUM <= timedelta(hours=6)
    assert paces.POLL_S < 0.1


def test_nobody_there_is_no_status(tmp_path):
    conductor = Conductor(tmp_path / "clock.json", START)
    assert Pace(Stage(tmp_path, 1, 0, conductor), lambda *_: None).status() is None

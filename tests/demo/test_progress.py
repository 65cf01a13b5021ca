"""The line that tells how far the demo is: a bar that redraws on a terminal, one line per step elsewhere."""

import io
from datetime import UTC, datetime, timedelta

import pytest

from mes.demo.progress import WIDTH, Progress

VEIN = datetime(2026, 11, 1, 8, tzinfo=UTC)
FORECAST = {"vein_to_vein_h": "143.9", "slack_h": "24.1"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def out():
    return io.StringIO()


def test_each_step_is_a_line_where_nothing_can_be_redrawn(out):
    progress = Progress(34, out)
    progress.begin("A01")
    progress.tell(VEIN, 5)
    progress.begin("A02")
    progress.end()
    lines = out.getvalue().splitlines()
    assert [line.split("]")[1].split()[0] for line in lines] == ["A01", "A02"]
    assert "before H0" in lines[0]
    assert "no forecast yet" in lines[0]
    assert "5 samples" in lines[1]


def test_after_the_collection_it_tells_the_hour_and_the_forecast(out):
    progress = Progress(34, out)
    progress.vein = VEIN
    progress.forecast = lambda: FORECAST
    progress.tell(VEIN + timedelta(hours=31, minutes=30), 1234)
    progress.begin("A12")
    line = out.getvalue()
    assert "H 31.5" in line
    assert "vein-to-vein 143.9 h, slack 24.1 h" in line
    assert "1234 samples" in line


def test_the_last_forecast_stays_when_there_is_none(out):
    progress = Progress(34, out)
    progress.forecast = lambda: FORECAST
    progress.begin("A23")
    progress.forecast = lambda: None
    progress.begin("A24")
    assert out.getvalue().splitlines()[1].count("slack 24.1 h") == 1


@pytest.mark.parametrize(
    ("begun", "steps", "filled"), [(1, 34, 0), (17, 34, WIDTH // 2), (34, 34, WIDTH), (40, 34, WIDTH)]
)
def test_the_bar_fills_and_never_overflows(out, begun, steps, filled):
    progress = Progress(steps, out)
    for number in range(begun):
        progress.begin(f"S{number}")
    bar = out.getvalue().splitlines()[-1].split("]")[0]
    assert bar == "[" + "#" * filled + "." * (WIDTH - filled)


def test_on_a_terminal_the_line_is_redrawn_but_not_at_every_sample():
    out = Terminal()
    progress = Progress(34, out)
    progress.begin("A01")
    for number in range(100):
        progress.tell(VEIN, number)
    progress.end()
    assert out.getvalue().startswith("\r[")
    assert out.getvalue().count("\r") < 5
    assert out.getvalue().endswith("\n")
    assert out.getvalue().count("\n") == 1

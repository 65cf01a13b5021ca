"""Masters for tests: the good one from the museum, with one thing changed, and small ones made of steps alone."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from mes.ids import MasterId, StepId
from mes.masters.model import Edge, Master, Step, Window
from mes.masters.reader import read_master

MUSEUM = Path(__file__).parents[1] / "assets/masters"
GOOD = (MUSEUM / "good.yaml").read_text()
TEMPLATE = (Path(__file__).parents[2] / "batch_templates/prodigy-cd19-7d/1.yaml").read_text()


def changed(old: str, new: str, text: str = GOOD) -> bytes:
    """Return the file with exactly one place changed."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    return text.replace(old, new).encode()


def good() -> Master:
    """Return the good master."""
    return read_master(GOOD.encode())


def window(after: str, low: str | int | None, high: str | int | None, **more: Any) -> Window:
    """Return a window after the completion of another step."""
    given: dict[str, Any] = {"edge": Edge.COMPLETED, **more}
    hours = {"min_h": None if low is None else Decimal(low), "max_h": None if high is None else Decimal(high)}
    return Window(after=StepId(after), **hours, **given)


def a_step(ident: str, *after: str, hours: str | int = 0, windows: tuple[Window, ...] = (), **more: Any) -> Step:
    """Return a step with as little as possible."""
    before = tuple(StepId(one) for one in after)
    return Step(StepId(ident), ident, after=before, duration_h=Decimal(hours), windows=windows, **more)


def a_master(*steps: Step, **more: Any) -> Master:
    """Return a master of these steps: H0 is the first, the infusion the last."""
    ends = {"start_step": steps[0].id, "infusion_step": steps[-1].id}
    told: dict[str, Any] = {"product": "Cells", "title": "Test", "specification": "spec.1", **ends, **more}
    return Master(id=MasterId("test"), version=1, steps=steps, **told)

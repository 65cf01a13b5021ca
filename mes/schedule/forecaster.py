"""What execution asks of the clock after every step: the forecast that is recorded with it."""

from datetime import datetime

from mes.batches.events.steps import ForecastMade
from mes.batches.model import BatchState, Phase
from mes.schedule.outlook import outlook


class VeinToVein:
    """Implements the Forecaster port of execution; keeps nothing."""

    def forecast(self, state: BatchState, after_step: str, now: datetime) -> ForecastMade | None:
        """Return the forecast as it stands; None once the infusion has begun or the batch was terminated."""
        if state.infusion_started_at is not None or state.phase is Phase.TERMINATED:
            return None
        ahead = outlook(state, now)
        if ahead is None:
            return None
        return ForecastMade(
            after_step=after_step,
            infusion_at=ahead.infusion_at,
            deadline_at=ahead.deadline_at,
            vein_to_vein_h=f"{ahead.vein_to_vein_h:f}",
            slack_h=f"{ahead.slack_h:f}",
        )

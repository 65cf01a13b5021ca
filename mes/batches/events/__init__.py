"""Facts that may be recorded in `batch/<id>` and `order/<id>`, by subject."""

from mes.batches.events.custody import *  # noqa: F403
from mes.batches.events.problems import *  # noqa: F403
from mes.batches.events.quality import *  # noqa: F403
from mes.batches.events.steps import *  # noqa: F403

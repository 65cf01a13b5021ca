"""The words of a batch: phases, dispositions, the states of a step, how its device is bound."""

from enum import StrEnum


class Phase(StrEnum):
    """Where the execution stands."""

    EXECUTING = "executing"
    HELD = "on hold"
    COMPLETED = "completed"
    TERMINATED = "terminated"


class Disposition(StrEnum):
    """What may be done with the product."""

    QUARANTINE = "quarantine"
    CERTIFIED_PRELIMINARY = "certified (preliminary)"
    RELEASED = "released"
    CERTIFIED_FINAL = "certified (final)"
    REFUSED = "refused"
    IN_QUESTION = "certificate in question"
    WITHDRAWN = "certificate withdrawn"


class StepStatus(StrEnum):
    """Where one step stands."""

    PENDING = "pending"
    STARTED = "started"
    PERFORMED = "performed"
    DONE = "done"
    SKIPPED = "skipped"


class Binding(StrEnum):
    """How the device of the batch is bound: over OPC UA, or with the operator as driver (PRA-12)."""

    OPCUA = "opcua"
    MANUAL = "manual"

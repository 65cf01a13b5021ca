"""What a batch is at one moment: phase, steps, values, problems, results, labels and custody."""

from mes.batches.model.parts import (
    ContainerState,
    DeviationState,
    ExceptionState,
    Excursion,
    Forecast,
    HandoverState,
    LabelState,
    ResultState,
    excursion_key,
)
from mes.batches.model.state import BatchState
from mes.batches.model.steps import Judgement, MaterialUse, RecordedValue, Signer, StepState
from mes.batches.model.words import Binding, Disposition, Phase, StepStatus

__all__ = [
    "BatchState",
    "Binding",
    "ContainerState",
    "DeviationState",
    "Disposition",
    "ExceptionState",
    "Excursion",
    "Forecast",
    "HandoverState",
    "Judgement",
    "LabelState",
    "MaterialUse",
    "Phase",
    "RecordedValue",
    "ResultState",
    "Signer",
    "StepState",
    "StepStatus",
    "excursion_key",
]

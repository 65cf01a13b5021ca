"""Training: who was trained on what, by whom, until when; an untrained person performs, verifies and signs no step.

A training is bound to one version of a master or procedure, so a new version asks for new training.
"""

from mes.people.training.model import Standing, Subject, SubjectKind, Training, TrainingResult

__all__ = ["Standing", "Subject", "SubjectKind", "Training", "TrainingResult"]

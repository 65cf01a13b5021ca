"""The page of training: who is trained on which master, who is missing, and the trainer's form."""

from datetime import timedelta

from flask import Blueprint, render_template

from mes.people.training.model import SubjectKind, TrainingResult
from mes.web.permission import signed_in
from mes.web.services import services

crew = Blueprint("crew", __name__)
USUAL = timedelta(days=365)
"""How long the form proposes a training to count; the trainer may enter a shorter or longer time."""


@crew.route("/training")
@signed_in
def training() -> str:
    """Show who may work by which master, and every training with its end."""
    now, room = services().clock.now(), services().training
    people = {one.id: one for one in services().people.people()}
    return render_template(
        "training.html", crews=room.crews(), standings=room.register.standings(), people=people, now=now,
        until=(now + USUAL).isoformat(timespec="seconds"), kinds=list(SubjectKind), results=list(TrainingResult),
    )  # fmt: skip

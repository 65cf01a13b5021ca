"""How acts answer: a program gets the batch's new position, htmx is told to show the page anew."""

from typing import Any
from uuid import uuid4

from flask import Response, jsonify, make_response, request
from flask_smorest import Blueprint

from mes.batches.model import BatchState
from mes.web.payload import StrictParser


class Acts(Blueprint):
    """A blueprint whose bodies are read strictly, as JSON or as a form."""

    ARGUMENTS_PARSER = StrictParser()


def answered(document: dict[str, Any], status: int = 200) -> Response:
    """Answer an act."""
    if "HX-Request" in request.headers:
        response = make_response("", 200)
        response.headers["HX-Refresh"] = "true"
        return response
    return make_response(jsonify(document), status)


def of_batch(state: BatchState) -> Response:
    """Answer an act on a batch with where the batch stands now."""
    nexts = [{"step": one.step.id, "state": one.status.value} for one in state.next_steps()]
    return answered({
        "batch": state.batch, "phase": state.phase.value, "disposition": state.disposition.value,
        "next_seq": state.next_seq, "next_steps": nexts, "exceptions": len(state.exceptions),
    })  # fmt: skip


def fresh_op() -> str:
    """Return an operation id for a form."""
    return str(uuid4())

"""How acts answer: a program gets the batch's new position, htmx is told to show the page anew."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from flask import Response, jsonify, make_response, render_template, request
from flask_smorest import Blueprint
from marshmallow import Schema

from mes.batches.model import BatchState
from mes.ids import StepId
from mes.web.payload import StrictParser
from mes.web.permission import View


class Acts(Blueprint):  # type: ignore[misc]  # flask-smorest carries no types
    """A blueprint whose bodies are read strictly, as JSON or as a form."""

    ARGUMENTS_PARSER = StrictParser()

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view under a rule and describe it in the OpenAPI document."""
        decorate: Callable[[View], View] = super().route(rule, **options)
        return decorate

    def arguments(self, schema: type[Schema], **options: Any) -> Callable[[View], View]:
        """Hand the view its body (or query) as loaded by a schema."""
        decorate: Callable[[View], View] = super().arguments(schema, **options)
        return decorate


def answered(
    document: dict[str, Any], status: int = 200, *, goto: str | None = None, page: str | None = None, **more: Any
) -> Response:
    """Answer an act. To htmx: the fragment `page`, or to go on at `goto`, or to show the page anew."""
    if "HX-Request" in request.headers:
        response = make_response(render_template(page, op=fresh_op(), **document, **more) if page else "", 200)
        if page is None:
            response.headers.update({"HX-Redirect": goto} if goto else {"HX-Refresh": "true"})
        return response
    return make_response(jsonify(document), status)


def of_batch(state: BatchState, page: str | None = None) -> Response:
    """Answer an act on a batch with where the batch stands now."""
    nexts = [{"step": one.step.id, "state": one.status.value} for one in state.next_steps()]
    return answered({
        "batch": state.batch, "phase": state.phase.value, "disposition": state.disposition.value,
        "next_seq": state.next_seq, "next_steps": nexts, "exceptions": len(state.exceptions),
    }, goto=page_after(state), page=page)  # fmt: skip


def page_after(state: BatchState) -> str | None:
    """Return the page on which the batch's next act waits, if the present one was the page of a closed step."""
    shown = urlsplit(request.headers.get("HX-Current-URL", "")).path
    head, found, step = shown.rpartition("/steps/")
    if not found or state.steps.get(StepId(step)) is None or state.step(step).is_open:
        return None
    return head


def fresh_op() -> str:
    """Return an operation id for a form."""
    return str(uuid4())

"""From the house's three families of error to HTTP: stable code, a sentence with the next action, the facts."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import structlog
import yaml
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, UnprocessableEntity

from mes.errors import Fault, IntegrityBreach, Refusal
from mes.signatures.model import SignaturePrompt

log = structlog.get_logger()


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return the sentences of a language by code."""
    text = files("mes.web").joinpath("catalogue", f"{language}.yaml").read_text(encoding="utf-8")
    loaded: dict[str, str] = yaml.safe_load(text)
    return loaded


def sentence(code: str, facts: Mapping[str, Any], language: str = "en") -> str:
    """Return the sentence of a code with its facts; a fact that is missing stays visible as its name."""
    template = catalogue(language).get(code, f"{code}. Tell the site's administrator this word.")
    return template.format_map(_Facts({name: _plain(fact) for name, fact in facts.items()}))


class _Facts(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return f"({name})"


def _plain(fact: Any) -> Any:
    if isinstance(fact, datetime):
        return fact.strftime("%Y-%m-%d %H:%M UTC")
    return fact


def answer_errors(app: Flask) -> None:
    """Register the translation of every family."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(Fault, _failed)
    app.register_error_handler(IntegrityBreach, _breached)
    app.register_error_handler(ValidationError, _invalid)
    app.register_error_handler(UnprocessableEntity, _unprocessable)
    app.register_error_handler(HTTPException, _http)


def wants_page() -> bool:
    """Say whether the caller is a browser's page rather than a program or htmx."""
    return not request.path.startswith("/api/") and "HX-Request" not in request.headers


def _refused(refusal: Refusal) -> Response:
    if isinstance(refusal, SignaturePrompt) and "HX-Request" in request.headers:
        page = render_template("signing.html", prompt=refusal, form=request.form, text=_text_of(refusal))
        # what is shown changed, or a factor was missing: the whole dialog is shown anew, not a line in it
        return make_response(page, refusal.status, {"HX-Retarget": "#dialog"})
    return _answer(refusal.status, refusal.code, _text_of(refusal), refusal.facts)


def _text_of(refusal: Refusal) -> str:
    return sentence(refusal.code, refusal.facts)


def _failed(fault: Fault) -> Response:
    log.error("fault", code=fault.code)
    return _answer(503, fault.code, sentence(fault.code, fault.facts), {})


def _breached(breach: IntegrityBreach) -> Response:
    log.critical("integrity-breach", what=breach.what, index=breach.index)
    facts = {"what": breach.what, "index": breach.index}
    return _answer(503, "integrity-breach", sentence("integrity-breach", facts), facts)


def _invalid(error: ValidationError) -> Response:
    return _answer(
        422, "form-invalid", sentence("form-invalid", {"fields": _named(error.messages)}), error.messages_dict
    )


def _unprocessable(error: UnprocessableEntity) -> Response:
    messages = getattr(error, "data", {}).get("messages", {}).get("json", {})
    return _answer(422, "form-invalid", sentence("form-invalid", {"fields": _named(messages)}), {"fields": messages})


def _http(error: HTTPException) -> Response:
    code = f"http-{error.code or 500}"
    known = code if code in catalogue("en") else "http-error"
    return _answer(error.code or 500, known, sentence(known, {"status": error.code}), {})


def _answer(status: int, code: str, text: str, facts: Mapping[str, Any]) -> Response:
    if wants_page():
        page = "sign_in.html" if status == 401 and g.get("session") is None else "refused.html"
        return make_response(render_template(page, code=code, text=text, status=status), status)
    if "HX-Request" in request.headers:
        inline = "signature.shown" in request.form
        return make_response(render_template("message.html", code=code, text=text, inline=inline), status)
    return make_response(jsonify(code=code, text=text, facts=dict(facts)), status)


def _named(messages: Any, prefix: str = "") -> str:
    if isinstance(messages, dict):
        parts = (_named(inner, f"{prefix}.{name}" if prefix else str(name)) for name, inner in messages.items())
        return "; ".join(part for part in parts if part)
    if isinstance(messages, list):
        return f"{prefix}: {' '.join(str(one) for one in messages)}"
    return f"{prefix}: {messages}"

"""Reading what a request carries: strict JSON, or a form whose dotted names make the same document."""

import json
from typing import Any, NoReturn

from flask import Request
from webargs.flaskparser import FlaskParser
from werkzeug.datastructures import MultiDict

from mes.errors import Refusal

MAX_BYTES = 256 * 1024
MAX_FIELDS = 500
MAX_DEPTH = 6


class StrictParser(FlaskParser):
    """Gives schemas the body of a request as one document, refusing what JSON libraries let pass."""

    DEFAULT_VALIDATION_STATUS = 422

    def load_json(self, req: Request, schema: Any) -> Any:
        """Return the document of a JSON or form body."""
        return document_of(req)


def document_of(request: Request) -> Any:
    """Return the document; refuses `body-malformed`, `body-too-large` and `number-as-float` (422)."""
    if (request.content_length or 0) > MAX_BYTES:
        raise Refusal("body-too-large", status=413, most=MAX_BYTES)
    if request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return nested(request.form)
    if not request.data:
        return {}
    try:
        return json.loads(
            request.data, parse_float=_refuse_float, parse_constant=_refuse_float, object_pairs_hook=_no_duplicates
        )
    except (ValueError, RecursionError) as error:
        raise Refusal("body-malformed", status=400) from error


def nested(form: MultiDict[str, str]) -> dict[str, Any]:
    """Make one document of dotted field names; numbers are places in a list, empty fields are left out.

    `values.0.parameter=volume` becomes {"values": [{"parameter": "volume"}]}; a name that stands several times
    or ends in `[]` becomes a list. Refuses `body-malformed`.
    """
    if len(form) > MAX_FIELDS:
        raise Refusal("body-malformed", status=400)
    made: dict[str, Any] = {}
    for name, values in form.lists():
        given = [value for value in values if value != ""]
        if not given:
            continue
        parts = name.split(".")
        if len(parts) > MAX_DEPTH:
            raise Refusal("body-malformed", status=400)
        place = made
        for part in parts[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise Refusal("body-malformed", status=400)
        place[parts[-1].removesuffix("[]")] = given if name.endswith("[]") or len(given) > 1 else given[0]
    return {key: _listed(value) for key, value in made.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(one) for key, one in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def _refuse_float(text: str) -> NoReturn:
    raise Refusal("number-as-float", status=422, given=text[:40])


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made

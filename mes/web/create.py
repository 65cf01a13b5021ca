"""Building the web application: doors, errors, the interface for programs, and the pages of each audience."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import Flask, Response, jsonify
from flask.json.provider import DefaultJSONProvider
from flask_smorest import Api

import mes
from mes.web.admin.training import crew
from mes.web.admin.views import admin
from mes.web.api.access import access
from mes.web.api.batches import batches
from mes.web.api.custody import custody
from mes.web.api.downtime import downtime
from mes.web.api.entering import entering
from mes.web.api.equipment import equipment
from mes.web.api.masters import masters
from mes.web.api.oidc import oidc, oidc_door
from mes.web.api.passkeys import passkeys
from mes.web.api.patients import patients
from mes.web.api.people import people
from mes.web.api.privacy import privacy
from mes.web.api.quality import quality
from mes.web.api.questions import questions
from mes.web.api.reading import reading
from mes.web.api.records import records
from mes.web.api.steps import steps
from mes.web.api.trail import trail
from mes.web.api.training import training
from mes.web.auditor.privacy import privacy_pages
from mes.web.auditor.trail import trail_pages
from mes.web.auditor.views import auditor
from mes.web.clinic.views import clinic
from mes.web.door import hang_door
from mes.web.errors import answer_errors
from mes.web.operator.views import operator
from mes.web.payload import MAX_BYTES
from mes.web.permission import public
from mes.web.quality.views import release
from mes.web.services import EXTENSION, Services
from mes.web.showing import dress_pages

INTERFACE = (
    entering, passkeys, people, access, masters, equipment, patients, batches, steps, quality, questions, custody,
    records, reading, training, trail, privacy, oidc,
)  # fmt: skip
PAGES = (oidc_door, operator, downtime, release, auditor, trail_pages, privacy_pages, clinic, admin, crew)
STATIC_MAX_AGE_S = 3600


class ExactJson(DefaultJSONProvider):
    """Times as ISO 8601 with zone, decimals as text, in the order in which they were made."""

    sort_keys = False

    @staticmethod
    def default(o: Any) -> Any:
        """Return the JSON form of what JSON has no word for."""
        if isinstance(o, datetime | date):
            return o.isoformat()
        return str(o) if isinstance(o, Decimal) else DefaultJSONProvider.default(o)


def create_web(services: Services) -> Flask:
    """Return the application of one site process; it serves until the process ends."""
    app = Flask("mes.web", template_folder="pages", static_folder="static")
    app.json = ExactJson(app)
    app.extensions[EXTENSION] = services
    app.config.update(
        API_TITLE="Septima", API_VERSION=mes.__version__, OPENAPI_VERSION="3.1.0",
        MAX_CONTENT_LENGTH=MAX_BYTES, MAX_FORM_PARTS=500, SEND_FILE_MAX_AGE_DEFAULT=STATIC_MAX_AGE_S,
    )  # fmt: skip
    api = Api(app)
    for blueprint in INTERFACE:
        api.register_blueprint(blueprint)
    for page in PAGES:
        app.register_blueprint(page)
    app.add_url_rule("/api/openapi.json", "openapi", _document(api))
    dress_pages(app)
    answer_errors(app)
    hang_door(app)
    return app


def _document(api: Api) -> Any:
    @public
    def openapi() -> Response:
        """Return the description of the interface (OpenAPI 3.1)."""
        return jsonify(api.spec.to_dict())

    return openapi

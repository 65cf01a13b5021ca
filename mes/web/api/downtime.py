"""The downtime pack of a batch, to print while Septima still runs."""

from io import BytesIO

from flask import Blueprint, Response, send_file

from mes.web.permission import signed_in
from mes.web.services import services

downtime = Blueprint("downtime", __name__)


@downtime.route("/batches/<batch_id>/downtime.pdf")
@signed_in
def pack(batch_id: str) -> Response:
    """Return the newest pack; the same file lies in the site's folder `downtime`."""
    body = services().downtime.pdf(batch_id)
    return send_file(BytesIO(body), "application/pdf", as_attachment=False, download_name=f"{batch_id}.downtime.pdf")

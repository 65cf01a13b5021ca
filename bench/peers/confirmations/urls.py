"""The peer's views: sign in, and confirm a step with the password."""

import json
from uuid import UUID

from django.contrib.auth import authenticate, login
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.middleware.csrf import get_token
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from bench.peers.confirmations.models import Confirmation, Step


@csrf_exempt
@require_POST
def sign_in(request: HttpRequest) -> JsonResponse:
    form = json.loads(request.body)
    user = authenticate(request, username=form["user_name"], password=form["password"])
    if user is None:
        return JsonResponse({"code": "sign-in-refused"}, status=401)
    login(request, user)
    return JsonResponse({"csrf": get_token(request)})


@require_POST
def confirm(request: HttpRequest, step: int) -> JsonResponse:
    if not request.user.is_authenticated:
        return JsonResponse({"code": "sign-in-needed"}, status=401)
    form = json.loads(request.body)
    if not request.user.check_password(form["signature"]["password"]):
        return JsonResponse({"code": "signature-refused"}, status=401)
    with transaction.atomic():
        found = Step.objects.select_for_update().get(pk=step)
        if found.state != "started":
            return JsonResponse({"code": "step-not-started"}, status=409)
        made = Confirmation.objects.create(
            step=found, person=request.user, meaning="PERFORMED", op=UUID(form["op"]), values=form["values"]
        )
        found.state = "performed"
        found.save(update_fields=["state"])
    return JsonResponse({"step": found.pk, "confirmation": made.pk, "at": made.at.isoformat()})


urlpatterns = [path("api/sign-in", sign_in), path("api/steps/<int:step>/confirm", confirm)]

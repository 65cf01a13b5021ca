"""A step of a batch, its confirmation, and the audit log of both."""

from auditlog.registry import auditlog
from django.conf import settings
from django.db import models


class Step(models.Model):
    batch = models.CharField(max_length=64)
    name = models.CharField(max_length=64)
    state = models.CharField(max_length=16, default="started")

    class Meta:
        app_label = "confirmations"


class Confirmation(models.Model):
    step = models.ForeignKey(Step, on_delete=models.PROTECT)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    meaning = models.CharField(max_length=64)
    op = models.UUIDField(unique=True)
    values = models.JSONField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "confirmations"


auditlog.register(Step)
auditlog.register(Confirmation)

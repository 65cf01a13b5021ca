"""The peer's one application."""

from django.apps import AppConfig


class ConfirmationsConfig(AppConfig):
    name = "bench.peers.confirmations"
    label = "confirmations"

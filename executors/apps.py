"""Django's entry for this app."""

from django.apps import AppConfig


class ExecutorsConfig(AppConfig):
    """Registers the app."""

    name = "executors"
    label = "executors"

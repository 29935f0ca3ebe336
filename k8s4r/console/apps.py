"""Django's entry for this app."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Registers the app."""

    name = "k8s4r.console"
    label = "console"

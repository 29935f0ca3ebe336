"""Django's entry for this app."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """Registers the app."""

    name = "agents"
    label = "agents"

"""Django's entry for this app."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Registers the app."""

    name = "k8s4r.api"
    label = "api"

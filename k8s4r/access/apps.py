"""Django's entry for this app."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Registers the app."""

    name = "k8s4r.access"
    label = "access"

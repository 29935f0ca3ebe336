"""Django's entry for this app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Registers the app."""

    name = "k8s4r.audit"
    label = "audit"

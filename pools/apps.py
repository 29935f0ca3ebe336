"""Django's entry for this app."""

from django.apps import AppConfig


class PoolsConfig(AppConfig):
    """Registers the app."""

    name = "pools"
    label = "pools"

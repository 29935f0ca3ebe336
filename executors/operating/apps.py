"""The Django application of counts and notices."""

from django.apps import AppConfig


class OperatingConfig(AppConfig):
    """Depends on executors, whose tasks it counts and tells of."""

    name = "executors.operating"
    label = "operating"
    default_auto_field = "django.db.models.BigAutoField"

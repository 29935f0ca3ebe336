"""Django's entry for this app."""

from django.apps import AppConfig


class ExecutorsConfig(AppConfig):
    """Registers the app."""

    name = "executors"
    label = "executors"

    def ready(self) -> None:
        """Hear of agents whose wish changed; services can be imported only now."""
        from agents import wakeups  # noqa: PLC0415 - needs the registry of apps
        from executors.services import capacity  # noqa: PLC0415 - needs the registry of apps

        wakeups.listen(capacity.agents_changed)

"""What is stored, as far as a refused request must not have changed it?"""

from typing import Any

from django.apps import apps
from django.db.models import Max, Model

OURS = ("access", "api", "agents", "pools", "executors")
# Of itself a served platform says from time to time that it is there.
_OF_ITSELF = {"executors.Pulse"}


def stored() -> dict[str, tuple[Any, ...]]:
    """Return of each of our tables how many rows it has, and the last moment one changed."""
    return {model._meta.label: _sign(model) for label in OURS for model in _models(label)}


def _models(label: str) -> list[type[Model]]:
    models = apps.get_app_config(label).get_models()
    return [each for each in models if each._meta.managed and each._meta.label not in _OF_ITSELF]


def _sign(model: type[Model]) -> tuple[Any, ...]:
    names = {field.name for field in model._meta.get_fields()}
    moments = sorted(names & {"changed_at", "revoked_at", "ended_at", "archived_at"})
    last = model._default_manager.aggregate(**{f"last_{name}": Max(name) for name in moments})
    return (model._default_manager.count(), *last.values())

"""Which pages does the console have? Read from its routes, so that a new one is looked at too."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver

# Answers that are no pages of their own, or end the session.
_NO_PAGES = {"logout", "jsi18n", "autocomplete", "view_on_site", "search", "login"}
_ENCODED_ID = "object_id"


def pages(client: Client, samples: Mapping[str, Any]) -> list[str]:
    """Return the address of every page that this person can open with a GET."""
    found = []
    for path in addresses(samples):
        answer = client.get(path)
        is_page = answer.status_code == 200 and answer["Content-Type"].startswith("text/html")
        if is_page and b"<html" in answer.content:
            found.append(path)
        else:
            assert answer.status_code in {200, 302, 403, 405}, f"{path}: {answer.status_code}"
    return found


def addresses(samples: Mapping[str, Any]) -> Iterator[str]:
    """Yield every address under the console, its variable parts filled in.

    Raises:
        LookupError: a part that `samples` does not know: teach `showcase.Showcase.samples`.
    """
    for pattern in admin.site.get_urls():
        yield from _under("/admin/", pattern, samples)


def _under(
    prefix: str, pattern: URLPattern | URLResolver, samples: Mapping[str, Any]
) -> Iterator[str]:
    route = str(pattern.pattern)
    if isinstance(pattern, URLResolver):
        model = _model_of(route)
        known = {**samples, **({_ENCODED_ID: _first(model)} if model else {})}
        for one in pattern.url_patterns:
            yield from _under(prefix + route, one, known)
    elif pattern.name and pattern.name not in _NO_PAGES and "(?P" not in route:
        yield prefix + _filled(pattern, route, samples)


def _filled(pattern: URLPattern, route: str, samples: Mapping[str, Any]) -> str:
    for part in pattern.pattern.converters:  # type: ignore[union-attr]
        if part not in samples:
            raise LookupError(f"{route}: no sample for {part}")
        route = re.sub(f"<([a-z]+:)?{part}>", str(samples[part]), route)
    return route


def _model_of(route: str) -> type[Model] | None:
    registered = {f"{m._meta.app_label}/{m._meta.model_name}/": m for m in admin.site._registry}
    return registered.get(route)


def _first(model: type[Model]) -> Any:
    row = model._default_manager.order_by("pk").first()
    return row.pk if row else "0"

"""Which view answers which path? The routes of the apps, and a problem where there is none."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from agents.api import routes as agents
from agents.api.filters import Beyond
from executors import selectors as executors_selectors
from executors.api import routes as executors
from executors.core import specs
from executors.gateway import routes as gateway
from executors.operating import selectors as operating_selectors
from executors.operating.api import routes as operating
from k8s4r.access import admin as access_admin
from k8s4r.api import (
    about,
    calls,
    document,
    logins,
    members,
    people,
    problems,
    reference,
    tokens,
)
from k8s4r.console import account, front, own_tokens, refusals
from pools import selectors as pools_selectors
from pools.api import routes as pools


def openapi() -> Mapping[str, Any]:
    """Return the OpenAPI document of all that is served, here and by the gateway."""
    served = [*calls.of_django(urlpatterns), *gateway.served()]
    return document.document(
        served,
        examples=reference.examples(),
        version=about.own_version(),
        beside=specs.ALL,
    )


_read = {"document": staticmethod(openapi)}
api = [
    path("", reference.IndexView.as_view(**_read)),
    path("openapi.json", reference.DocumentView.as_view(**_read)),
    path("docs", reference.PageView.as_view(**_read)),
    path("about", about.AboutView.as_view(keeping=operating_selectors.keeping)),
    path("tokens", tokens.TokensView.as_view()),
    path("tokens/<uuid:token_id>", tokens.TokenView.as_view()),
    path("projects/<uuid:project_id>/members", members.MembersView.as_view()),
    path("projects/<uuid:project_id>/members/<str:user>", members.MemberView.as_view()),
    path("users/<str:user>/second-factor", people.SecondFactorView.as_view()),
    *executors.urlpatterns,
    *operating.urlpatterns,
    *pools.urlpatterns,
    *agents.urlpatterns(
        held_slots=executors_selectors.held_slots,
        task_totals=operating_selectors.task_totals,
        beyond=Beyond(executors_selectors.held_by_row, pools_selectors.in_pool),
    ),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", front.front),
    path("api/v1/", include(api)),
    path("admin/login/", logins.login),
    path("admin/login/code/", logins.code, name="login_code"),
    path("admin/login/link/<uuid:user_id>/<str:token>/", logins.link, name="login_link"),
    path(
        "admin/password_change/",
        admin.site.admin_view(access_admin.change_own_password, cacheable=True),
    ),
    path(
        "admin/account/tokens/",
        admin.site.admin_view(own_tokens.own_tokens),
        name=own_tokens.URL_NAME,
    ),
    path(
        "admin/account/tokens/<uuid:token_id>/revoke/",
        admin.site.admin_view(own_tokens.revoke),
        name=own_tokens.REVOKE,
    ),
    path("admin/account/", admin.site.admin_view(account.account), name=account.URL_NAME),
    path("admin/", admin.site.urls),
]

handler400 = problems.bad_request
handler403 = refusals.forbidden
handler404 = refusals.not_found
handler500 = problems.internal_error

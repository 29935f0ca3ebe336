"""Which view answers which path? The routes of the apps, and a problem where there is none."""

from django.contrib import admin
from django.urls import include, path

from agents.api import routes as agents
from executors import selectors as executors_selectors
from executors.api import routes as executors
from k8s4r.access import admin as access_admin
from k8s4r.api import about, members, problems, tokens
from pools.api import routes as pools

api = [
    path("about", about.AboutView.as_view()),
    path("tokens", tokens.TokensView.as_view()),
    path("tokens/<uuid:token_id>", tokens.TokenView.as_view()),
    path("projects/<uuid:project_id>/members", members.MembersView.as_view()),
    path("projects/<uuid:project_id>/members/<str:user>", members.MemberView.as_view()),
    *executors.urlpatterns,
    *pools.urlpatterns,
    *agents.urlpatterns(held_slots=executors_selectors.held_slots),
]

urlpatterns = [
    path("api/v1/", include(api)),
    path(
        "admin/password_change/",
        admin.site.admin_view(access_admin.change_own_password, cacheable=True),
    ),
    path("admin/", admin.site.urls),
]

handler400 = problems.bad_request
handler403 = problems.forbidden
handler404 = problems.not_found
handler500 = problems.internal_error

"""Which view answers which path? The routes of the apps, and a problem where there is none."""

from django.contrib import admin
from django.urls import include, path

from agents.api import routes as agents
from executors import selectors as executors_selectors
from executors.api import routes as executors
from executors.operating import selectors as operating_selectors
from executors.operating.api import routes as operating
from k8s4r.api import about, own_tokens, problems
from pools.api import routes as pools

api = [
    path("about", about.AboutView.as_view(keeping=operating_selectors.keeping)),
    path("tokens", own_tokens.TokensView.as_view()),
    path("tokens/<uuid:token_id>", own_tokens.TokenView.as_view()),
    *executors.urlpatterns,
    *operating.urlpatterns,
    *pools.urlpatterns,
    *agents.urlpatterns(held_slots=executors_selectors.held_slots),
]

urlpatterns = [
    path("api/v1/", include(api)),
    path("admin/", admin.site.urls),
]

handler400 = problems.bad_request
handler403 = problems.forbidden
handler404 = problems.not_found
handler500 = problems.internal_error

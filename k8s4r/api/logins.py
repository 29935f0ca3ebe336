"""How do people log in with a password without a flood of guesses having the same chance?"""

from typing import Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from k8s4r.api import guarding
from k8s4r.core.errors import DomainError

LONGEST_NAME: Final = 150


def login(request: HttpRequest) -> HttpResponse:
    """Answer as the admin's own login page does, and slow those who fail too often."""
    if request.method != "POST":
        return admin.site.login(request)
    user = request.POST.get("username", "")[:LONGEST_NAME]
    address = request.META.get("REMOTE_ADDR", "")
    try:
        guarding.check_login(user, address=address)
        response = admin.site.login(request)
        if not request.user.is_authenticated:
            guarding.bad_login(user, address=address)
    except DomainError as refused:
        return _slowed(request, refused)
    return response


def _slowed(request: HttpRequest, refused: DomainError) -> HttpResponse:
    seconds = max(1, round(getattr(refused, "retry_after_s", 1.0)))
    context = {"title": refused.title, "detail": refused.message, "seconds": seconds}
    response = TemplateResponse(request, "api/slowed.html", context, status=refused.status)
    response.headers["Retry-After"] = f"{seconds}"
    return response

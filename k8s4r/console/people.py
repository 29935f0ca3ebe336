"""People: their list with who has a second factor, and help for who lost it."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from k8s4r.access import selectors
from k8s4r.access.admin import UserAdmin
from k8s4r.access.models import User
from k8s4r.access.pages import principal_of
from k8s4r.access.services import second_factor
from k8s4r.core.errors import DomainError
from k8s4r.core.roles import Permission
from k8s4r.pages import now_of, tell


class UserPages(UserAdmin):
    """People with their second factors."""

    list_display = (*UserAdmin.list_display, "second_factor")
    actions = ("reset_second_factor",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Add who has a second factor."""
        people: QuerySet[User] = super().get_queryset(request)
        return people.annotate(has_factor=selectors.has_factor())

    def has_reset_permission(self, request: HttpRequest) -> bool:
        """May this person help who lost theirs? Only who looks after people everywhere."""
        return principal_of(request).may(Permission.MEMBERS_WRITE, None)

    @admin.action(description="Reset second factor", permissions=["reset"])
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Take their second factors away, end their sessions, and name who was refused."""
        count, refused = 0, dict[str, DomainError]()
        for name in queryset.values_list("username", flat=True):
            try:
                second_factor.reset(name, by=principal_of(request), now=now_of(request))
                count += 1
            except DomainError as error:
                refused[name] = error
        tell(self, request, "Second factors reset", count=count, refused=refused)

    @admin.display(description="second factor", boolean=True, ordering="has_factor")
    def second_factor(self, user: User) -> bool:
        return bool(user.has_factor)  # type: ignore[attr-defined]

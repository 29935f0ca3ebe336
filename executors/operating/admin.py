"""How do operators see whom we tell of what, and what became of each message?"""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from executors.operating.models import Notification, NotificationTarget
from executors.operating.services import targets
from k8s4r.access.pages import principal_of
from k8s4r.core.errors import DomainError
from k8s4r.pages import CappedPaginator, ReadOnlyAdmin, ago, as_column, chip, now_of, tell


class NotificationTargetAdmin(ReadOnlyAdmin[NotificationTarget]):
    """Targets: made over the API, which takes their addresses and shows them to nobody."""

    list_display = ("name", "status", "project", "pool", "address", "told", "min_severity")
    list_filter = ("project", "paused", "min_severity")
    list_select_related = ("project", "pool")
    search_fields = ("name",)
    actions = ("send_test",)
    fields = (
        "name", "status", "project", "pool", "labels", "address", "told", "min_severity",
        "queue_age_s", "created_at", "changed_at",
    )  # fmt: skip
    empty_value_display = "all"

    def has_test_permission(self, request: HttpRequest) -> bool:
        """May this person send something to a target?"""
        return request.user.has_perm("operating.change_notificationtarget")

    @admin.action(description="Send a test message", permissions=["test"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[NotificationTarget]) -> None:
        """Put a test on its way to each; the list of messages shows what became of it."""
        sent, refused = 0, dict[str, DomainError]()
        for target in queryset:
            try:
                targets.send_test(target.pk, principal=principal_of(request), now=now_of(request))
                sent += 1
            except DomainError as error:
                refused[target.name] = error
        done = "Tests on their way, see Notifications"
        tell(self, request, done, count=sent, refused=refused)

    @admin.display(description="state")
    def status(self, target: NotificationTarget) -> SafeString:
        return chip("paused" if target.paused else "active")

    @admin.display(description="is told of")
    def told(self, target: NotificationTarget) -> str:
        return ", ".join(event.replace("_", " ") for event in target.events)

    @admin.display(description="address", ordering="url_shown")
    def address(self, target: NotificationTarget) -> str:
        return target.url_shown


class NotificationAdmin(ReadOnlyAdmin[Notification]):
    """Messages, the newest first; those that were given up can be sent again."""

    list_display = ("title", "status", "target", "event", "severity", "tries", "error", "age")
    list_filter = ("state", "event", "severity", "target")
    list_select_related = ("target",)
    paginator = CappedPaginator
    show_full_result_count = False
    actions = ("send_again",)
    fields = (
        "title", "body", "status", "target", "event", "kind", "severity", "subject", "tries",
        "next_try_at", "last_error", "created_at", "ended_at", "over_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        """Return messages that carry the time of this request, for their ages."""
        return super().get_queryset(request).annotate(asked_at=as_column(now_of(request)))

    def has_send_permission(self, request: HttpRequest) -> bool:
        """May this person send something to a target?"""
        return request.user.has_perm("operating.change_notification")

    @admin.action(description="Send again what was given up", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Send each again that was given up, and name the others."""
        sent, refused = 0, dict[str, DomainError]()
        for row in queryset:
            try:
                targets.retry(row.pk, principal=principal_of(request), now=now_of(request))
                sent += 1
            except DomainError as error:
                refused[row.title] = error
        tell(self, request, "On their way again", count=sent, refused=refused)

    @admin.display(description="state", ordering="state")
    def status(self, row: Notification) -> SafeString:
        return chip(row.state)

    @admin.display(description="last error")
    def error(self, row: Notification) -> str:
        return row.last_error or "-"

    @admin.display(description="age", ordering="-created_at")
    def age(self, row: Notification) -> SafeString | str:
        return ago(row.created_at, row.asked_at)  # type: ignore[attr-defined]


admin.site.register(NotificationTarget, NotificationTargetAdmin)
admin.site.register(Notification, NotificationAdmin)

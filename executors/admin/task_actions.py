"""What may operators do to tasks, one by one, ticked, or all that a list shows?"""

from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from executors import selectors
from executors.admin import again, mass, task_decision
from executors.admin.mass import ACTIONS
from executors.models import Task
from executors.selectors import TaskRecord
from executors.services import resolution
from executors.services.resolution import Resolution
from k8s4r import typed
from k8s4r.access.pages import may, principal_of, within
from k8s4r.access.principals import refusal
from k8s4r.core.errors import DomainError, Invalid, NotFound
from k8s4r.core.roles import Permission
from k8s4r.pages import ReadOnlyAdmin, actor_of, now_of, tell

_TOO_OLD = "nothing was done: this question is too old or about another list; here it is anew"


class TaskActions(ReadOnlyAdmin[Task]):
    """Cancel, retry, resolve, run again: through services, refusals by name."""

    actions = ("cancel_selected", "retry_selected")

    def has_act_permission(self, request: HttpRequest, task: Task | None = None) -> bool:
        """May this person act on this task; without one, on any?"""
        return may(request, Permission.TASKS_WRITE, task.project_id if task else None)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("all/<str:name>/", wrap(self.mass_view), name="tasks_all"),
            path(
                "<uuid:task_id>/act/<str:name>/", wrap(require_POST(self.act_view)), name="task_act"
            ),
            path(
                "<uuid:task_id>/resolve/",
                wrap(require_POST(self.resolve_view)),
                name="task_resolve",
            ),
            path(
                "<uuid:task_id>/decide/",
                wrap(require_POST(self.decide_view)),
                name="task_decide",
            ),
            path("<uuid:task_id>/again/", wrap(self.again_view), name="task_again"),
            *super().get_urls(),
        ]

    def act_view(self, request: HttpRequest, task_id: UUID, name: str) -> HttpResponse:
        """Do one of the actions to this task."""
        self._check(request, task_id)
        action = ACTIONS.get(name)
        if action is None:
            raise Http404
        self._told(request, action, action.run(request, Task.objects.filter(pk=task_id)))
        return _back_to(task_id)

    def mass_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Say what an action on everything that the list shows would do; then do it."""
        self._check(request)
        action = ACTIONS.get(name)
        if action is None:
            raise Http404
        found = action.on(self.get_changelist_instance(request).queryset)
        rows = within(request, Permission.TASKS_WRITE, found)
        if request.method != "POST":
            return self._mass_asked(request, action, rows)
        if action.is_end:
            asked = request.GET.urlencode()
            seen = mass.seen(request.POST.get("seen", ""), asked)
            problem = typed.problem(request, str(seen.total)) if seen else _TOO_OLD
            if seen is None or problem:
                return self._mass_asked(request, action, rows, problem)
            rows = seen.on(rows)
        self._told(request, action, action.run(request, rows))
        listed = reverse("admin:executors_task_changelist")
        return HttpResponseRedirect(f"{listed}?{request.GET.urlencode()}")

    def _mass_asked(
        self, request: HttpRequest, action: mass.Action, rows: QuerySet[Task], problem: str = ""
    ) -> HttpResponse:
        now = now_of(request)
        counts = mass.counts(rows.filter(submitted_at__lte=now))
        total = sum(one["number"] for one in counts)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{action.word} all that match",
            "action": action,
            "counts": counts,
            "total": total,
            "wanted": total,
            "seen": mass.Seen(total, now).signed(request.GET.urlencode()),
            "problem": problem,
            "opts": self.opts,
        }
        status = 422 if problem else 200
        return TemplateResponse(request, "executors/mass.html", context, status=status)

    def resolve_view(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """End an unknown task as a person says."""
        self._check(request, task_id)
        try:
            resolution.resolve(
                task_id,
                Resolution(request.POST.get("outcome", "")),
                request.POST.get("reason", "")[:4096],
                actor=actor_of(request),
                now=now_of(request),
            )
        except (DomainError, ValueError) as error:
            self.message_user(request, str(error), messages.WARNING)
        return _back_to(task_id)

    def decide_view(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """Approve or reject the plan of a task; who may not is told so by the service."""
        task = get_object_or_404(self.get_queryset(request), pk=task_id)
        if not may(request, Permission.TASKS_APPROVE, task.project_id):
            raise PermissionDenied(refusal(Permission.TASKS_APPROVE).message)
        try:
            done = task_decision.decide(request, task_id, request.POST.get("decision", ""))
        except KeyError as error:
            raise Http404 from error
        except DomainError as error:
            self.message_user(request, error.message, messages.WARNING)
        else:
            self.message_user(request, done)
        return _back_to(task_id)

    def again_view(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """Show the task's request as a form; submit what was made of it as a new task."""
        self._check(request, task_id)
        record = _record(request, task_id)
        was = again.before(record)
        said = {name: request.POST.get(name, "") for name in was if name in request.POST}
        problems: dict[str, str] = {}
        if request.method == "POST":
            try:
                made = again.submit(record, said, mass.terms(request, record.id))
            except Invalid as error:
                problems = again.by_field(error.errors) or {"further": error.message}
            else:
                self.message_user(request, f"Submitted again as {made.name or made.id}")
                return _back_to(made.id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Run {record.name or record.id} again",
            "record": record,
            "fields": again.fields(was, said, problems),
            "problems": problems,
            "opts": self.opts,
        }
        status = 422 if problems else 200
        return TemplateResponse(request, "executors/again.html", context, status=status)

    @admin.action(description="Cancel selected tasks", permissions=["act"])
    def cancel_selected(
        self, request: HttpRequest, queryset: QuerySet[Task]
    ) -> HttpResponse | None:
        """Cancel what can be cancelled and name what could not.

        All that match, beyond the page with the ticks, is asked about as everything else is.
        """
        if request.POST.get("select_across") == "1":
            everything = reverse("admin:tasks_all", args=["cancel"])
            return HttpResponseRedirect(f"{everything}?{request.GET.urlencode()}")
        self._told(request, ACTIONS["cancel"], mass.cancel(request, queryset))
        return None

    @admin.action(description="Retry selected tasks", permissions=["act"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Submit again what ended without success and name what did not."""
        self._told(request, ACTIONS["retry"], mass.retry(request, queryset))

    def _told(self, request: HttpRequest, action: mass.Action, result: mass.Result) -> None:
        tell(self, request, action.done, count=result.done, refused=result.refused)

    def _check(self, request: HttpRequest, task_id: UUID | None = None) -> None:
        """Refuse who may not act; a task that is not for this person is not there at all."""
        task = task_id and get_object_or_404(self.get_queryset(request), pk=task_id)
        if not self.has_act_permission(request, task or None):
            raise PermissionDenied(refusal(Permission.TASKS_WRITE).message)


def _record(request: HttpRequest, task_id: UUID) -> TaskRecord:
    try:
        return selectors.task(task_id, principal_of(request))
    except NotFound as error:
        raise Http404(error.message) from error


def _back_to(task_id: UUID) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:executors_task_change", args=[task_id]))

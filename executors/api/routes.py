"""Which path leads to which view of this app?"""

from django.urls import URLPattern, path

from executors.api import (
    actions,
    agent_tasks,
    attempts,
    audit,
    history,
    mass,
    pool_reasons,
    tasks,
)

urlpatterns: list[URLPattern] = [
    path("tasks", tasks.TasksView.as_view()),
    path("tasks/cancel", mass.CancelManyView.as_view()),
    path("tasks/rerun", mass.RerunManyView.as_view()),
    path("tasks/<uuid:task_id>", tasks.TaskView.as_view()),
    path("tasks/<uuid:task_id>/attempts", tasks.TaskAttemptsView.as_view()),
    path("tasks/<uuid:task_id>/annotations", tasks.AnnotationsView.as_view()),
    path("tasks/<uuid:task_id>/events", tasks.EventsView.as_view()),
    path("tasks/<uuid:task_id>/waiting", tasks.WaitingView.as_view()),
    path("tasks/<uuid:task_id>/cancel", actions.CancelView.as_view()),
    path("tasks/<uuid:task_id>/retry", actions.RetryView.as_view()),
    path("tasks/<uuid:task_id>/rerun", actions.RerunView.as_view()),
    path("tasks/<uuid:task_id>/approve", actions.ApproveView.as_view()),
    path("tasks/<uuid:task_id>/reject", actions.RejectView.as_view()),
    path("tasks/<uuid:task_id>/resolve", actions.ResolveView.as_view()),
    path("agent-pools/<uuid:pool_id>/explain", pool_reasons.ExplainView.as_view()),
    path("agent-pools/<uuid:pool_id>/waiting", pool_reasons.PoolWaitingView.as_view()),
    path("agent-pools/<uuid:pool_id>/dispatches", pool_reasons.DispatchesView.as_view()),
    path("attempts", attempts.AttemptsView.as_view()),
    path("attempts/<uuid:attempt_id>", attempts.AttemptView.as_view()),
    path("audit", audit.AuditView.as_view()),
    path("audit/seals", audit.SealsView.as_view()),
    path("audit/verify", audit.VerifyView.as_view()),
    path("history/<str:kind>/<uuid:object_id>", history.HistoryView.as_view()),
    path("history/<str:kind>/<uuid:object_id>/revert", history.RevertView.as_view()),
    path("agents/<uuid:agent_id>/tasks", agent_tasks.AgentTasksView.as_view()),
]

"""Which path leads to which view of this app?"""

from django.urls import URLPattern, path

from pools.api import config_trials, configs, enrolments, pools, projects

urlpatterns: list[URLPattern] = [
    path("agent-pools", pools.PoolsView.as_view()),
    path("agent-pools/<uuid:pool_id>", pools.PoolView.as_view()),
    path("agent-pools/<uuid:pool_id>/agents", pools.MembersView.as_view()),
    path("agent-pools/<uuid:pool_id>/agents/<uuid:agent_id>", pools.MemberView.as_view()),
    path("k8s-configs", configs.ConfigsView.as_view()),
    path("k8s-configs/<uuid:config_id>", configs.ConfigView.as_view()),
    path("k8s-configs/<uuid:config_id>/test", config_trials.TestView.as_view()),
    path("k8s-configs/<uuid:config_id>/set-default", configs.DefaultView.as_view()),
    path("k8s-configs/<uuid:config_id>/pod-template", config_trials.PodTemplateView.as_view()),
    path("k8s-configs/<uuid:config_id>/pod-template/preview", config_trials.PreviewView.as_view()),
    path("projects", projects.ProjectsView.as_view()),
    path("projects/<uuid:project_id>", projects.ProjectView.as_view()),
    path("enrolment-tokens", enrolments.EnrolmentsView.as_view()),
    path("enrolment-tokens/<uuid:token_id>", enrolments.EnrolmentView.as_view()),
]

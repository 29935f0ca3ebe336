"""Which pages take the place of those that the apps register for themselves?"""

from django.contrib import admin

from agents.models import Agent
from executors.models import Task
from k8s4r.access.models import Project, User
from k8s4r.audit.models import AuditEvent
from k8s4r.console.agents import AgentPages
from k8s4r.console.clusters import ConfigPages
from k8s4r.console.events import EventPages
from k8s4r.console.people import UserPages
from k8s4r.console.pods import PodPages
from k8s4r.console.pools import PoolPages
from k8s4r.console.projects import ProjectPages
from k8s4r.console.signing_in import SignIn
from k8s4r.console.tasks import TaskPages
from pools.models import K8sConfig, Pod, Pool

admin.site.index_template = "console/home.html"
admin.site.index_title = "Overview"
admin.site.login_form = SignIn
admin.site.unregister([Agent, AuditEvent, Pool, Project, Task, User])
admin.site.register(Agent, AgentPages)
admin.site.register(AuditEvent, EventPages)
admin.site.register(K8sConfig, ConfigPages)
admin.site.register(Pod, PodPages)
admin.site.register(Pool, PoolPages)
admin.site.register(Project, ProjectPages)
admin.site.register(Task, TaskPages)
admin.site.register(User, UserPages)

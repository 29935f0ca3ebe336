"""How do operators see users, projects and tokens?"""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from k8s4r import typed
from k8s4r.access.models import Membership, Project, Token, User
from k8s4r.access.services import tokens
from k8s4r.pages import (
    ReadOnlyAdmin,
    SignedAdmin,
    actor_of,
    ago,
    as_column,
    chip,
    now_of,
    signed,
)

admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, SignedAdmin[User]):  # type: ignore[type-arg]
    """People and integrations; passwords are set, never shown."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    add_fieldsets = (
        (None, {"fields": ("username", "usable_password", "password1", "password2", "is_staff")}),
    )
    list_display: tuple[str, ...] = (
        "username",
        "email",
        "is_active",
        "is_superuser",
        "last_login",
    )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str | list[str]]:
        """Let who is made here come here: what they see then is a matter of their roles."""
        return {"is_staff": "on", **super().get_changeform_initial_data(request)}

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """Set a password; the history says who did, never which."""
        with signed(request, "set_password"):
            return super().user_change_password(request, id, form_url)


def change_own_password(request: HttpRequest) -> HttpResponse:
    """Change the password of who asks; signed, which the site's own page would not be."""
    with signed(request, "set_password"):
        return admin.site.password_change(request)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, SignedAdmin[Group]):
    """Groups of permissions for these pages."""


@admin.register(Project)
class ProjectAdmin(SignedAdmin[Project]):
    """Projects; their names stand in tasks and in scripts, so they stay."""

    list_display = ("name", "weight", "description", "created_at")
    search_fields = ("name", "description")
    readonly_fields = ("created_at",)
    fields = ("name", "description", "weight", "created_at")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Project | None = None
    ) -> tuple[str, ...]:
        return ("name", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: a project comes with its default pool, which only the API makes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        return False


@admin.register(Membership)
class MembershipAdmin(SignedAdmin[Membership]):
    """Roles of people: in a project, or in every one. For superusers alone: roles are rights."""

    list_display = ("user", "role", "where", "added_at")
    list_filter = ("role", "project")
    list_select_related = ("user", "project")
    search_fields = ("user__username", "project__name")
    fields = ("user", "project", "role")

    @admin.display(description="in", ordering="project__name")
    def where(self, membership: Membership) -> str:
        return membership.project.name if membership.project else "every project"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        return self._is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        """Refuse: a role is given and taken, so that the history tells both."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        return self._is_superuser(request)

    def save_model(
        self, request: HttpRequest, obj: Membership, form: "ModelForm[Membership]", change: bool
    ) -> None:
        """Give the role, as of now."""
        obj.added_at = now_of(request)
        super().save_model(request, obj, form, change)

    def _is_superuser(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_superuser


@admin.register(Token)
class TokenAdmin(ReadOnlyAdmin[Token]):
    """Tokens: who holds them and until when. Their secrets are nowhere to be seen."""

    list_display = ("name", "kind", "status", "label", "user", "project", "uses", "expiry", "used")
    list_filter = ("kind", ("revoked_at", admin.EmptyFieldListFilter), "project")
    list_select_related = ("user", "project")
    search_fields = ("key_id", "label", "user__username")
    actions = ("revoke_selected",)
    fields = (
        "name", "kind", "status", "label", "user", "project", "subject", "pool_id", "label_keys",
        "max_uses", "uses", "created_at", "expires_at", "used_at", "revoked_at", "rotating",
        "supersedes",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Token]:
        """Return tokens that carry the time of this request, for their states."""
        return super().get_queryset(request).annotate(asked_at=as_column(now_of(request)))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """May this person end tokens?"""
        return request.user.has_perm("access.change_token")

    @admin.action(description="Revoke selected tokens", permissions=["revoke"])
    def revoke_selected(
        self, request: HttpRequest, queryset: QuerySet[Token]
    ) -> HttpResponse | None:
        """End tokens at once, when how many they are was typed; of one its name."""
        chosen = list(queryset.filter(revoked_at=None))
        wanted = chosen[0].key_id if len(chosen) == 1 else str(len(chosen))
        problem = typed.problem(request, wanted)
        if chosen and problem:
            is_first = typed.FIELD not in request.POST
            return self._asked(request, chosen, wanted, "" if is_first else problem)
        ids = [token.pk for token in chosen]
        ended = tokens.revoke(ids, now=now_of(request), actor=actor_of(request))
        self.message_user(request, f"Revoked: {ended}")
        return None

    def _asked(
        self, request: HttpRequest, chosen: list[Token], wanted: str, problem: str
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"Revoke {len(chosen)} token{'' if len(chosen) == 1 else 's'}",
            "tokens": [(self.name(token), token.label, token.user or "") for token in chosen],
            "chosen": [token.pk for token in chosen],
            "wanted": wanted,
            "problem": problem,
            "listed": f"{reverse('admin:access_token_changelist')}?{request.GET.urlencode()}",
        }
        status = 422 if problem else 200
        return TemplateResponse(request, "console/revoke.html", context, status=status)

    @admin.display(description="token", ordering="key_id")
    def name(self, token: Token) -> str:
        return f"{token}_..."

    @admin.display(description="state")
    def status(self, token: Token) -> SafeString:
        return chip(token.standing(token.asked_at))  # type: ignore[attr-defined]

    @admin.display(description="expires", ordering="expires_at")
    def expiry(self, token: Token) -> str:
        return token.expires_at.strftime("%Y-%m-%d %H:%M") if token.expires_at else "never"

    @admin.display(description="last used", ordering="used_at")
    def used(self, token: Token) -> SafeString | str:
        return ago(token.used_at, token.asked_at)  # type: ignore[attr-defined]

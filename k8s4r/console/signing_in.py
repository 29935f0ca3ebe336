"""What is a person told whom the pages do not let in?"""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser
from unfold.forms import AuthenticationForm

from k8s4r.access import selectors
from k8s4r.access.models import User
from k8s4r.api.logins import CodeNeeded


class SignIn(AuthenticationForm):  # type: ignore[misc]  # Unfold has no types
    """The form of the login page, with words that say what to do next."""

    error_messages: ClassVar[dict[str, Any]] = {
        **AuthenticationForm.error_messages,
        "invalid_login": (
            "No such name and password, or the person may not use these pages. Both are"
            " case-sensitive. An administrator sets a new password with"
            " “manage.py changepassword NAME”."
        ),
        "inactive": "This account is switched off: ask an administrator.",
    }

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        """Let in who gave a good password.

        Raises:
            ValidationError: the account is switched off, or these pages are not for it.
            CodeNeeded: the person has a second factor, and has not shown it yet.
        """
        super().confirm_login_allowed(user)
        assert isinstance(user, User)
        if selectors.is_asked_for_code(user):
            raise CodeNeeded(user)

"""What is a person told whom the pages do not let in?"""

from typing import Any, ClassVar

from unfold.forms import AuthenticationForm


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

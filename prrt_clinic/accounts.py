"""Accounts: nobody opens one by themselves; what a person meets after too many tries or a new password."""

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse

from prrt_clinic.session_use import note_log_in


class ClosedAccounts(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """The log-in without sign-up."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": (
            "There were too many wrong passwords, so this one was not looked at. "
            "Wait five minutes, then try again."
        )
    }

    def login(self, request: HttpRequest, user: User) -> None:
        """Log somebody in; their time begins."""
        super().login(request, user)
        note_log_in(request)

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """No account is made through the web."""
        return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Back to work, where the message says that it is changed."""
        return reverse("admin:index")

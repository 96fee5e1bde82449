"""Who may open an account: nobody by themselves; people are entered by the clinic."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedAccounts(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """The log-in without sign-up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """No account is made through the web."""
        return False

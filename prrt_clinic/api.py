"""The house defaults of the REST API: who is let in.

Django REST framework loads this module while loading its own views, so it must not import them.
"""

from typing import Any

from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework import exceptions
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.request import Request

from prrt_clinic.roles import service_roles

READS = ["%(app_label)s.view_%(model_name)s"]


class ServiceToken(TokenAuthentication):  # type: ignore[misc]  # knox ships no types
    """A bearer token of a service account; people log in and never carry one."""

    def validate_user(self, auth_token: AuthToken) -> tuple[Any, AuthToken]:
        """Refuse a token whose account is not, or no longer, a service's."""
        user, token = super().validate_user(auth_token)
        if user.is_staff or not user.groups.filter(name__in=service_roles()).exists():
            raise exceptions.AuthenticationFailed("This token does not belong to a service account.")
        return user, token

    def _cleanup_token(self, auth_token: AuthToken) -> bool:
        """Whether it has expired; unlike the parent's, without deleting rows while answering a GET."""
        return auth_token.expiry is not None and auth_token.expiry < timezone.now()


class ModelRights(DjangoModelPermissions):
    """Deny by default: reading needs the model's view right too, and a view without a queryset is closed."""

    perms_map = DjangoModelPermissions.perms_map | {"GET": READS, "HEAD": READS, "OPTIONS": []}

    def has_permission(self, request: Request, view: Any) -> bool:
        """The model right for this method, or nothing."""
        if getattr(view, "queryset", None) is None and not hasattr(view, "get_queryset"):
            return False
        return super().has_permission(request, view)

"""Which of the libraries' admin pages exist here: people to look at, and none of the technical tables."""

from typing import Any

from allauth.account import admin as allauth_admin
from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from knox import admin as knox_admin
from knox.models import AuthToken

from alerts.mail_domains import domain_fault
from labs.record_admin import FilteredAdmin, shown

# Importing a library's admin module registers its tables; what the clinic has no use for goes away again.
LIBRARIES = (auth_admin, allauth_admin, knox_admin)
OUT_OF_SIGHT = (User, Group, EmailAddress, AuthToken)

admin.site.unregister([model for model in OUT_OF_SIGHT if admin.site.is_registered(model)])


class AddressForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in its stubs alone
    """The one thing of a person that is changed here: where their alerts are mailed."""

    class Meta:
        model = User
        fields = ("email",)

    def clean_email(self) -> str:
        """An address of one of the clinic's domains; without one, nobody can be told."""
        address = str(self.cleaned_data["email"]).strip()
        if not address:
            raise forms.ValidationError(
                "Enter an address: without one this person is told of no alert. Whoever is to be told no "
                "more loses the role instead."
            )
        if fault := domain_fault(address):
            raise forms.ValidationError(fault)
        return address


_FIRST_NAME, _LAST_NAME = shown("first_name", "First name"), shown("last_name", "Last name")


@admin.register(User)
class UserAdmin(FilteredAdmin):
    """People and their roles, to be read; no form here can give a right to anybody."""

    form = AddressForm
    actions = None
    list_display = ["username", _LAST_NAME, _FIRST_NAME, "role_words", "is_active", "last_login"]
    list_filter = ["is_active", "groups"]
    search_fields = ["username", "last_name", "first_name"]
    fields = [
        ("username", "is_active"),
        (_FIRST_NAME, _LAST_NAME, "email"),
        "role_words",
        ("last_login", "date_joined"),
    ]
    readonly_fields = [
        "username",
        "is_active",
        _FIRST_NAME,
        _LAST_NAME,
        "role_words",
        "last_login",
        "date_joined",
    ]
    ordering = ["username"]

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the roles every row shows."""
        return super().get_queryset(request).prefetch_related("groups")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People are entered by whoever runs the service, not in the browser."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Roles and passwords are not changed here; an address is, by whoever answers for addresses."""
        return request.user.has_perm("alerts.manage_addresses")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """People who signed or saw something are never deleted."""
        return False

    @admin.display(description="Roles")
    def role_words(self, user: User) -> str:
        """The roles of the matrix this person has."""
        return ", ".join(sorted(group.name for group in user.groups.all())) or "none"

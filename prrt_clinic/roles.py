"""Keep Django's groups and their permissions as the role matrix says."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

MATRIX = Path(__file__).parent / "roles.toml"
KINDS = frozenset({"person", "mark", "service"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One role and every right it holds, each as "app.codename"."""

    name: str
    kind: str
    rights: frozenset[str]


@cache
def roles() -> dict[str, Role]:
    """The role matrix by role name; a file that cannot be followed stops the service."""
    with MATRIX.open("rb") as file:
        rows = tomllib.load(file)["role"]
    found: dict[str, Role] = {}
    for row in rows:
        if set(row) != {"name", "kind", "reads", "may"} or row["kind"] not in KINDS or row["name"] in found:
            raise ImproperlyConfigured(
                f"{MATRIX.name}: role {row.get('name')!r} is incomplete, unknown or double."
            )
        reads = (model.replace(".", ".view_", 1) for model in row["reads"])
        found[row["name"]] = Role(name=row["name"], kind=row["kind"], rights=frozenset([*reads, *row["may"]]))
    return found


def service_roles() -> list[str]:
    """The roles that only tokens carry."""
    return [role.name for role in roles().values() if role.kind == "service"]


def synchronise_roles(database: str) -> None:
    """Make the groups and give each exactly the rights of the matrix."""
    group_model, permission_model = apps.get_model("auth.Group"), apps.get_model("auth.Permission")
    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in permission_model._default_manager.using(database).select_related("content_type")
    }
    for role in roles().values():
        group, _ = group_model._default_manager.using(database).get_or_create(name=role.name)
        group.permissions.set([known[right] for right in sorted(role.rights)])


def check_roles(**_: Any) -> list[CheckMessage]:
    """A right that no model declares opens nothing: a misspelling must not pass."""
    declared = {
        f"{model._meta.app_label}.{codename}"
        for model in apps.get_models()
        for codename in (
            *(f"{action}_{model._meta.model_name}" for action in model._meta.default_permissions),
            *(codename for codename, _name in model._meta.permissions),
        )
    }
    return [
        Error(
            f"{MATRIX.name}: role {role.name!r} holds {right!r}, which no model declares.",
            id="prrt_clinic.E002",
        )
        for role in roles().values()
        for right in sorted(role.rights - declared)
    ]


def check_superusers(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """In production nobody may stand above the role matrix."""
    if not settings.PRODUCTION:
        return []
    users = apps.get_model("auth.User")
    return [
        Error(
            f"{count} active superuser(s) in database {alias!r}; a clinic has none.",
            hint="Give the person a role, then set is_superuser to false.",
            id="prrt_clinic.E003",
        )
        for alias in databases or []
        if users._meta.db_table in connections[alias].introspection.table_names()
        and (count := users._default_manager.using(alias).filter(is_superuser=True, is_active=True).count())
    ]

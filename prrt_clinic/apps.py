"""The wiring's app config: connects the nudges and gives every migrated database what it needs."""

from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import Tags, register
from django.core.management import call_command
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.module_loading import autodiscover_modules

from prrt_clinic import append_only, roles


def furnish(*, using: str, **_: Any) -> None:
    """After migrate: triggers, roles, and the table that holds the log-in rate limits."""
    connection = connections[using]
    append_only.install_triggers(connection)
    if "auth_group" in connection.introspection.table_names():  # not when a test migrates backwards
        roles.synchronise_roles(using)
    call_command("createcachetable", database=using, verbosity=0)


def make_way(*, using: str, **_: Any) -> None:
    """Before migrate: nothing that stands in the way of a table's rebuilding."""
    append_only.lift_triggers(connections[using])


class WiringConfig(AppConfig):
    """Wiring only: no model, no rule."""

    name = "prrt_clinic"

    def ready(self) -> None:
        """Register the checks, the furnishing of databases, and the nudges."""
        register(append_only.check_triggers, Tags.database)
        register(roles.check_roles, Tags.models)
        register(roles.check_superusers, Tags.database)
        # Once, after the last app has its content types and permissions.
        last = [config for config in apps.get_app_configs() if config.models_module][-1]
        pre_migrate.connect(make_way, sender=last, dispatch_uid="prrt_clinic.make_way")
        post_migrate.connect(furnish, sender=last, dispatch_uid="prrt_clinic.furnish")
        # They need the models, which this module is loaded before.
        autodiscover_modules("nudges", "schema", "sealing")

"""App config of labs and the system check of its analytes."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from labs import library


@register()
def analytes_are_whole(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse to start with a damaged analytes.toml."""
    try:
        library.read_analytes(library.FILE)
    except (library.LibraryError, OSError) as error:
        return [Error(str(error), hint="Restore labs/analytes.toml from the release.", id="labs.E001")]
    return []


class LabsConfig(AppConfig):
    """Who was measured, what was measured, when."""

    name = "labs"
    verbose_name = "Laboratory"
    default_auto_field = "django.db.models.BigAutoField"

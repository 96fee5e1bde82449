"""The courses app's config, and the check that every protocol file is whole."""

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from courses.library import LibraryError, shelf


class CoursesConfig(AppConfig):
    """Configuration of the courses app."""

    name = "courses"

    def ready(self) -> None:
        """Register the check of the data files."""
        register(protocol_files_are_whole)


def protocol_files_are_whole(**_: Any) -> list[CheckMessage]:
    """Every protocol and criteria file loads; a service with a faulty one does not start."""
    try:
        shelf()
    except LibraryError as error:
        return [Error(str(error), hint=error.remedy, id="courses.E001")]
    return []

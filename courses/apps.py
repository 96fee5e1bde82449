"""The courses app's config, and the check that every protocol file is whole."""

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from courses.data_file import LibraryError
from courses.library import shelf
from courses.paper_library import numbers_file, paper_numbers, paper_words


class CoursesConfig(AppConfig):
    """Configuration of the courses app."""

    name = "courses"

    def ready(self) -> None:
        """Register the checks of the data files."""
        register(protocol_files_are_whole)
        register(paper_files_are_whole)


def protocol_files_are_whole(**_: Any) -> list[CheckMessage]:
    """Every protocol and criteria file loads; a service with a faulty one does not start."""
    try:
        shelf()
    except LibraryError as error:
        return [Error(str(error), hint=error.remedy, id="courses.E001")]
    return []


def paper_files_are_whole(**_: Any) -> list[CheckMessage]:
    """The numbers and words of patients' papers load, in every language alike."""
    try:
        paper_numbers()
        paper_words()
    except LibraryError as error:
        hint = f"PATIENT_PAPERS is {numbers_file()}; {error.remedy}"
        return [Error(str(error), hint=hint, id="courses.E002")]
    return []

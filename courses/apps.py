"""The courses app's config, and the check that every protocol file is whole."""

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from courses.data_file import LibraryError
from courses.day_library import all_day_rules
from courses.library import shelf
from courses.paper_library import numbers_file, paper_numbers, paper_words
from courses.start_library import start_questions


class CoursesConfig(AppConfig):
    """Configuration of the courses app."""

    name = "courses"

    def ready(self) -> None:
        """Register the checks of the data files."""
        register(protocol_files_are_whole)
        register(paper_files_are_whole)


def protocol_files_are_whole(**_: Any) -> list[CheckMessage]:
    """Every file of protocols, criteria, days and first questions loads, or the service does not start."""
    try:
        for read in (shelf, all_day_rules, start_questions):
            read()
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

"""The list of merges and their reversals, each with the page on which people decide it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from labs.models import Patient, PatientMerge
from labs.record_admin import NAMES, RecordAdmin, shown
from labs.templatetags.clinic_text import birth, visible

_NAMING = frozenset({"retired_shown", "survivor_shown", "reason_shown", "page_link"})

_PROPOSED_BY = shown("proposed_by", "Proposed by")


class PatientMergeAdmin(RecordAdmin):
    """Merges and their reversals, with both people in full."""

    of_the_canary: ClassVar[Mapping[str, Any]] = {}
    list_display = (
        "kind_words",
        "retired_shown",
        "survivor_shown",
        "state_words",
        "reason_shown",
        "proposed_at",
        "page_link",
    )
    list_select_related = ("retired", "survivor")
    fields = (
        ("kind_words", "state_words"),
        ("retired_shown", "survivor_shown"),
        "reason_shown",
        (_PROPOSED_BY, "proposed_at"),
        "reviews_shown",
    )
    readonly_fields = (
        "kind_words",
        "state_words",
        "retired_shown",
        "survivor_shown",
        "reason_shown",
        _PROPOSED_BY,
        "reviews_shown",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PatientMerge]:
        """With what people said of each."""
        found: QuerySet[PatientMerge] = super().get_queryset(request)
        return found.prefetch_related("reviews__person", "reversals")

    def patient_of(self, record: Any) -> Patient | None:
        """The person whose number is kept."""
        found: Patient = record.survivor
        return found

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """Two people cannot be told apart without their names: whoever may not read them sees none of it."""
        columns = list(super().get_list_display(request))
        if request.user.has_perm(NAMES):
            return columns
        return [name for name in columns if name not in _NAMING]

    @admin.display(description="What is asked")
    def kind_words(self, merge: PatientMerge) -> str:
        """A merge, or that one be taken back."""
        return "take the merge back" if merge.reverses_id else "merge two numbers"

    @admin.display(description="Number to retire")
    def retired_shown(self, merge: PatientMerge) -> str:
        """Who has the number that goes."""
        return _person(merge.retired)

    @admin.display(description="Number to keep")
    def survivor_shown(self, merge: PatientMerge) -> str:
        """Who has the number that stays."""
        return _person(merge.survivor)

    @admin.display(description="To decide")
    def page_link(self, merge: PatientMerge) -> str:
        """The page on which people agree, refuse or take back."""
        return format_html('<a href="{}">Open</a>', reverse("labs:merge", args=[merge.public_id]))

    @admin.display(description="Why")
    def reason_shown(self, merge: PatientMerge) -> str:
        """The reason as it was given."""
        return visible(merge.reason)

    @admin.display(description="State")
    def state_words(self, merge: PatientMerge) -> str:
        """Waiting for one or two people, in force, or refused."""
        said = [review.agrees for review in merge.reviews.all()]
        if False in said:
            return "refused"
        return {0: "waits for two people", 1: "waits for a second person"}.get(len(said), "in force")

    @admin.display(description="Who said what")
    def reviews_shown(self, merge: PatientMerge) -> str:
        """Each person's word."""
        lines = [
            f"{review.person.get_full_name() or review.person.get_username()}:"
            f" {'agrees' if review.agrees else 'refuses'}, {review.at:%Y-%m-%d %H:%M} UTC"
            for review in merge.reviews.all()
        ]
        return visible("\n".join(lines)) or "nobody yet"


def _person(patient: Patient) -> str:
    name = f"{patient.family}, {patient.given}" if patient.given else patient.family
    return visible(
        f"{name}, born {birth(patient.birth_date)}, no. {patient.mrn} ({patient.assigning_authority})"
    )

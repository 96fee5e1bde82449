"""The list on which two people agree that two numbers are one person, refuse it, or take it back."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from labs.models import Patient, PatientMerge
from labs.record_admin import NAMES, RecordAdmin
from labs.services.merges import RIGHT, MergeRefused, propose_reversal, review_merge
from labs.templatetags.clinic_text import birth, visible


class PatientMergeAdmin(RecordAdmin):
    """Merges and their reversals, with both people in full; each act is a POST of its own."""

    actions = ("agree", "refuse", "take_back")
    list_display = (
        "kind_words",
        "retired_shown",
        "survivor_shown",
        "state_words",
        "reason_shown",
        "proposed_at",
    )
    list_select_related = ("retired", "survivor")
    fields = (
        ("kind_words", "state_words"),
        ("retired_shown", "survivor_shown"),
        "reason_shown",
        ("proposed_by", "proposed_at"),
        "reviews_shown",
    )
    readonly_fields = (
        "kind_words",
        "state_words",
        "retired_shown",
        "survivor_shown",
        "reason_shown",
        "reviews_shown",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PatientMerge]:
        """With what people said of each."""
        found: QuerySet[PatientMerge] = super().get_queryset(request)
        return found.prefetch_related("reviews__person", "reversals")

    def has_merge_permission(self, request: HttpRequest) -> bool:
        """Whether this person may agree, refuse and take back."""
        return request.user.has_perm(RIGHT)

    def patient_of(self, record: Any) -> Patient | None:
        """The person whose number is kept."""
        found: Patient = record.survivor
        return found

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """Two people cannot be told apart without their names: whoever may not read them sees none of it."""
        columns = list(super().get_list_display(request))
        if request.user.has_perm(NAMES):
            return columns
        return [name for name in columns if name not in {"retired_shown", "survivor_shown", "reason_shown"}]

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

    @admin.action(description="Agree: the two numbers are one person", permissions=["merge"])
    def agree(self, request: HttpRequest, merges: QuerySet[PatientMerge]) -> None:
        """Say yes; with the second person's yes it is in force."""
        self._each(request, merges, "Agreed", lambda merge, by: review_merge(merge=merge, by=by, agrees=True))

    @admin.action(description="Refuse: they are two people", permissions=["merge"])
    def refuse(self, request: HttpRequest, merges: QuerySet[PatientMerge]) -> None:
        """Say no; the numbers stay apart."""
        self._each(
            request, merges, "Refused", lambda merge, by: review_merge(merge=merge, by=by, agrees=False)
        )

    @admin.action(description="Ask that a merge in force be taken back", permissions=["merge"])
    def take_back(self, request: HttpRequest, merges: QuerySet[PatientMerge]) -> None:
        """Propose the reversal; two people agree to that as well."""
        reason = f"{request.user.get_username()} asks that this merge be taken back."
        self._each(
            request,
            merges,
            "Proposed to take back",
            lambda merge, by: propose_reversal(merge=merge, reason=reason, by=by),
        )

    def _each(
        self,
        request: HttpRequest,
        merges: QuerySet[PatientMerge],
        done: str,
        act: Callable[[PatientMerge, User], object],
    ) -> None:
        """Do it to each one chosen, and say of each what came of it."""
        assert isinstance(request.user, User)
        for merge in merges:
            numbers = f"{merge.retired.mrn} into {merge.survivor.mrn}"
            try:
                act(merge, request.user)
            except MergeRefused as refused:
                self.message_user(request, f"{numbers}: {refused} Nothing was changed.", messages.ERROR)
            else:
                self.message_user(request, f"{done}: {numbers}.", messages.SUCCESS)


def _person(patient: Patient) -> str:
    name = f"{patient.family}, {patient.given}" if patient.given else patient.family
    return visible(
        f"{name}, born {birth(patient.birth_date)}, no. {patient.mrn} ({patient.assigning_authority})"
    )

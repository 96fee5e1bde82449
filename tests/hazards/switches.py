"""For each hazard of treatment (HZ-38 to HZ-65): its control switched off, and the test that notices."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from django.http import HttpResponse
from django.template.loader import render_to_string

from courses import ledger
from courses.models import Decision
from courses.rules import day_patient, day_unit, derived_days, follow_up
from courses.rules.day_values import DayFacts, DayLine, StepState
from courses.rules.follow_up import VisitState
from courses.services import handling, other_courses, overrides, sign
from courses.services.assess import assess_course
from courses.services.sign import sign_decision
from courses.views import decisions, paper_frame
from courses.views.frame import render_page
from tests.fuzz.treatment_faults import FAULTS

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A control that does not work, in words; how it is switched off; the test that bears the hazard's id."""

    off: str
    plant: Plant
    noticed_by: str


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _planted(words: str, noticed_by: str) -> Switch:
    """A fault of the treatment's own list."""
    return Switch(off=words, plant=FAULTS[words], noticed_by=noticed_by)


def _replaced(module: Any, name: str, by: Any) -> Plant:
    return lambda patch: patch.setattr(module, name, by)


def _line_is_done(name: str) -> Plant:
    """A line of the day sheet that is done whatever was found."""
    sound: Callable[[DayFacts], DayLine] = getattr(day_patient, name)
    return _replaced(day_patient, name, lambda facts: replace(sound(facts), state=StepState.DONE))


def _seen_or_not(patch: Patch) -> None:
    sound = sign_decision

    def faulty(**given: Any) -> Any:
        shown = Decision.objects.get(public_id=given["decision_public_id"])
        stands = assess_course(course_id=shown.course_id) or shown
        seen = {"decision_public_id": stands.public_id, "evidence_sha256": stands.evidence_sha256}
        return sound(**{**given, **seen})

    patch.setattr(decisions, "sign_decision", faulty)


def _draws_stay(patch: Patch) -> None:
    sound, usual = derived_days._draws, date(2026, 5, 4)
    patch.setattr(derived_days, "_draws", lambda plan, cycle: sound(plan, replace(cycle, on=usual)))


def _no_version_asked(patch: Patch) -> None:
    for module in ("api_day_acts", "api_day", "api_orders", "api_vials", "api_bookings", "api_measurements"):
        patch.setattr(f"courses.{module}.check_if_match", lambda *_, version, **__: version)


def _ticked_beforehand(patch: Patch) -> None:
    sound = render_page

    def faulty(*given: Any, **more: Any) -> HttpResponse:
        page: HttpResponse = sound(*given, **more)
        page.content = page.content.replace(b'type="checkbox"', b'type="checkbox" checked')
        return page

    patch.setattr(decisions, "render_page", faulty)


def _keys_forgotten(patch: Patch) -> None:
    patch.setattr("courses.api_actions._key", lambda _: "")


def _no_wait_between_courses(patch: Patch) -> None:
    patch.setattr(other_courses, "too_close", lambda *_, **__: "")


def _never_overdue(patch: Patch) -> None:
    sound = follow_up.Visit.state

    def faulty(self: follow_up.Visit, **given: Any) -> VisitState:
        found = sound(self, **given)
        return VisitState.COMING if found is VisitState.OVERDUE else found

    patch.setattr(follow_up.Visit, "state", faulty)


def _sheet_without_validity(patch: Patch) -> None:
    sound = render_to_string

    def faulty(*given: Any, **more: Any) -> str:
        return sound(*given, **more).replace("Valid for directive", "Directive")

    patch.setattr(paper_frame, "render_to_string", faulty)


def _without_deviations(patch: Patch) -> None:
    sound = ledger._entries
    patch.setattr(
        ledger, "_entries", lambda numbers: (each for each in sound(numbers) if not each[1].deviation)
    )


OF_COURSES, OF_RULES = "tests/courses", "tests/rules/test_day_gate.py"
SWITCHES: dict[str, Switch] = {
    "HZ-38": Switch(
        off="what the signer saw is not compared with what stands",
        plant=_seen_or_not,
        noticed_by=f"{OF_COURSES}/test_signing.py::test_a_stale_form_signs_nothing_and_lists_a_new_fact",
    ),
    "HZ-39": Switch(
        off="the API asks for no version",
        plant=_no_version_asked,
        noticed_by=f"{OF_COURSES}/test_api_day.py::test_a_change_needs_the_version_that_was_read",
    ),
    "HZ-40": _planted(
        "an override is never void",
        f"{OF_COURSES}/test_overrides.py::test_a_worse_value_voids_it_and_suspends_what_was_signed",
    ),
    "HZ-41": Switch(
        off="overrides of a rule are not counted",
        plant=_replaced(overrides, "_was_overridden", lambda *_: False),
        noticed_by=f"{OF_COURSES}/test_overrides.py"
        "::test_the_second_override_of_a_rule_in_a_course_takes_a_second_physician",
    ),
    "HZ-42": _planted(
        "an old password is good enough to sign with",
        f"{OF_COURSES}/test_signing.py::test_an_old_password_signs_nothing",
    ),
    "HZ-43": Switch(
        off="the statement to sign is ticked beforehand",
        plant=_ticked_beforehand,
        noticed_by=f"{OF_COURSES}/test_signing.py"
        "::test_nothing_is_preselected_and_the_basis_stands_before_the_button",
    ),
    "HZ-44": Switch(
        off="an order is covered by whatever decision stands",
        plant=_replaced(handling, "check_covered", _nothing),
        noticed_by=f"{OF_COURSES}/test_pharmacy.py::test_a_decision_of_another_cycle_covers_no_order",
    ),
    "HZ-45": _planted(
        "one physician alone lifts a stop",
        f"{OF_COURSES}/test_rescission.py::test_one_physician_alone_lifts_no_stop",
    ),
    "HZ-46": _planted(
        "what is dispensed is not called back when its ground falls",
        f"{OF_COURSES}/test_recalls.py::test_a_changed_verdict_calls_back_what_is_out_once_and_ends_its_directive",
    ),
    "HZ-47": Switch(
        off="the key of a request is forgotten",
        plant=_keys_forgotten,
        noticed_by=f"{OF_COURSES}/test_api_pharmacy.py"
        "::test_the_same_request_with_the_same_key_is_done_once_and_answered_alike",
    ),
    "HZ-48": _planted(
        "a stop leaves the orders as they are",
        f"{OF_COURSES}/test_pharmacy.py::test_after_a_stop_nothing_of_the_course_can_be_taken_on",
    ),
    "HZ-49": Switch(
        off="nothing is waited for after a cycle of another course",
        plant=_no_wait_between_courses,
        noticed_by=f"{OF_COURSES}/test_merged_numbers.py"
        "::test_a_second_course_begins_no_sooner_than_the_protocol_waits_between_cycles",
    ),
    "HZ-50": _planted(
        "an assay more than a fifth off the directive is handed out",
        f"{OF_COURSES}/test_pharmacy.py::test_beyond_twenty_percent_an_authorised_user_directs_exactly_one_measurement",
    ),
    "HZ-51": _planted(
        "any product code is handed out",
        f"{OF_COURSES}/test_api_pharmacy.py::test_a_wrong_product_is_a_conflict_with_its_code_and_field",
    ),
    "HZ-52": _planted(
        "an expired vial is handed out",
        f"{OF_COURSES}/test_pharmacy.py::test_a_vial_is_handed_out_up_to_its_last_instant_and_not_after",
    ),
    "HZ-53": _planted(
        "29 minutes of amino acids are enough",
        f"{OF_RULES}::test_29_minutes_of_amino_acids_are_refused_and_30_allowed",
    ),
    "HZ-54": Switch(
        off="whatever the potassium is, the line is done",
        plant=_line_is_done("_potassium"),
        noticed_by=f"{OF_COURSES}/test_day_potassium.py"
        "::test_a_potassium_above_its_limit_blocks_beside_whatever_the_protocol_makes_of_it",
    ),
    "HZ-55": Switch(
        off="an unknown disease keeps nothing back",
        plant=_replaced(sign, "check_cover_is_settled", _nothing),
        noticed_by=f"{OF_COURSES}/test_order_set.py"
        "::test_the_cover_is_ordered_left_away_or_blocks_the_signature",
    ),
    "HZ-56": Switch(
        off="the hours without an analogue are not counted",
        plant=_line_is_done("_short_acting"),
        noticed_by=f"{OF_RULES}::test_24_hours_without_a_short_acting_analogue",
    ),
    "HZ-57": Switch(
        off="neither rescue medicine nor the risk of a crisis is asked for",
        plant=_replaced(day_unit, "_found_wrong", _nothing),
        noticed_by=f"{OF_RULES}"
        "::test_nothing_starts_without_a_patent_line_rescue_medicine_and_an_assessed_risk_of_a_crisis",
    ),
    "HZ-58": Switch(
        off="whatever is said of a pregnancy, the line is done",
        plant=_line_is_done("_pregnancy"),
        noticed_by=f"{OF_RULES}::test_pregnancy_is_asked_of_everybody_and_only_an_excluding_answer_passes",
    ),
    "HZ-59": Switch(
        off="an earlier reaction is not looked at",
        plant=_line_is_done("_allergy"),
        noticed_by=f"{OF_RULES}::test_an_earlier_reaction_asks_for_premedication_or_forbids",
    ),
    "HZ-60": Switch(
        off="the ledger leaves out what deviated",
        plant=_without_deviations,
        noticed_by=f"{OF_COURSES}/test_ledger.py"
        "::test_two_courses_a_deviation_and_a_cycle_of_another_hospital_are_all_in_the_total",
    ),
    "HZ-61": Switch(
        off="the draws keep the day for which they were first planned",
        plant=_draws_stay,
        noticed_by="tests/rules/test_derived_days.py"
        "::test_a_shift_of_the_planned_day_shifts_every_derived_day_by_as_much",
    ),
    "HZ-62": _planted(
        "what was given without authorisation opens no review",
        f"{OF_COURSES}/test_infusions.py"
        "::test_a_start_without_authorisation_opens_its_incident_at_once_and_only_once",
    ),
    "HZ-63": Switch(
        off="the printed sheet does not say what it is valid for",
        plant=_sheet_without_validity,
        noticed_by=f"{OF_COURSES}/test_day_pages.py::test_the_sheet_for_paper_says_what_it_is_valid_for",
    ),
    "HZ-64": Switch(
        off="a visit that nobody recorded is never overdue",
        plant=_never_overdue,
        noticed_by=f"{OF_COURSES}/test_follow_up.py::test_what_nobody_recorded_is_overdue_for_ever",
    ),
    "HZ-65": Switch(
        off="another course of a merged number is not in the way",
        plant=_replaced(sign, "in_the_way", lambda *_, **__: ""),
        noticed_by=f"{OF_COURSES}/test_merged_numbers.py"
        "::test_of_two_courses_of_one_person_none_is_signed_until_that_is_settled",
    ),
}

"""Absorbed doses: entered and corrected by a physicist, added with their uncertainty, signed off."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from courses.ledger import dose_lines, ledger_of
from courses.ledger_lists import people_lacking_a_figure, people_treated
from courses.models import AbsorbedDose, Administration, Course, Cycle, DoseSignOff, PeritonealDisease
from courses.services.authority import NotAllowed, Refused
from courses.services.dosimetry import correct_absorbed_dose, enter_absorbed_dose, sign_off_doses
from labs.services import propose_merge, review_merge
from tests.builders import clinic_time, colleague, make_patient

pytestmark = pytest.mark.django_db
DAY = date(2026, 1, 12)
NOW = clinic_time(date(2026, 1, 20))
FRESH = NOW - timedelta(seconds=10)
HOW: dict[str, Any] = {"method": "SPECT at 24 and 168 h", "software": "QDose 2.1"}


def treated_once(number: int) -> Cycle:
    """Cycle 1 of a patient, given; cycle 2 is planned."""
    course = Course.objects.create(
        patient=make_patient(mrn=f"T-{number}"),
        protocol_id="lutathera_us_2024_04",
        protocol_sha256="ab" * 32,
        status="active",
        peritoneal_disease=PeritonealDisease.NO,
        started_at=clinic_time(DAY),
        started_by=colleague("planner", "nurse"),
    )
    Cycle.objects.create(course=course, number=2, planned_on=DAY + timedelta(days=56))
    first = Cycle.objects.create(course=course, number=1, planned_on=DAY)
    Administration.objects.create(
        cycle=first,
        administered_on=DAY,
        administered_gbq=Decimal("7.4"),
        product="lutetium Lu 177 dotatate",
        recorded_at=clinic_time(DAY),
        recorded_by=colleague("planner", "nurse"),
    )
    return first


@pytest.fixture
def cycle() -> Cycle:
    return treated_once(1)


def physicist():
    return colleague("physicist-1", "physicist")


def entered(cycle: Cycle | None, gy: str = "5.5", uncertainty: str | None = "1.5", **about) -> AbsorbedDose:
    facts = {"organ": "kidneys", "by": physicist(), "now": NOW} | HOW | about
    return enter_absorbed_dose(
        patient=facts.pop("patient", None) or cycle.course.patient,
        cycle=cycle,
        absorbed_gy=Decimal(gy),
        uncertainty_gy=None if uncertainty is None else Decimal(uncertainty),
        **facts,
    )


def kidneys(cycle: Cycle):
    return next(each for each in ledger_of(cycle.course.patient_id).organs if each.organ == "kidneys")


@pytest.mark.hazard("HZ-60")
def test_doses_of_a_cycle_and_of_treatment_elsewhere_add_with_their_uncertainty(cycle):
    entered(cycle, "5", "3")
    entered(None, "6", "4", patient=cycle.course.patient, elsewhere="North clinic")
    found = kidneys(cycle)
    assert (found.total_gy, found.uncertainty_gy, found.limit_gy) == (Decimal(11), Decimal(5), Decimal(23))


def test_only_a_physicist_enters_corrects_and_signs_off(cycle):
    dose = entered(cycle)
    for role in ("nurse", "physician", "pharmacist"):
        other = colleague(f"other-{role}", role)
        with pytest.raises(NotAllowed, match="Only a medical physicist"):
            entered(cycle, organ="bone_marrow", by=other)
        with pytest.raises(NotAllowed):
            correct_absorbed_dose(
                dose=dose, absorbed_gy=Decimal(5), uncertainty_gy=None, reason="typing", by=other, **HOW
            )
        with pytest.raises(NotAllowed):
            signed(cycle, by=other)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"gy": "0"}, "between 0.01 and"),
        ({"gy": "-1"}, "between 0.01 and"),
        ({"gy": "NaN"}, "between 0.01 and"),
        ({"gy": "5.555"}, "more than two decimals"),
        ({"uncertainty": "-0.1"}, "uncertainty must be"),
        ({"organ": "liver"}, "no organ that is followed"),
        ({"method": " \u200b "}, "Name the method"),
        ({"software": ""}, "Name the software"),
        ({"method": "m" * 201}, "longer than 200 letters"),
        ({"elsewhere": "North"}, "not both"),
    ],
)
def test_a_figure_that_cannot_stand_is_refused_with_what_to_do(cycle, about, words):
    with pytest.raises(Refused, match=words):
        entered(cycle, **about)
    assert not AbsorbedDose.objects.exists()


def test_a_cycle_that_was_not_given_or_is_another_persons_has_no_dose(cycle):
    planned = cycle.course.cycles.get(number=2)
    with pytest.raises(Refused, match="Nothing of cycle 2 is recorded as given"):
        entered(planned)
    with pytest.raises(Refused, match="not one of this patient's"):
        entered(cycle, patient=make_patient(mrn="T-2"))


def test_one_figure_stands_for_each_organ_of_a_cycle_and_a_correction_keeps_the_old_one(cycle):
    first = entered(cycle, "5")
    with pytest.raises(Refused, match="correct that one"):
        entered(cycle, "6")
    second = correct_absorbed_dose(
        dose=first,
        absorbed_gy=Decimal("6.2"),
        uncertainty_gy=None,
        reason="calibration factor",
        by=physicist(),
        now=NOW,
        **HOW,
    )
    assert kidneys(cycle).total_gy == Decimal("6.2")
    (line,) = dose_lines(cycle.course.patient_id)
    assert (line.row, line.earlier) == (second, (first,))
    with pytest.raises(Refused, match="corrected already"):
        correct_absorbed_dose(
            dose=first, absorbed_gy=Decimal(7), uncertainty_gy=None, reason="again", by=physicist(), **HOW
        )
    with pytest.raises(Refused, match="why"):
        correct_absorbed_dose(
            dose=second, absorbed_gy=Decimal(7), uncertainty_gy=None, reason=" ", by=physicist(), **HOW
        )


def signed(cycle: Cycle, *, seen: str = "5.5", at=FRESH, text: str = "far below", by=None) -> DoseSignOff:
    return sign_off_doses(
        patient=cycle.course.patient,
        organ="kidneys",
        seen_gy=Decimal(seen),
        text=text,
        by=by or physicist(),
        authenticated_at=at,
        now=NOW,
    )


def test_a_sign_off_holds_the_total_and_the_limit_that_were_read(cycle):
    entered(cycle)
    done = signed(cycle)
    assert (done.total_gy, done.limit_gy, done.printed_name) == (Decimal("5.5"), Decimal(23), "physicist-1")


@pytest.mark.parametrize(
    ("about", "refusal", "words"),
    [
        ({"seen": "5.4"}, Refused, "come to 5.50 Gy now"),
        ({"text": "\u200b"}, Refused, "what you conclude"),
        ({"at": NOW - timedelta(hours=1)}, NotAllowed, "not fresh enough"),
        ({"at": None}, NotAllowed, "not fresh enough"),
    ],
)
def test_a_sign_off_of_another_total_without_words_or_with_an_old_password_is_refused(
    cycle, about, refusal, words
):
    entered(cycle)
    with pytest.raises(refusal, match=words):
        signed(cycle, **about)
    assert not DoseSignOff.objects.exists()


def test_nothing_entered_is_nothing_to_sign_off(cycle):
    with pytest.raises(Refused, match="nothing to sign off"):
        signed(cycle, seen="0")


# --- Pages ---------------------------------------------------------------------------------------


def form_of(cycle: Cycle, **about) -> dict[str, str]:
    return {
        "treatment": str(cycle.pk),
        "organ": "kidneys",
        "absorbed_gy": "5.5",
        "uncertainty_gy": "1.5",
        **HOW,
    } | about


def test_a_physicist_enters_a_dose_on_the_ledgers_page(enter, cycle):
    browser = enter("physicist")
    answer = browser.post(
        reverse("courses:enter_dose", args=[cycle.course.patient.public_id]), form_of(cycle)
    )
    assert answer.status_code == 302
    page = browser.get(answer.url).content.decode()
    assert "5.5 Gy ± 1.5 Gy from 1 treatment; limit for information 23 Gy" in page
    assert "QDose 2.1" in page


def test_what_was_typed_stays_when_it_is_refused(enter, cycle):
    browser = enter("physicist")
    address = reverse("courses:enter_dose", args=[cycle.course.patient.public_id])
    answer = browser.post(address, form_of(cycle, absorbed_gy="5.555"))
    page = answer.content.decode()
    assert answer.status_code == 400
    assert 'value="5.555"' in page
    assert "QDose 2.1" in page
    answer = browser.post(address, form_of(cycle, elsewhere="North"))
    assert "Leave this empty for a cycle given here." in answer.content.decode()
    answer = browser.post(address, form_of(cycle, treatment="elsewhere"))
    assert "Name the hospital." in answer.content.decode()


def test_a_figure_is_corrected_on_its_page(enter, cycle):
    dose = entered(cycle)
    browser = enter("physicist", username="p2")
    address = reverse("courses:correct_dose", args=[cycle.course.patient.public_id, dose.public_id])
    assert 'value="5.50"' in browser.get(address).content.decode()
    changed = {"absorbed_gy": "6", "uncertainty_gy": "", "reason": "typing", **HOW}
    assert browser.post(address, changed).status_code == 302
    assert kidneys(cycle).total_gy == Decimal(6)
    # The form of a second tab: the figure it speaks of stands no longer.
    assert browser.post(address, changed).status_code == 404


def test_the_total_is_signed_off_with_the_password(enter, cycle, send_with_password):
    entered(cycle)
    browser = enter("physicist", username="p2")
    address = reverse("courses:sign_off_doses", args=[cycle.course.patient.public_id, "kidneys"])
    answer = send_with_password(browser, address, {"seen_gy": "5.50", "text": "far below the limit"})
    page = browser.get(reverse("courses:ledger", args=[cycle.course.patient.public_id])).content.decode()
    assert "Signed off by p2" in page, answer.content.decode()
    assert "far below the limit" in page


def test_a_total_that_changed_since_it_was_read_is_not_signed(enter, cycle, send_with_password):
    dose = entered(cycle)
    browser = enter("physicist", username="p2")
    correct_absorbed_dose(
        dose=dose, absorbed_gy=Decimal(9), uncertainty_gy=None, reason="typing", by=physicist(), **HOW
    )
    address = reverse("courses:sign_off_doses", args=[cycle.course.patient.public_id, "kidneys"])
    send_with_password(browser, address, {"seen_gy": "5.50", "text": "far below the limit"})
    assert not DoseSignOff.objects.exists()


def test_a_physician_reads_the_doses_and_is_offered_no_form(enter, cycle):
    entered(cycle)
    browser = enter("physician")
    address = reverse("courses:ledger", args=[cycle.course.patient.public_id])
    page = browser.get(address).content.decode()
    assert "5.5 Gy ± 1.5 Gy" in page
    assert "Enter an absorbed dose" not in page
    answer = browser.post(
        reverse("courses:enter_dose", args=[cycle.course.patient.public_id]), form_of(cycle)
    )
    assert answer.status_code == 403


def test_the_physicists_list_says_which_cycles_lack_a_figure(enter, cycle):
    browser = enter("physicist")
    page = browser.get(reverse("courses:dosimetry")).content.decode()
    assert "0 of 1 entered" in page
    entered(cycle)
    page = browser.get(reverse("courses:dosimetry")).content.decode()
    assert "1 of 1 entered" in page
    assert reverse("courses:dosimetry") in browser.get(reverse("admin:index")).content.decode()
    assert enter("pharmacist").get(reverse("courses:dosimetry")).status_code == 403


def test_those_who_lack_a_figure_stand_first_and_only_so_many_are_read(cycle):
    entered(cycle)
    entered(cycle, organ="bone_marrow", gy="0.3", uncertainty=None)
    assert [line.lacks for line in people_treated()] == [False]
    assert people_lacking_a_figure(most=5) == []
    later = [treated_once(number).course.patient for number in (2, 3)]
    assert [line.patient.mrn for line in people_treated()] == ["T-3", "T-2", "T-1"]
    assert [line.patient for line in people_lacking_a_figure(most=1)] == [later[1]]
    asked = {"retired": later[1], "survivor": cycle.course.patient, "reason": "Same person."}
    merge = propose_merge(**asked, proposed_by="clerk").merge
    for who in ("nurse", "physician"):
        review_merge(merge=merge, by=colleague(f"merger-{who}", who), agrees=True)
    found = [(line.patient.mrn, line.given, line.lacks) for line in people_treated()]
    assert found == [("T-3", 2, True), ("T-2", 1, True)]

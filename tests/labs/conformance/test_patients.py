"""Whose result it is: our number under our authority, and a person who agrees; everybody else waits."""

from datetime import date

import pytest

from labs.models import Patient
from tests.builders_labs import make_patient, make_sender, obr, obx, pid
from tests.labs.conformance.doors import held, results, send_segments

FOUND = [
    pid(),
    pid("1001^^^CLINIC^PI"),
    pid("1001^^^CLINIC"),
    pid("1001^^^CLINIC&1.2.3&ISO^MR"),
    pid("77^^^LAB^PI~1001^^^CLINIC^MR"),
    pid("1001^^^CLINIC^MR~X9^^^INSURER^NI"),
    pid("1001^^^CLINIC^MR~4711^^^CLINIC^PI"),
    pid("1001^^^CLINIC^MR~1001^^^CLINIC^MR"),
    pid(name="MÜLLER^MARIA"),
    pid(name="Mueller^Maria"),
    pid(name="Muller^Maria"),
    pid(name="Mu\u0308ller^Maria"),
    pid(name="müller^maria anna"),
    pid(name="Müller^M"),
    pid(name="Müller^M."),
    pid(name="Müller^"),
    pid(name="Müller"),
    pid(name="Müller^Anna-Maria"),
    pid(name="Müller^Maria^^^Dr.^^L~Schulz^Maria^^^^^M"),
    pid(born="196103020730"),
    pid(sex=""),
    pid(sex="U"),
    pid(sex="O"),
]


@pytest.mark.parametrize("segment", FOUND)
def test_spellings_of_one_person_agree(segment: str, patient: Patient) -> None:
    send_segments(segment, obr(), obx())
    assert (len(results()), held()) == (1, [])


HELD = [
    (pid("9999^^^CLINIC^MR"), "unknown-patient"),
    (pid("1001^^^ELSEWHERE^MR"), "authority-differs"),
    (pid("1001"), "authority-differs"),
    (pid("1001^^^clinic2^MR"), "authority-differs"),
    (pid("1001^^^CLINIC^AN"), "authority-differs"),
    (pid("1001^^^CLINIC^VN"), "authority-differs"),
    (pid(""), "no-patient-number"),
    (pid("1001^^^CLINIC^MR~1002^^^CLINIC^MR"), "two-patients"),
    (pid("1001^^^CLINIC^MR~1003^^^CLINIC^MR"), "two-numbers"),
    (pid(born="19610203"), "birth-date-differs"),
    (pid(born="19610303"), "birth-date-differs"),
    (pid(born=""), "no-birth-date"),
    (pid(born="1961"), "no-birth-date"),
    (pid(born="19610231"), "no-birth-date"),
    (pid(name="Meier^Maria"), "name-differs"),
    (pid(name="Maria^Müller"), "name-differs"),
    (pid(name="Müllner^Maria"), "name-differs"),
    (pid(name="Müller-Lüdenscheidt^Maria"), "name-differs"),
    (pid(name="^Maria"), "name-differs"),
    (pid(name=""), "name-differs"),
    (pid(name="Müller^Martha"), "given-name-differs"),
    (pid(name="Müller^Eva"), "given-name-differs"),
    (pid(sex="M"), "sex-contradicts"),
]


@pytest.mark.parametrize(("segment", "reason"), HELD)
def test_whoever_is_not_certain_gets_nothing_and_nobody_is_made(
    segment: str, reason: str, patient: Patient
) -> None:
    make_patient(mrn="1002", family="Schmidt", given="Eva", birth_date=date(1970, 1, 1))
    taken = send_segments(segment, obr(), obx())
    assert (taken.ack, taken.state, taken.why) == ("AA", "quarantined", reason)
    assert (results("1001", history=True), results("1002", history=True)) == ([], [])
    assert Patient.objects.count() == 2


FOLDED = [
    ("Groß", "GROSS"),
    ("Grosse-Böckmann", "Grosse Boeckmann"),
    ("O'Brien", "OBRIEN"),
    ("O\u2019Brien", "O'Brien"),
    ("Jørgensen", "Jorgensen"),
    ("Łukasz", "Lukasz"),
    ("Mæland", "Maeland"),
    ("Núñez", "Nunez"),
    ("de la Cruz", "DELACRUZ"),
    ("Haeusler", "Häusler"),
    ("Strauss", "Strauß"),
]


@pytest.mark.parametrize(("ours", "theirs"), FOLDED)
def test_a_family_name_is_compared_without_accents_case_and_signs(ours: str, theirs: str, db: None) -> None:
    make_sender()
    make_patient(family=ours)
    send_segments(pid(name=f"{theirs}^Maria"), obr(), obx())
    assert len(results()) == 1


def test_the_other_number_counts_under_its_own_authority_only(db: None) -> None:
    make_sender()
    make_patient(alt_id="N-5", alt_authority="NATIONAL")
    send_segments(pid("N-5^^^NATIONAL^NI"), obr("F1"), obx())
    send_segments(pid("N-5^^^CLINIC^MR"), obr("F2"), obx(), control_id="M2")
    send_segments(pid("1001^^^NATIONAL^NI"), obr("F3"), obx(), control_id="M3")
    assert len(results()) == 1


def test_one_number_of_two_authorities_is_two_people(patient: Patient) -> None:
    other = make_patient(
        assigning_authority="ANNEX", family="Schmidt", given="Eva", birth_date=date(1970, 1, 1)
    )
    send_segments(pid("1001^^^ANNEX^MR", name="Schmidt^Eva", born="19700101"), obr(), obx())
    assert (patient.results.count(), other.results.count()) == (0, 1)


def test_twins_are_told_apart_by_given_name_beside_the_number(patient: Patient) -> None:
    make_patient(mrn="1002", given="Martha")
    send_segments(pid("1001^^^CLINIC^MR", name="Müller^Martha"), obr(), obx("19"))
    assert (results("1001"), results("1002")) == ([], [])
    send_segments(pid("1002^^^CLINIC^MR", name="Müller^Martha"), obr(), obx("19"), control_id="M2")
    assert (results("1001"), results("1002")[0]["value"]) == ([], "19")

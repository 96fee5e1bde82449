"""Holds, earlier treatments and waivers are told word for word, each with the record it rests on."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from courses import library
from courses.rules.facts import Facts, PrecautionaryHold, PriorAnswer, PriorTreatment
from courses.rules.recommend import recommend
from courses.rules.values import Action, Chart, Evidence, EvidenceKind, Reason
from tests.strategies import FIRST, chart, draw_day, panel

US = library.protocol("lutathera_us_2024_04")
TODAY = draw_day()


def reasons(found: Chart, rule: str, *, today: date = TODAY) -> list[Reason]:
    return [each for each in recommend(chart=found, protocol=US, today=today).reasons if each.rule == rule]


# --- Holds -------------------------------------------------------------------------------------------


def held(by: str, reason: str, *, on: date = TODAY, ref: str = "") -> PrecautionaryHold:
    return PrecautionaryHold(on=on, by=by, reason=reason, ref=ref)


def test_one_hold_is_told_with_its_reason_and_who_ends_it() -> None:
    found = chart(
        draws=panel(TODAY), precautionary_holds=(held("Nurse Adler", " new confusion.; ", ref="f-1"),)
    )
    (told,) = reasons(found, "HOLD-PERSON")
    assert told.action is Action.HOLD
    assert told.sentence == (
        "Held by Nurse Adler since 27 April 2026: new confusion. Nothing is given while a person holds the "
        "course."
    )
    assert told.threshold == "nobody holds the course"
    assert told.source == "this service's own rule: anyone clinical may hold a course at once"
    assert told.release == "Nurse Adler, or a physician, takes it back with a reason"
    assert told.evidence == (
        Evidence(
            kind=EvidenceKind.FACT,
            name="Precautionary hold, Nurse Adler",
            value=" new confusion.; ",
            on=TODAY,
            ref="f-1",
        ),
    )


def test_of_several_holds_the_oldest_comes_first_and_each_person_ends_their_own() -> None:
    before = TODAY - timedelta(days=1)
    found = chart(
        draws=panel(TODAY),
        precautionary_holds=(held("Nurse Adler", "fever"), held("Dr Bauer", "a fall", on=before)),
    )
    (told,) = reasons(found, "HOLD-PERSON")
    assert told.sentence.startswith(
        "Held by Dr Bauer since 26 April 2026: a fall; Nurse Adler since 27 April 2026: fever. "
    )
    assert told.release == (
        "Dr Bauer, or a physician, takes back the hold of Dr Bauer with a reason; "
        "Nurse Adler, or a physician, takes back the hold of Nurse Adler with a reason"
    )
    assert [each.on for each in told.evidence] == [before, TODAY]


def test_two_holds_of_one_person_are_ended_by_that_person() -> None:
    found = chart(
        draws=panel(TODAY), precautionary_holds=(held("Nurse Adler", "fever"), held("Nurse Adler", "a fall"))
    )
    (told,) = reasons(found, "HOLD-PERSON")
    assert told.release == "Nurse Adler, or a physician, takes it back with a reason"


# --- Earlier treatment -------------------------------------------------------------------------------

BEFORE_FIRST = FIRST - timedelta(days=5)


def answered(answer: PriorAnswer, *, on: date = BEFORE_FIRST, **about: Any) -> PriorTreatment:
    return PriorTreatment(on=on, answer=answer, **about)


def given_before(**about: Any) -> PriorTreatment:
    """7.4 GBq at another hospital, on a known day."""
    usual: dict[str, Any] = {
        "product": "lutetium Lu 177 dotatate",
        "administered_gbq": Decimal("7.40"),
        "day": date(2021, 5, 4),
        "hospital": "St. Anna",
        "provenance": "discharge letter",
    }
    return answered(PriorAnswer.GIVEN, **(usual | about))


def asked(*records: PriorTreatment) -> Chart:
    """A course before its first cycle, with these answers."""
    return chart(given=0, facts=Facts(prior_treatment=records), draws=panel(BEFORE_FIRST))


def lack_of(*records: PriorTreatment) -> tuple[str, str] | None:
    """Why the answer is missing, and what resolves it."""
    answer = recommend(chart=asked(*records), protocol=US, today=BEFORE_FIRST)
    return next(((gap.why, gap.resolve) for gap in answer.missing if gap.item == "prior_treatment"), None)


NOBODY_KNOWS = (
    "it was recorded that nobody knows whether there was one",
    "ask the hospitals concerned; then record either each treatment, or that there was none",
)


def test_no_answer_holds_and_says_what_to_ask() -> None:
    assert lack_of() == (
        "nobody has recorded whether the patient was treated so before",
        "ask the patient and the records for earlier treatments, and record the answer",
    )


@pytest.mark.parametrize("answer", [PriorAnswer.NONE, PriorAnswer.GIVEN])
def test_an_answer_is_enough(answer: PriorAnswer) -> None:
    record = given_before() if answer is PriorAnswer.GIVEN else answered(answer)
    assert lack_of(record) is None


def test_two_answers_that_contradict_each_other_hold() -> None:
    assert lack_of(answered(PriorAnswer.NONE), given_before()) == (
        "one record says that there was none, and another names one",
        "take back the record that is wrong",
    )


@pytest.mark.parametrize(
    ("unknown_on", "known_on", "open_"),
    [(0, None, True), (0, -1, True), (0, 0, False), (-1, 0, False), (0, -2, True)],
)
def test_that_nobody_knows_stands_until_somebody_answers_on_its_day_or_later(
    unknown_on: int, known_on: int | None, open_: bool
) -> None:
    records = [answered(PriorAnswer.UNKNOWN, on=BEFORE_FIRST + timedelta(days=unknown_on))]
    if known_on is not None:
        records.append(given_before(on=BEFORE_FIRST + timedelta(days=known_on)))
    assert lack_of(*records) == (NOBODY_KNOWS if open_ else None)


def test_what_nobody_knows_is_held_with_the_records_it_rests_on_in_order() -> None:
    first = answered(PriorAnswer.UNKNOWN, on=BEFORE_FIRST - timedelta(days=2), ref="f-1")
    second = answered(PriorAnswer.UNKNOWN, ref="f-2")
    answer = recommend(chart=asked(second, first), protocol=US, today=BEFORE_FIRST)
    (told,) = (each for each in answer.reasons if each.rule == "ELIG-PRIOR" and each.action is Action.HOLD)
    assert told.evidence == tuple(
        Evidence(
            kind=EvidenceKind.FACT,
            name="Earlier radionuclide treatment",
            value=PriorAnswer.UNKNOWN.value,
            on=each.on,
            ref=each.ref,
        )
        for each in (first, second)
    )


def test_an_earlier_treatment_is_told_beside_the_first_cycle() -> None:
    (note,) = reasons(asked(given_before(ref="f-1")), "ELIG-PRIOR", today=BEFORE_FIRST)
    one = "7.4 GBq of lutetium Lu 177 dotatate at St. Anna, 4 May 2021 (discharge letter)"
    assert note.action is Action.PROCEED
    assert note.sentence == (
        f"Treated before: {one}. Together 7.4 GBq, which count in the cumulative activity."
    )
    assert note.threshold == "no earlier treatment"
    assert note.source == (
        "this service's own rule: retreatment must not ignore activity given earlier or elsewhere"
    )
    assert note.evidence == (
        Evidence(
            kind=EvidenceKind.FACT,
            name="Earlier radionuclide treatment",
            value=one,
            on=BEFORE_FIRST,
            ref="f-1",
        ),
    )


def test_one_of_a_month_and_of_unknown_activity_is_told_as_it_is_known() -> None:
    vague = given_before(administered_gbq=None, day=None, month="2020-11")
    (note,) = reasons(asked(vague), "ELIG-PRIOR", today=BEFORE_FIRST)
    assert note.sentence == (
        "Treated before: lutetium Lu 177 dotatate at St. Anna, 2020-11 (discharge letter). Together 0 GBq, "
        "which count in the cumulative activity."
    )


@pytest.mark.parametrize(
    "later",
    [
        {"day": date(2021, 7, 1)},
        {"hospital": "St. Vitus"},
        {"product": "yttrium Y 90 edotreotide"},
        {"ref": "f-9"},
        {"on": BEFORE_FIRST + timedelta(days=1)},
    ],
)
def test_several_are_told_in_one_order_however_they_were_entered(later: dict[str, Any]) -> None:
    records = (given_before(ref="f-1"), given_before(**({"ref": "f-1"} | later)))
    today = BEFORE_FIRST + timedelta(days=1)
    (note,) = reasons(asked(*records), "ELIG-PRIOR", today=today)
    (turned,) = reasons(asked(*reversed(records)), "ELIG-PRIOR", today=today)
    assert note == turned
    assert [each.ref for each in note.evidence] == [each.ref for each in records]
    assert "Together 14.8 GBq" in note.sentence


def test_one_of_a_month_comes_before_one_of_a_later_day() -> None:
    month, day = given_before(day=None, month="2021-04", ref="m"), given_before(ref="d")
    (note,) = reasons(asked(day, month), "ELIG-PRIOR", today=BEFORE_FIRST)
    assert [each.ref for each in note.evidence] == ["m", "d"]

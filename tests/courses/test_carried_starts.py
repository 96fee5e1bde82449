"""An authorised start is judged as it starts: what the bedside recorded since the authorisation counts."""

from collections.abc import Callable
from typing import Any

import pytest

from alerts.models import Alert
from alerts.services.watch_treatment import watch_deviations, watch_incidents
from courses.invariants_gate import starts_not_carried
from courses.models import Administration, Incident, StartAuthorisation, TherapyDay
from courses.services.day_infusion import infused_on
from courses.services.infusions import record_infusion
from courses.services.start import StartRefused
from courses.services.therapy_day import correct_step
from tests.builders_therapy_day import (
    at,
    authorise,
    dispense,
    infuse,
    nurse,
    opened,
    physician,
    ready_cycle,
    second_nurse,
    state_of,
    step,
    until_start,
)

pytestmark = pytest.mark.django_db
CODE = "69488-003-01"
Act = Callable[[TherapyDay], object]


@pytest.fixture
def day() -> TherapyDay:
    """Everything done until noon, and authorised at noon."""
    cycle = ready_cycle()
    dispense(cycle)
    day = opened(cycle)
    until_start(day)
    authorise(day)
    return day


def take_back(day: TherapyDay, kind: str, **more: Any) -> object:
    row = day.steps.get(kind=kind, corrected_by__isnull=True)
    said: dict[str, Any] = {"take_back": True, "now": at(12, 5)} | more
    return correct_step(
        step=row, reason="of another patient", by=nurse(), authenticated_at=said["now"], **said
    )


def pause(day: TherapyDay) -> object:
    return step(day, "amino_paused", at(12, 5), why="the line is changed")


def scan_another(day: TherapyDay) -> object:
    return step(day, "unit_scanned", at(12, 5), label="U-7", product_code=CODE)


def find_pregnant(day: TherapyDay) -> object:
    return step(day, "pregnancy", at(12, 5), finding="positive")


def find_allergic(day: TherapyDay) -> object:
    return step(day, "allergy", at(12, 5), finding="contraindicated")


def lose_identity(day: TherapyDay) -> object:
    return take_back(day, "identity")


def lose_check(day: TherapyDay) -> object:
    return take_back(day, "start_check")


def lose_amino_acids(day: TherapyDay) -> object:
    return take_back(day, "amino_start")


def correct_amino_acids(day: TherapyDay) -> object:
    """They were started at 11:55 and not at 11:00."""
    return take_back(day, "amino_start", take_back=False, happened_at=at(11, 55))


def check_by_the_physician(day: TherapyDay) -> object:
    """The check is done again, by the one who authorised the start."""
    return step(
        day, "start_check", at(12, 6), by=physician(), line="patent", rescue_ready="yes", crisis_risk="usual"
    )


def incidents() -> list[str]:
    return sorted(Incident.objects.values_list("kind", flat=True))


def violations() -> list[str]:
    return [each.words for each in starts_not_carried(at(16), lambda: None)]


BETWEEN = [
    pytest.param(pause, "The amino acids are interrupted", marks=pytest.mark.hazard("HZ-53")),
    pytest.param(lose_amino_acids, "Amino acids running before the start", marks=pytest.mark.hazard("HZ-53")),
    pytest.param(correct_amino_acids, "start allowed from 12:25", marks=pytest.mark.hazard("HZ-53")),
    pytest.param(
        find_pregnant, "the directive no longer held (CHK-PREGNANCY)", marks=pytest.mark.hazard("HZ-58")
    ),
    pytest.param(scan_another, "The label U-7 is not that of the unit", marks=pytest.mark.hazard("HZ-51")),
    (find_allergic, "no longer held (CHK-ALLERGY)"),
    (lose_identity, "Nobody has identified the patient yet"),
    (lose_check, "Not checked yet"),
    (check_by_the_physician, "had checked the start and authorised it"),
]


@pytest.mark.parametrize(("act", "words"), BETWEEN)
def test_what_is_recorded_between_authorisation_and_start_takes_the_cover_away(
    day: TherapyDay, act: Act, words: str
) -> None:
    act(day)
    assert incidents() == []
    step(day, "infusion_start", at(12, 20))
    incident = Incident.objects.get()
    assert (incident.kind, incident.opened_at) == ("unauthorised", at(12, 20))
    assert words in incident.sentence


@pytest.mark.hazard("HZ-53")
@pytest.mark.hazard("HZ-62")
def test_an_infusion_beside_stopped_amino_acids_is_a_deviation_and_told_as_an_unauthorised_one(
    day: TherapyDay,
) -> None:
    pause(day)
    infusion = infuse(day, start=at(12, 20))
    assert infusion.authorisation is None
    assert "given without a valid authorisation: Amino acids running before the start" in infusion.deviation
    assert Administration.objects.get().deviation == infusion.deviation
    assert incidents() == ["unauthorised"]
    watch_deviations(now=at(13, 15))
    watch_incidents(now=at(13, 15))
    assert {"deviation", "incident-due"} <= set(Alert.objects.values_list("kind", flat=True))


@pytest.mark.hazard("HZ-53")
def test_amino_acids_that_run_again_before_the_start_carry_it(day: TherapyDay) -> None:
    pause(day)
    step(day, "amino_resumed", at(12, 10))
    infusion = infuse(day, start=at(12, 20))
    assert infusion.authorisation == StartAuthorisation.objects.get()
    assert (infusion.deviation, incidents()) == ("", [])


def test_the_check_does_not_grow_too_old_under_an_authorisation_that_has_not_run_out(day: TherapyDay) -> None:
    """It was made at 11:55, and the start authorised at 12:00 may wait until 12:30."""
    assert infuse(day, start=at(12, 30)).deviation == ""
    assert incidents() == []


def test_a_unit_looked_at_again_asks_for_another_check_before_the_start(day: TherapyDay) -> None:
    step(day, "unit_scanned", at(12, 5), label="U-1", product_code=CODE)
    with pytest.raises(StartRefused) as refused:
        authorise(day, now=at(12, 6))
    assert [each.code for each in refused.value.blockers] == ["START"]
    step(
        day,
        "start_check",
        at(12, 7),
        by=second_nurse(),
        line="patent",
        rescue_ready="yes",
        crisis_risk="usual",
    )
    assert infuse(day, start=at(12, 10)).deviation == ""


# --- Changed after the start -----------------------------------------------------------------


@pytest.mark.hazard("HZ-53")
@pytest.mark.parametrize("act", [lose_identity, lose_check, correct_amino_acids, lose_amino_acids])
def test_an_entry_that_carried_the_start_and_is_changed_after_it_opens_the_incident_at_once(
    day: TherapyDay, act: Act
) -> None:
    step(day, "infusion_start", at(12, 1))
    assert incidents() == []
    act(day)
    assert (incidents(), Incident.objects.get().opened_at) == (["unauthorised"], at(12, 5))
    step(day, "infusion_end", at(12, 36), how="complete")
    state = state_of(day, now=at(12, 40))
    infusion = record_infusion(
        cycle=day.cycle, day=state.day, infused=infused_on(day, state=state), by=nurse(), now=at(12, 40)
    )
    assert infusion.authorisation is None
    assert incidents() == ["unauthorised"]


@pytest.mark.hazard("HZ-53")
def test_an_interruption_of_before_the_start_that_is_entered_late_counts(day: TherapyDay) -> None:
    step(day, "infusion_start", at(12, 20))
    step(day, "note", at(12, 21), text="calm")
    assert incidents() == []
    correct_step(
        step=step(day, "amino_paused", at(12, 30)),
        reason="it was before the start",
        by=nurse(),
        happened_at=at(12, 10),
        now=at(12, 40),
    )
    assert "interrupted" in Incident.objects.get().sentence


@pytest.mark.hazard("HZ-53")
def test_an_entry_changed_after_the_record_opens_one_review_of_that_infusion(day: TherapyDay) -> None:
    infusion = infuse(day, start=at(12, 1))
    assert incidents() == []
    take_back(day, "amino_start", now=at(14))
    incident = Incident.objects.get()
    assert (incident.kind, incident.infusion) == ("unauthorised", infusion)
    take_back(day, "identity", now=at(14, 5))
    assert incidents() == ["unauthorised"]
    assert violations() == []


def test_an_entry_of_after_the_start_leaves_it_as_it_was(day: TherapyDay) -> None:
    infuse(day, start=at(12, 1))
    step(day, "amino_paused", at(13))
    step(day, "pregnancy", at(13, 5), finding="positive")
    assert incidents() == []


@pytest.mark.hazard("HZ-53")
def test_verify_names_an_authorised_infusion_that_its_day_did_not_carry(day: TherapyDay) -> None:
    infuse(day, start=at(12, 1))
    assert violations() == []
    # As a record of before this was looked at: the entry is changed behind the services.
    day.steps.create(
        kind="amino_paused",
        happened_at=at(11, 30),
        recorded_by=nurse(),
        printed_name="day-nurse",
        recorded_at=at(11, 30),
    )
    assert violations() == [
        "started although the entries of its day did not carry it (T-07); nobody reviews it"
    ]

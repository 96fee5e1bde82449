"""A calendar is a proposal: read as a difference, taken over whole by a second look, or not at all."""

from datetime import timedelta

import pytest

from alerts.models import RotaImport, RotaOverride
from alerts.services.on_call import on_call_at
from alerts.services.rota_acts import BadRota, RotaMoved
from alerts.services.rota_edit import place_override
from alerts.services.rota_import import Proposal, proposal_of, read_import, take_import
from labs.services.authority import NotAllowed
from tests.builders_alerts import NOW
from tests.builders_rota import HOUR, keep_rota, on_call_person, rota_lead, vcalendar, vduty

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-69")]
DAY = timedelta(days=1)
SPAN = (NOW + DAY, NOW + DAY + 4 * HOUR)


def handed_in(*events: str) -> tuple[RotaImport, Proposal]:
    made = read_import(file_name="rota.ics", raw=vcalendar(*events), by=rota_lead(), now=NOW)
    return made, proposal_of(made, now=NOW)


def states(proposal: Proposal) -> list[str]:
    return [line.state.value for line in proposal.lines]


@pytest.mark.parametrize("names", ["two@clinic.example", "TWO@clinic.example", "two"])
def test_a_duty_is_matched_by_address_or_staff_code_and_taken_over_by_a_second_look(names: str) -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    made, proposal = handed_in(vduty(names, *SPAN))
    assert (states(proposal), proposal.lines[0].person, proposal.lines[0].instead_of) == (
        ["new"],
        two,
        ("one",),
    )
    assert not RotaOverride.objects.exists()
    assert take_import(made, rota_version=proposal.rota_version, by=rota_lead(), now=NOW) == 1
    assert on_call_at(SPAN[0]).people == (two,)
    assert on_call_at(SPAN[1]).people == (one,)


def test_a_name_is_nobody_and_one_unmatched_duty_blocks_the_whole_calendar() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    two.first_name, two.last_name = "Tina", "Second"
    two.save()
    keep_rota(one)
    made, proposal = handed_in(vduty("Tina Second", *SPAN), vduty("two", NOW + 3 * DAY, NOW + 4 * DAY))
    assert states(proposal) == ["blocked", "new"]
    assert "nobody who can be on call" in proposal.lines[0].fault
    with pytest.raises(BadRota, match="1 of its duties are blocked"):
        take_import(made, rota_version=proposal.rota_version, by=rota_lead(), now=NOW)
    assert not RotaOverride.objects.exists()


def test_a_duty_that_already_stands_changes_nothing() -> None:
    one = on_call_person("one")
    keep_rota(one)
    made, proposal = handed_in(vduty("one", *SPAN))
    assert states(proposal) == ["same"]
    assert take_import(made, rota_version=proposal.rota_version, by=rota_lead(), now=NOW) == 0


def test_duties_that_overlap_in_the_file_or_with_somebody_put_on_call_by_hand_are_blocked() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    hand = (NOW + 5 * DAY, NOW + 6 * DAY)
    place_override(person=two, starts_at=hand[0], ends_at=hand[1], reason="Ill.", by=rota_lead(), now=NOW)
    _, proposal = handed_in(
        vduty("two", *SPAN),
        vduty("two", SPAN[0] + HOUR, SPAN[1] + HOUR),
        vduty("one", hand[0], hand[0] + HOUR),
    )
    assert states(proposal) == ["new", "blocked", "blocked"]
    assert "overlaps another duty" in proposal.lines[1].fault
    assert "by hand" in proposal.lines[2].fault


def test_the_next_calendar_withdraws_what_it_does_not_hold_any_more() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    first, proposal = handed_in(vduty("two", *SPAN), vduty("two", NOW + 3 * DAY, NOW + 4 * DAY))
    take_import(first, rota_version=proposal.rota_version, by=rota_lead(), now=NOW)
    second, proposal = handed_in(vduty("two", *SPAN))
    assert (states(proposal), len(proposal.withdrawn)) == (["same"], 1)
    take_import(second, rota_version=proposal.rota_version, by=rota_lead(), now=NOW)
    assert on_call_at(NOW + 3 * DAY + HOUR).people == (one,)
    assert on_call_at(SPAN[0]).people == (two,)


def test_a_rota_that_changed_since_the_preview_is_looked_at_again() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    made, proposal = handed_in(vduty("two", *SPAN))
    later = NOW + 9 * DAY
    place_override(person=two, starts_at=later, ends_at=later + HOUR, reason="Ill.", by=rota_lead(), now=NOW)
    with pytest.raises(RotaMoved, match="has changed since this was shown"):
        take_import(made, rota_version=proposal.rota_version, by=rota_lead(), now=NOW)


def test_a_calendar_is_taken_over_once_and_only_by_whoever_keeps_the_rota() -> None:
    one, _ = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    made, proposal = handed_in(vduty("two", *SPAN))
    with pytest.raises(NotAllowed):
        take_import(made, rota_version=proposal.rota_version, by=one, now=NOW)
    take_import(made, rota_version=proposal.rota_version, by=rota_lead(), now=NOW)
    with pytest.raises(RotaMoved, match="taken over already"):
        take_import(made, rota_version=proposal.rota_version + 1, by=rota_lead(), now=NOW)


def test_a_duty_that_has_begun_is_left_as_it_is() -> None:
    one, _ = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    _, proposal = handed_in(vduty("two", NOW - HOUR, NOW + HOUR))
    assert states(proposal) == ["past"]

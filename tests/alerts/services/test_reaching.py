"""Calls about an alert: whom, how each ended, and nothing else."""

from typing import Any
from uuid import uuid4

import pytest

from alerts.models import ReachRecord
from alerts.rules import Kind
from alerts.services.acting import ActRefused, MayNotAct
from alerts.services.reaching import record_call
from tests.builders_alerts import NOW, make_alert, make_person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", [Kind.DELAY, Kind.LAB_QUARANTINE, Kind.RECALL_UNANSWERED])
@pytest.mark.parametrize("outcome", ["read-back", "reached", "not-reached"])
def test_a_call_is_kept_with_its_outcome_and_changes_nothing_else(kind: Kind, outcome: str) -> None:
    nurse = make_person("nora", "nurse")
    alert = make_alert(kind=kind)
    before = {name: value for name, value in vars(alert).items() if name != "_state"}
    made = record_call(
        alert=alert, person=nurse, key=uuid4(), whom="patient", outcome=outcome, note_text=" Twice. ", now=NOW
    )
    assert (made.by, made.at, made.note, made.outcome) == (nurse, NOW, "Twice.", outcome)
    alert.refresh_from_db()
    after = vars(alert)
    assert all(after[name] == before[name] for name in before if not name.startswith("_"))
    event = alert.events.get(kind="called")
    assert event.detail == {"call": made.pk, "whom": "patient", "outcome": outcome}


def test_the_same_form_sent_twice_is_one_call_and_another_persons_key_is_refused() -> None:
    nurse, other = make_person("nora", "nurse"), make_person("olga", "nurse")
    alert, key = make_alert(), uuid4()
    call: dict[str, Any] = {"alert": alert, "key": key, "whom": "ward", "outcome": "reached", "now": NOW}
    first = record_call(person=nurse, **call)
    assert record_call(person=nurse, **call) == first
    with pytest.raises(ActRefused, match="another call"):
        record_call(person=other, **call)
    assert ReachRecord.objects.count() == alert.events.filter(kind="called").count() == 1


@pytest.mark.parametrize(
    ("whom", "outcome", "field"),
    [("stranger", "reached", "Whom"), ("patient", "maybe", "How it ended"), ("other", "reached", "Note")],
)
def test_what_says_nothing_is_refused_by_field(whom: str, outcome: str, field: str) -> None:
    nurse = make_person("nora", "nurse")
    with pytest.raises(ActRefused, match=field):
        record_call(alert=make_alert(), person=nurse, key=uuid4(), whom=whom, outcome=outcome, now=NOW)


def test_who_may_not_take_the_alert_records_no_call_about_it() -> None:
    with pytest.raises(MayNotAct):
        record_call(
            alert=make_alert(),
            person=make_person("eve", "auditor"),
            key=uuid4(),
            whom="patient",
            outcome="reached",
            now=NOW,
        )

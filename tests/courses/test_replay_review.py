"""`manage.py replay_decisions` across engines and files: verdicts must agree, wording is only noted."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from courses.models import Decision
from courses.services.assess import assess_course
from tests.builders import clinic_time, make_course, make_patient

pytestmark = pytest.mark.django_db
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def decision(person: Callable[..., User]) -> Decision:
    """One decision on record, a hold for want of bloods."""
    course = make_course(
        make_patient(), first_on=date(2026, 1, 12), by=person("physician", "authorised-user")
    )
    found = assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 9)))
    assert found is not None
    return found


def store_another(decision: Decision, **changed: Any) -> Decision:
    """The same decision as an earlier release or file would have written it."""
    columns = {
        field.attname: getattr(decision, field.attname)
        for field in Decision._meta.concrete_fields
        if field.attname not in ("id", "public_id")
    }
    return Decision.objects.create(**{**columns, **changed})


def test_another_engine_may_lack_keys_and_word_others_differently(
    decision: Decision, capsys: Capture
) -> None:
    older = {key: value for key, value in decision.answer.items() if key not in ("silent", "judged_for")}
    older["labs_due"] = "2026-01-01"
    stored = store_another(decision, engine="courses.rules earlier", answer=older)
    call_command("replay_decisions")
    out = capsys.readouterr().out
    assert f"decision {stored.public_id}: note, wording differs: labs_due" in out
    assert "silent" not in out
    assert "2 decisions replayed, 0 differ" in out
    assert "1 of another engine are worded differently" in out


@pytest.mark.parametrize(
    "changed",
    [{"action": "delay"}, {"activity_gbq": "7.4"}, {"cycle": 2}, {"missing": []}, {"reasons": []}],
    ids=lambda changed: next(iter(changed)),
)
def test_another_engine_must_reach_the_verdict(
    decision: Decision, capsys: Capture, changed: dict[str, Any]
) -> None:
    answer = {**decision.answer, **changed}
    store_another(decision, engine="courses.rules earlier", answer=answer)
    with pytest.raises(SystemExit) as ended:
        call_command("replay_decisions")
    assert ended.value.code == 1
    assert "2 decisions replayed, 1 differ" in capsys.readouterr().out


@pytest.mark.parametrize("protocol_id", ["", "removed_long_ago"], ids=["changed", "removed"])
def test_a_decision_under_other_bytes_is_listed_apart_and_fails_nothing(
    decision: Decision, capsys: Capture, protocol_id: str
) -> None:
    stored = store_another(
        decision,
        protocol_id=protocol_id or decision.protocol_id,
        protocol_sha256="0" * 64,
        answer={**decision.answer, "action": "delay"},
    )
    call_command("replay_decisions")
    out = capsys.readouterr().out
    assert (
        f"decision {stored.public_id}: made under another version of the file: action: stored 'delay'" in out
    )
    assert "2 decisions replayed, 0 differ" in out
    assert "1 made under another version of the file" in out

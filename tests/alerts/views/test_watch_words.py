"""An alert's page says what is silent, unknown, drifting, missing or broken; its mail says none of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils.html import escape

from alerts.library import policy
from alerts.models import Alert
from alerts.rules import WATCH_KINDS, Kind, State
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import take_due_step
from alerts.services.raising import Subject, raise_alert
from alerts.views.watch_words import about_sentences
from alerts.wording import SENTENCES
from courses.models import Decision
from tests.builders_alerts import NOW, TODAY, make_course, make_decision, make_person
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db
SINCE = datetime(2026, 5, 4, 8, 0, tzinfo=UTC).isoformat()

ABOUT: dict[Kind, tuple[dict[str, Any], list[str]]] = {
    Kind.FEED_SILENT: (
        {"source": "central-lab", "since": SINCE, "started": True},
        ["No message from central-lab since 4 May 2026 10:00 CEST."],
    ),
    Kind.UNMAPPED_CODE: (
        {"source": "central-lab", "codes": ["NEWPLT", "(none)"], "items": 3, "since": SINCE},
        ["central-lab sends NEWPLT, (none), first on 4 May 2026", "Results that wait because of it: 3."],
    ),
    Kind.UNIT_DRIFT: (
        {"source": "central-lab", "analyte": "HGB", "unit": "g/dl", "before": ["g/l", ""], "since": SINCE},
        [
            "central-lab sent Haemoglobin in g/dl for the first time on 4 May 2026",
            "before, it used g/l, (no unit).",
        ],
    ),
    Kind.PANEL_INCOMPLETE: (
        {"source": "central-lab", "panel": "Blood count", "analytes": ["HGB", "PLT"], "since": SINCE},
        ["The panel Blood count of central-lab", "came without: Haemoglobin, Platelets."],
    ),
    Kind.QUARANTINE_AGEING: (
        {"items": 4, "since": SINCE},
        ["Overdue when this was noticed: 4; the oldest has waited since 4 May 2026"],
    ),
    Kind.UPLOAD_AGEING: (
        {"items": 1, "since": SINCE},
        ["Overdue when this was noticed: 1; the oldest has waited since 4 May 2026"],
    ),
    Kind.RECALL_UNANSWERED: (
        {"since": SINCE, "reason": "DM-PLT"},
        ["Recalled on 4 May 2026 10:00 CEST (reason DM-PLT), not answered since."],
    ),
    Kind.DEVIATION: (
        {"since": SINCE, "authorised": False},
        ["Recorded on 4 May 2026 10:00 CEST.", "It was given without a valid authorisation."],
    ),
    Kind.INCIDENT_DUE: (
        {"since": SINCE, "what": "Notify the regulator", "by": "2026-05-05"},
        ["Notify the regulator by Tue 5 May 2026. The incident was opened on 4 May 2026"],
    ),
    Kind.INVARIANT_BROKEN: (
        {
            "rule": "mail-late",
            "sentence": "no mail that is due waits for longer than a minute",
            "examples": ["notification 7 of alert 7F3K-2Q is due, and nobody sends it"],
        },
        [
            "Must hold, and does not: no mail that is due waits for longer than a minute (rule mail-late).",
            "Notification 7 of alert 7F3K-2Q is due, and nobody sends it.",
        ],
    ),
    Kind.RUNNER_STUCK: (
        {"runner": "runner", "since": SINCE},
        ["The second runner (manage.py runner): no sign of life since 4 May 2026 10:00 CEST."],
    ),
    Kind.CALL_BACK_OVERDUE: (
        {"who": "a nurse rings back", "by": SINCE},
        ["A nurse rings back, by 4 May 2026 10:00 CEST."],
    ),
    Kind.FOLLOW_UP_OVERDUE: (
        {"what": "6 months after the last cycle", "by": "2026-05-04"},
        ["6 months after the last cycle: due by Mon 4 May 2026, and nothing recorded since."],
    ),
    Kind.CANARY_BROKEN: (
        {"stage": "read", "reason": "It was not reached in time.", "since": SINCE},
        ["Stage not reached: read. Noticed on 4 May 2026", "It was not reached in time."],
    ),
    Kind.CRITICAL_VALUE: (
        {"analyte": "HGB", "side": "low", "level": 1, "doubtful": True},
        ["Haemoglobin is critically low.", "It is in doubt: preliminary,"],
    ),
    Kind.LIMIT_NEAR: (
        {"limit": "delay", "stops_on": "2026-05-20"},
        ["unless it resolves, the course stops on Wed 20 May 2026."],
    ),
    Kind.MAIL_LOOP: ({"since": SINCE}, ["Tried in vain since 4 May 2026 10:00 CEST."]),
    Kind.FEED_ANOMALY: (
        {"source": "central-lab", "alerts": 31, "minutes": 10, "since": SINCE},
        ["central-lab: 31 new alerts within 10 minutes, from 4 May 2026 10:00 CEST on."],
    ),
    Kind.ROTA_GAP: (
        {"starts_at": SINCE, "ends_at": SINCE, "items": 2, "why": "is away"},
        ["The person named below is away: on call from 4 May 2026", "That is the first of 2 such times."],
    ),
    Kind.HAND_OVER: (
        {"starts_at": SINCE, "ends_at": SINCE},
        ["On call from 4 May 2026 10:00 CEST to 4 May 2026 10:00 CEST."],
    ),
}


def raised(kind: Kind, about: dict[str, Any], *, person: User | None = None) -> Alert:
    subject = Subject(about=about, person=person)
    with transaction.atomic():
        alert = raise_alert(kind=kind, condition_key=f"{kind.value}:x", subject=subject, now=NOW)
        take_due_step(alert, now=NOW)
    return alert


def test_every_kind_that_a_look_begins_is_read_here() -> None:
    assert set(ABOUT) == set(WATCH_KINDS)


@pytest.mark.parametrize("kind", WATCH_KINDS)
def test_the_page_says_what_it_is_about_and_the_mail_does_not(
    kind: Kind, client: Client, smtp: SmtpServer
) -> None:
    person = make_person("all", "administrator", "nurse", "on-call", "pharmacist", "physician", "physicist")
    about, sentences = ABOUT[kind]
    alert = raised(kind, about, person=person if kind == Kind.HAND_OVER else None)
    client.force_login(person)
    page = client.get(f"/alerts/{alert.public_id}").content.decode()
    assert escape(policy().kinds[kind].words.meaning) in page
    for sentence in sentences:
        assert escape(sentence) in page
    dispatch_due(now=NOW)
    [letter] = smtp.room.letters
    whole = letter.as_string()
    for word in ("central-lab", "NEWPLT", "g/dl", "Blood count", "HGB", "Haemoglobin"):
        assert word not in whole


def test_other_words_for_a_silence_that_always_was_a_median_that_moved_and_a_trial_that_is_missed() -> None:
    silent = raised(Kind.FEED_SILENT, {"source": "x-lab", "since": SINCE, "started": False})
    assert about_sentences(silent) == [
        "No message from x-lab has ever come; it was set up on 4 May 2026 10:00 CEST."
    ]
    moved = raised(Kind.UNIT_DRIFT, {"source": "x-lab", "analyte": "BILI", "ratio": "17.10"})
    assert "17.10 times its earlier ones" in about_sentences(moved)[0]
    missed = raised(Kind.CANARY_BROKEN, {"stage": "", "reason": "No trial was begun.", "since": SINCE})
    assert about_sentences(missed)[0].startswith("The last trial that passed began on")


OTHER_CASES: list[tuple[Kind, dict[str, Any]]] = [
    (Kind.FEED_SILENT, {"source": "x-lab", "since": SINCE, "started": False}),
    (Kind.UNIT_DRIFT, {"source": "x-lab", "analyte": "BILI", "ratio": "17.10"}),
    (Kind.CANARY_BROKEN, {"stage": "", "reason": "No trial was begun.", "since": SINCE}),
    (Kind.CRITICAL_VALUE, {"analyte": "K", "side": "high", "level": 1, "doubtful": False}),
    (Kind.LIMIT_NEAR, {"limit": "activity", "known": True}),
    (Kind.LIMIT_NEAR, {"limit": "activity", "known": False}),
    (Kind.ROTA_GAP, {"starts_at": SINCE, "ends_at": SINCE, "items": 1}),
]


def test_every_sentence_of_the_policy_is_said_of_some_case_with_all_its_names() -> None:
    said: dict[Kind, set[str]] = {Kind.HOLD: {"labs_due"}, Kind.LABS_OVERDUE: {"labs_due"}}
    cases = [(kind, about) for kind, (about, _) in ABOUT.items()] + OTHER_CASES
    for kind, about in cases:
        own = {
            name: f"{name}: {' '.join(f'{{{place}}}' for place in places)}"
            for name, places in SENTENCES[kind].items()
        }
        alert = Alert(kind=kind.value, about=about, plan={"wording": {"sentences": own}})
        sentences = about_sentences(alert)
        assert sentences
        said.setdefault(kind, set()).update(sentence.partition(":")[0] for sentence in sentences)
    assert said == {kind: set(names) for kind, names in SENTENCES.items()}


def test_a_watched_alert_whose_cause_is_gone_does_not_speak_of_the_protocol(client: Client) -> None:
    person = make_person("oncall1", "on-call")
    alert = raised(Kind.UNIT_DRIFT, ABOUT[Kind.UNIT_DRIFT][0])
    Alert.objects.filter(pk=alert.pk).update(state=State.CLEARED_UNACKED)
    client.force_login(person)
    page = client.get(f"/alerts/{alert.public_id}").content.decode()
    assert "This is no longer so." in page
    assert "the protocol no longer says this" not in page


def overdue(missing: list[dict[str, Any]], *, kind: Kind = Kind.LABS_OVERDUE) -> Alert:
    """An alert about a cycle 3 whose decision misses these."""
    course = make_course()
    first = make_decision(course, action="hold", rules=[("EV-MISSING", "hold")])
    columns = {field.attname: getattr(first, field.attname) for field in Decision._meta.concrete_fields}
    for name in ("id", "public_id"):
        del columns[name]
    columns["answer"] = {**first.answer, "missing": missing}
    decision = Decision.objects.create(**columns)
    with transaction.atomic():
        return raise_alert(
            kind=kind,
            condition_key=f"{kind.value}:course-{course.pk}",
            subject=Subject(course=course, cycle=decision.cycle, decision=decision),
            now=NOW,
        )


def gap(code: str, due_on: str | None) -> dict[str, Any]:
    return {"code": code, "rule": "EV-MISSING", "why": "no result", "resolve": "", "due_on": due_on}


@pytest.mark.parametrize("kind", [Kind.LABS_OVERDUE, Kind.HOLD])
def test_overdue_labs_are_named_with_their_cycle_and_their_due_day(kind: Kind, client: Client) -> None:
    alert = overdue(
        [gap("777-3", "2026-05-03"), gap("718-7", "2026-05-03"), gap("1751-7", "2026-05-01")], kind=kind
    )
    assert about_sentences(alert) == [
        "Pre-cycle 3 labs due by Fri 1 May 2026 have not come: Albumin.",
        "Pre-cycle 3 labs due by Sun 3 May 2026 have not come: Platelets, Haemoglobin.",
    ]
    client.force_login(make_person("oncall1", "on-call"))
    assert "Pre-cycle 3 labs due by" in client.get(f"/alerts/{alert.public_id}").content.decode()


def test_what_is_due_today_or_never_is_not_called_overdue() -> None:
    assert TODAY.isoformat() == "2026-05-04"
    assert about_sentences(overdue([gap("777-3", "2026-05-04"), gap("718-7", None)])) == []

"""A year of 150 patients in virtual time: what wakes people stays within the budget; nobody is forgotten."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.library import policy
from alerts.models import Alert, AlertEvent, Notification
from alerts.models.alert import EventKind
from alerts.rules import DECISION_KINDS, Kind
from alerts.services.working_time import office
from tests.alerts.simulated_duty import RATES, START, WEEKS
from tests.alerts.simulated_year import Year

pytestmark = pytest.mark.django_db
# What may wake: critical values, changes inside a deadline, recalls; the line itself, broken or tried.
MAY_WAKE = {
    *DECISION_KINDS,
    Kind.CRITICAL_VALUE,
    Kind.RECALL_UNANSWERED,
    Kind.CANARY_BROKEN,
    Kind.RUNNER_STUCK,
    Kind.MAIL_LOOP,
    Kind.ROTA_GAP,
    Kind.NOBODY_ON_CALL,
    Kind.HAND_OVER,
    Kind.DEVIATION,
    Kind.FEED_SILENT,
}
# How long a letter may be held for others, and the pass that sends it.
AT_ONCE = timedelta(minutes=1)


def test_a_year_of_150_patients_stays_within_the_budget_of_mails_outside_the_hours(settings: Any) -> None:
    settings.EMAIL_BACKEND = "tests.alerts.simulated_duty.RefusingMailbox"
    year = Year()
    year.plan()
    year.run()

    weeks: Counter[int] = Counter()
    kinds: Counter[str] = Counter()
    woken: set[tuple[int, int, int]] = set()
    letters = list(_letters(year))
    for at, row in letters:
        if not office().is_open(at):
            weeks[(at - START).days // 7] += 1
            kinds[row.alert.kind] += 1
            woken.add((row.alert_id, row.loop, row.step))
    by_week = [weeks[week] for week in range(WEEKS)]
    failed = {(at - START).days // 7 for _, *span in year.nights for at in span}
    usual = [weeks[week] for week in range(WEEKS) if week not in failed]
    budget, mean = policy().out_of_hours_mails_per_week, sum(usual) / len(usual)
    print(
        f"a simulated year: {Alert.objects.count()} alerts, {len(letters)} mails; outside the hours "
        f"{mean:.1f} a week on average where the duty did not fail (budget {budget}), "
        f"{sum(by_week) / WEEKS:.1f} with the weeks in which it did "
        f"({[weeks[week] for week in sorted(failed)]}); median {sorted(by_week)[WEEKS // 2]}; "
        f"woken {len(woken)} times; by kind {dict(kinds.most_common())}"
    )
    assert 0 < mean <= budget
    assert set(kinds) <= {kind.value for kind in MAY_WAKE}
    assert kinds[Kind.HAND_OVER] > 0
    told = _first_told(letters)
    _nobody_was_forgotten(told)
    _the_nights_were_got_over(year, told)


def _letters(year: Year) -> Iterator[tuple[datetime, Notification]]:
    """Each letter that the outbox holds: when it left, and the row that owed it."""
    rows = {row.message_id: row for row in Notification.objects.select_related("alert")}
    assert len({letter.extra_headers["Message-ID"] for _, letter in year.letters}) == len(year.letters)
    for at, letter in year.letters:
        row = rows[letter.extra_headers["Message-ID"]]
        assert letter.to == [row.endpoint]
        yield at, row


def _first_told(letters: list[tuple[datetime, Notification]]) -> dict[int, datetime]:
    """When the first letter about each alert left, alone or with others."""
    together: dict[int | None, list[int]] = {}
    for bundle, alert in Notification.objects.values_list("bundled_into", "alert"):
        together.setdefault(bundle, []).append(alert)
    told: dict[int, datetime] = {}
    for at, row in letters:
        for alert in [row.alert_id, *together.get(row.pk, [])]:
            told.setdefault(alert, at)
    return told


def _nobody_was_forgotten(told: dict[int, datetime]) -> None:
    """Each alert was told at once, or on the next working morning; those that were over by then excepted."""
    untold = 0
    for alert in Alert.objects.all():
        due = max(alert.raised_at, office().next_opening(alert.raised_at))
        if alert.pk in told:
            assert told[alert.pk] <= due + AT_ONCE, alert
        else:
            untold += 1
            assert alert.step == 0
            assert alert.closed_at is None or alert.closed_at < due
    assert untold < Alert.objects.exclude(kind=Kind.HAND_OVER).count() / 4


def _the_nights_were_got_over(year: Year, told: dict[int, datetime]) -> None:
    """Each night's critical value was told within a minute all the same, and so was what had failed."""
    nights = Counter(name for name, *_ in year.nights)
    assert nights == RATES["nights"]
    of_nights = Alert.objects.filter(course__in=year.night_patients)
    assert of_nights.count() == nights.total()
    for alert in of_nights:
        assert told[alert.pk] <= alert.raised_at + AT_ONCE
        assert not office().is_open(told[alert.pk])
    uncovered = Alert.objects.filter(kind=Kind.NOBODY_ON_CALL)
    assert uncovered.count() >= nights["nobody-on-call"] + nights["nobody-to-tell"]
    empty = AlertEvent.objects.filter(kind=EventKind.EMPTY_STEP, alert__in=of_nights)
    assert empty.count() == nights["nobody-to-tell"]
    refused = AlertEvent.objects.filter(kind=EventKind.REFUSED, alert__in=of_nights)
    assert refused.count() >= nights["address-refused"]
    assert Alert.objects.filter(kind=Kind.ADDRESS_REFUSED).count() > 0

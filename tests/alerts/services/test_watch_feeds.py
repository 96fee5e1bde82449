"""A silent source, an unknown code and an old item each become one alert, worsen at the limit, and end."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert
from alerts.rules import Kind, State
from alerts.services.acknowledging import acknowledge
from alerts.services.watch_feeds import watch_codes, watch_quarantine, watch_silence, watch_uploads
from alerts.services.watching import watch
from labs.models import CsvUpload, ExpectedTraffic, LabMessage, QuarantinedResult
from labs.services.files import commit_file, discard_file, latest_preview, submit_file
from tests.builders_alerts import make_person
from tests.builders_labs import (
    csv_row,
    long_csv,
    make_feed,
    make_local_code,
    make_patient,
    make_sender,
    message,
    obr,
    obx,
    receive,
)

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)  # 08:00 in Berlin
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def people() -> None:
    """Somebody for every role that is told."""
    make_person("admin1", "administrator")
    make_person("nurse1", "nurse")
    make_person("doctor1", "physician")
    make_person("oncall1", "on-call")


def expect(name: str = "central-lab", **facts: Any) -> None:
    """Weekdays from 7 to 17; a warning after 4 working hours, critical after 10."""
    ExpectedTraffic.objects.create(
        sender=make_sender(name=name, msh3=name),
        days="mon,tue,wed,thu,fri",
        hours="07:00-17:00",
        warn_hours=4,
        critical_hours=10,
        set_up_at=MONDAY,
        **facts,
    )


def heard(at: datetime, sender: str = "central-lab") -> None:
    LabMessage.objects.create(
        door="mllp", sender=sender, msh3=sender, control_id=f"{at}", sha256="0", body=b"MSH|", received_at=at
    )


def told(alert: Alert) -> set[str]:
    """Who was owed a mail in the last round."""
    return {mail.person.username for mail in alert.notifications.filter(loop=alert.loop)}


# --- Silence -------------------------------------------------------------------------------------


def test_silence_warns_at_the_limit_becomes_critical_at_the_next_and_ends_with_a_message() -> None:
    expect()
    heard(MONDAY)
    warn, critical = (
        MONDAY + timedelta(hours=4),
        MONDAY + timedelta(hours=24),
    )  # 10 h: 9 on Monday, 1 on Tuesday
    assert watch_silence(now=warn - MINUTE) == 0
    assert watch_silence(now=warn) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity, alert.technical) == (Kind.FEED_SILENT, 2, True)
    assert alert.condition_key == "feed-silent:central-lab"
    assert told(alert) == {"admin1", "nurse1"}

    assert watch_silence(now=critical - MINUTE) == 0
    assert watch_silence(now=critical) == 1
    alert.refresh_from_db()
    assert (alert.severity, alert.loop) == (1, 2)
    assert told(alert) == {"admin1", "doctor1"}
    assert watch_silence(now=critical + MINUTE) == 0

    heard(critical + 2 * MINUTE)
    assert watch_silence(now=critical + 3 * MINUTE) == 1
    alert.refresh_from_db()
    assert alert.state == State.CLOSED
    assert Alert.objects.count() == 1


def test_a_source_that_never_sent_anything_alerts_too() -> None:
    expect()
    watch_silence(now=MONDAY + timedelta(hours=4))
    assert Alert.objects.get().about == {
        "source": "central-lab",
        "since": MONDAY.isoformat(),
        "started": False,
    }


def test_who_acknowledged_a_warning_is_told_again_when_it_becomes_critical() -> None:
    expect()
    watch_silence(now=MONDAY + timedelta(hours=4))
    alert = Alert.objects.get()
    seen = alert.events.latest("pk").pk
    person = make_person("oncall2", "on-call")
    acknowledge(alert=alert, person=person, seen_severity=2, seen_event=seen, now=MONDAY + timedelta(hours=5))
    assert watch_silence(now=MONDAY + timedelta(hours=6)) == 0
    watch_silence(now=MONDAY + timedelta(hours=24))
    alert.refresh_from_db()
    assert (alert.state, alert.severity) == (State.OPEN, 1)


def test_each_silent_source_has_its_own_alert() -> None:
    expect()
    expect("other-lab")
    heard(MONDAY + timedelta(hours=3))
    watch_silence(now=MONDAY + timedelta(hours=4))
    assert [alert.condition_key for alert in Alert.objects.all()] == ["feed-silent:other-lab"]


# --- Codes ---------------------------------------------------------------------------------------


def unknown(code: str, name: str) -> bytes:
    return message(obr(name), obx(code=f"{code}^Something^L"), control_id=name)


def test_an_unmapped_code_of_a_known_sender_alerts_once_and_ends_when_it_is_mapped() -> None:
    make_patient()
    make_sender()
    receive(unknown("NEWPLT", "A"), unknown("NEWPLT", "B"))
    now = QuarantinedResult.objects.latest("opened_at").opened_at
    assert watch_codes(now=now + MINUTE) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.condition_key) == (Kind.UNMAPPED_CODE, "unmapped-code:central-lab:NEWPLT")
    assert (alert.about["codes"], alert.about["items"]) == (["NEWPLT"], 2)
    assert watch_codes(now=now + 2 * MINUTE) == 0
    make_local_code(code="NEWPLT")
    assert watch_codes(now=now + 3 * MINUTE) == 1
    alert.refresh_from_db()
    assert alert.state == State.CLOSED


def test_it_ends_as_well_when_nothing_waits_under_the_code_any_more() -> None:
    make_patient()
    make_sender()
    receive(unknown("NEWPLT", "A"))
    now = QuarantinedResult.objects.get().opened_at
    watch_codes(now=now + MINUTE)
    QuarantinedResult.objects.update(
        state="resolved", resolved_at=now, resolved_by="nurse", resolution="asked the laboratory"
    )
    watch_codes(now=now + 2 * MINUTE)
    assert Alert.objects.get().state == State.CLOSED


def test_a_feed_is_mapped_by_the_table_it_uses() -> None:
    make_patient()
    make_feed(codes="files")
    make_local_code(sender="files", code="THRO")
    receive(long_csv(csv_row(test_code="PLAETT")), door="csv", feed="csv-lab")
    now = QuarantinedResult.objects.get().opened_at
    watch_codes(now=now + MINUTE)
    assert Alert.objects.get().condition_key == "unmapped-code:csv-lab:PLAETT"
    make_local_code(sender="files", code="PLAETT")
    watch_codes(now=now + 2 * MINUTE)
    assert Alert.objects.get().state == State.CLOSED


def test_an_unknown_sender_is_no_unmapped_code() -> None:
    make_patient()
    receive(unknown("NEWPLT", "A"))
    assert watch_codes(now=QuarantinedResult.objects.get().opened_at + MINUTE) == 0


def test_a_whole_new_catalogue_is_one_alert_and_no_storm() -> None:
    make_patient()
    make_sender()
    receive(*[unknown(f"NEW{number}", f"M{number}") for number in range(6)])
    watch_codes(now=QuarantinedResult.objects.latest("opened_at").opened_at + MINUTE)
    alert = Alert.objects.get()
    assert alert.condition_key == "unmapped-code:central-lab:*"
    assert len(alert.about["codes"]) == 6


def test_a_code_too_long_for_the_key_is_told_by_its_digest() -> None:
    make_patient()
    make_sender(name="L" * 64)
    receive(unknown("X" * 64, "A"), unknown("X" * 63 + "Y", "B"))
    watch_codes(now=QuarantinedResult.objects.latest("opened_at").opened_at + MINUTE)
    assert Alert.objects.count() == 2
    assert all(len(alert.condition_key) <= 200 for alert in Alert.objects.all())


# --- The queue -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("never_closed")
def test_what_waits_too_long_tells_the_owners_then_gets_worse_then_ends() -> None:
    make_patient()
    make_sender()
    receive(unknown("NEWPLT", "A"))
    opened = QuarantinedResult.objects.get().opened_at
    assert watch_quarantine(now=opened + timedelta(hours=4) - MINUTE) == 0
    assert watch_quarantine(now=opened + timedelta(hours=4)) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity, told(alert)) == (Kind.QUARANTINE_AGEING, 3, {"nurse1"})
    assert alert.about == {"items": 1, "since": opened.isoformat()}
    assert watch_quarantine(now=opened + timedelta(hours=24) - MINUTE) == 0
    assert watch_quarantine(now=opened + timedelta(hours=24)) == 1
    alert.refresh_from_db()
    assert (alert.severity, told(alert)) == (2, {"nurse1", "doctor1"})
    QuarantinedResult.objects.update(
        state="resolved", resolved_at=opened, resolved_by="nurse", resolution="asked the laboratory"
    )
    assert watch_quarantine(now=opened + timedelta(hours=25)) == 1
    alert.refresh_from_db()
    assert alert.state == State.CLOSED


def handed_in() -> CsvUpload:
    """A file that waits, and somebody who handed it in."""
    make_patient()
    make_feed()
    by = make_person("submitter", "nurse")
    return submit_file(
        feed="csv-lab", file_name="may.csv", body=long_csv(csv_row()), by=by, most_bytes=1 << 20
    )


@pytest.mark.usefixtures("never_closed")
def test_a_file_that_waits_for_its_second_person_tells_then_gets_worse_then_ends_when_committed() -> None:
    upload = handed_in()
    at = upload.uploaded_at
    assert watch_uploads(now=at + timedelta(hours=4) - MINUTE) == 0
    assert watch_uploads(now=at + timedelta(hours=4)) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity, told(alert)) == (Kind.UPLOAD_AGEING, 3, {"nurse1", "submitter"})
    assert alert.about == {"items": 1, "since": at.isoformat()}
    assert watch_uploads(now=at + timedelta(hours=24) - MINUTE) == 0
    assert watch_uploads(now=at + timedelta(hours=24)) == 1
    alert.refresh_from_db()
    assert (alert.severity, "doctor1" in told(alert)) == (2, True)
    preview = latest_preview(upload)
    second = make_person("committer", "physician")
    commit_file(upload=upload, by=second, seen_file=upload.sha256, seen_preview=preview.sha256)
    assert watch_uploads(now=at + timedelta(hours=25)) == 1
    alert.refresh_from_db()
    assert alert.state == State.CLOSED


@pytest.mark.usefixtures("never_closed")
def test_a_discarded_file_ends_the_alert_as_well_and_every_round_looks() -> None:
    upload = handed_in()
    later = upload.uploaded_at + timedelta(hours=5)
    watch(now=later)
    assert Alert.objects.get().kind == Kind.UPLOAD_AGEING
    discard_file(upload=upload, by=upload.uploaded_by, reason="the wrong month")
    watch(now=later + MINUTE)
    assert Alert.objects.get().state == State.CLOSED


# --- All looks -----------------------------------------------------------------------------------


def test_looking_twice_changes_nothing_the_second_time() -> None:
    make_patient()
    make_sender()
    expect("silent-lab")
    receive(unknown("NEWPLT", "A"))
    now = QuarantinedResult.objects.get().opened_at + timedelta(days=3)
    assert watch(now=now, all_due=True) == Alert.objects.count() == 3
    before = list(Alert.objects.order_by("pk").values())
    assert watch(now=now + MINUTE, all_due=True) == 0
    assert list(Alert.objects.order_by("pk").values()) == before


def test_a_look_that_finds_nothing_new_costs_the_same_however_much_there_is(
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    make_patient()
    make_sender()
    expect("first-lab")
    receive(unknown("NEW0", "M0"))
    now = QuarantinedResult.objects.get().opened_at + timedelta(days=3)
    watch(now=now, all_due=True)
    costs = _queries_of(now + MINUTE)
    for number in range(20):
        expect(f"lab-{number}")
        receive(unknown(f"NEW{number % 4}", f"N{number}"))
    later = now + timedelta(hours=1)
    watch(now=later, all_due=True)
    with django_assert_num_queries(costs):
        assert watch(now=later + MINUTE, all_due=True) == 0


def _queries_of(now: datetime) -> int:
    with CaptureQueriesContext(connection) as caught:
        assert watch(now=now, all_due=True) == 0
    return len(caught)

"""A day of therapy by the API alone: for people with a session, with If-Match, keys and named refusals."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from courses.models import Administration, Directive, Infusion, Order, TherapyDay, TherapyStep
from tests.builders import colleague, draw
from tests.builders_therapy_day import (
    DAY,
    at,
    dispense,
    nurse,
    opened,
    physician,
    ready_cycle,
    second_nurse,
    sign_now,
)
from tests.builders_therapy_day import step as recorded

pytestmark = pytest.mark.django_db
PASSWORD = "a long pass phrase"
ROOT = "/api/v1/therapy-days/"


class Clinic:
    """Browser sessions of the people of a day, and a clock that a test moves."""

    def __init__(self, set_clock: Callable[[datetime], None]) -> None:
        self.set_clock = set_clock
        self.clients: dict[str, Client] = {}
        for person in (nurse(), second_nurse(), physician(), colleague("day-physicist", "physicist")):
            person.set_password(PASSWORD)
            person.is_staff = True
            person.save()
            client = Client()
            client.force_login(person)
            self.clients[person.username] = client

    def send(self, who: str, path: str, body: dict[str, Any], *, when: datetime, **headers: str) -> Any:
        """One request at an instant, with the newest version as If-Match where there is one."""
        self.set_clock(when)
        client = self.clients[who]
        if path and "if_match" not in headers:
            headers["if_match"] = client.get(f"{ROOT}{path.split('/', maxsplit=1)[0]}/").headers["ETag"]
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value}
        return client.post(f"{ROOT}{path}", body, content_type="application/json", headers=sent)


@pytest.fixture
def clinic(set_clock: Callable[[datetime], None]) -> Clinic:
    """The people of a day, in the morning; every service reads the clock that the test sets."""
    set_clock(at(9))
    return Clinic(set_clock)


def step(clinic: Clinic, day: str, kind: str, when: datetime, *, who: str = "day-nurse", **more: Any) -> Any:
    special: dict[str, Any] = {key: more.pop(key) for key in ("second", "password") if key in more}
    answer = clinic.send(who, f"{day}/steps/", {"kind": kind, "data": more, **special}, when=when)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def open_and_prepare(clinic: Clinic) -> str:
    """A dispensed first cycle, its day opened by the API and everything before the start done."""
    cycle = ready_cycle()
    dispense(cycle)
    began = clinic.send("day-nurse", "", {"course": str(cycle.course.public_id), "cycle": 1}, when=at(9, 30))
    assert began.status_code == 201, began.json()
    day = began.json()["id"]
    second = {"username": "day-nurse-2", "password": PASSWORD}
    step(clinic, day, "identity", at(10), number="T-1", birth_date="1961-03-02", second=second)
    step(clinic, day, "pregnancy", at(10, 1), finding="not_possible")
    step(clinic, day, "analogue", at(10, 2), short_acting="none", long_acting="none")
    step(clinic, day, "allergy", at(10, 3), finding="none")
    step(clinic, day, "antiemetic", at(10, 15), medicine="granisetron", amount="1 mg")
    step(clinic, day, "amino_start", at(11), bag="BAG-1")
    step(clinic, day, "unit_scanned", at(11, 45), label="U-1", product_code="69488-003-01")
    step(
        clinic, day, "start_check", at(11, 55), who="day-nurse-2", password=PASSWORD,
        line="patent", rescue_ready="yes", crisis_risk="usual",
    )  # fmt: skip
    return str(day)


def test_a_whole_day_is_played_by_the_api_alone(clinic: Clinic) -> None:
    day = open_and_prepare(clinic)
    authorised = clinic.send("day-physician", f"{day}/authorise/", {"password": PASSWORD}, when=at(12))
    assert authorised.status_code == 201, authorised.json()
    assert authorised.json()["authorisations"][0]["checked_by"] == "day-nurse-2"
    step(clinic, day, "infusion_start", at(12, 1))
    step(clinic, day, "line_check", at(12, 6), finding="good")
    step(clinic, day, "infusion_end", at(12, 36), how="complete")
    step(clinic, day, "residual", at(12, 46), who="day-physicist", activity="0.1 GBq", what="vial")
    infused = clinic.send("day-nurse", f"{day}/infusion/", {}, when=at(12, 50))
    assert infused.status_code == 201, infused.json()
    assert infused.json()["infusions"][0]["delivered"] == {"value": "7.2033", "unit": "GBq"}
    early = clinic.send("day-nurse", f"{day}/release/", {}, when=at(13))
    assert early.status_code == 409
    assert early.json()["code"] == "release-refused"
    assert set(early.json()["errors"]) == {"T-12", "T-18"}
    step(clinic, day, "observation", at(14, 37), finding="well")
    step(
        clinic, day, "release_survey", at(14, 40), who="day-physicist",
        microsievert_per_hour="18", metres="1",
    )  # fmt: skip
    released = clinic.send("day-nurse", f"{day}/release/", {}, when=at(14, 45))
    assert released.status_code == 200, released.json()
    assert released.json()["outcome"] == "released"
    assert Administration.objects.get().deviation == ""


def test_an_early_start_names_every_blocker_and_a_refusal_keeps_what_it_found(clinic: Clinic) -> None:
    day = open_and_prepare(clinic)
    draw(Order.objects.first().cycle.course.patient, DAY, PLT="60")
    refused = clinic.send("day-physician", f"{day}/authorise/", {"password": PASSWORD}, when=at(12))
    assert refused.status_code == 409
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "start-refused"
    assert {"decision", "recall"} <= set(refused.json()["errors"])
    order = Order.objects.get(kind="radiopharmaceutical", directive__isnull=False)
    assert order.events.filter(from_state="dispensed", to_state="dispensed").exists()


def test_leaving_the_cover_out_is_signed_with_the_physicians_password(clinic: Clinic) -> None:
    day = open_and_prepare(clinic)
    said = {"kind": "steroid", "data": {"why": "left_out", "reason": "no disease on the scan of April"}}
    bare = clinic.send("day-physician", f"{day}/steps/", said, when=at(11, 58))
    assert bare.status_code == 403, bare.json()
    assert "password" in bare.json()["detail"]
    nurses = clinic.send("day-nurse", f"{day}/steps/", said | {"password": PASSWORD}, when=at(11, 58))
    assert "Only a physician leaves out" in nurses.json()["detail"]
    assert not TherapyStep.objects.filter(kind="steroid").exists()
    signed = clinic.send("day-physician", f"{day}/steps/", said | {"password": PASSWORD}, when=at(11, 59))
    assert signed.status_code == 201, signed.json()
    assert TherapyStep.objects.get(kind="steroid").authenticated_at is not None


def test_a_part_is_judged_and_a_day_without_an_infusion_is_ended_by_the_api(clinic: Clinic) -> None:
    day = open_and_prepare(clinic)
    clinic.send("day-physician", f"{day}/authorise/", {"password": PASSWORD}, when=at(12))
    step(clinic, day, "infusion_start", at(12, 1))
    step(clinic, day, "infusion_end", at(12, 10), how="leak")
    step(clinic, day, "residual", at(12, 20), who="day-physicist", activity="5 GBq", what="vial")
    part = clinic.send("day-nurse", f"{day}/infusion/", {}, when=at(12, 25)).json()
    assert part["waits_for_judgement"]
    said = {"counts": True, "remainder": "5 GBq", "reason": "most of it leaked", "password": PASSWORD}
    bare = clinic.send("day-physician", f"{day}/judge/", {**said, "remainder": "5"}, when=at(12, 30))
    assert (bare.status_code, set(bare.json()["errors"])) == (400, {"remainder"})
    judged = clinic.send("day-physician", f"{day}/judge/", said, when=at(12, 31))
    assert judged.status_code == 201, judged.json()
    sign_now(Infusion.objects.get().cycle.course, now=at(12, 35))
    assert Directive.objects.first().remainder_of is not None


def test_an_unwell_patient_is_recorded_by_the_api(clinic: Clinic) -> None:
    day = open_and_prepare(clinic)
    body = {"reason": "unwell", "note": "fever", "vial": "wasted", "rebook_on": "2026-05-06"}
    ended = clinic.send("day-nurse", f"{day}/not-given/", body, when=at(12))
    assert ended.status_code == 200, ended.json()
    assert ended.json()["outcome"] == "not_given"
    moved = clinic.send("day-nurse", f"{day}/rebook/", {"on": "2026-05-07"}, when=at(12, 5))
    assert moved.status_code == 200, moved.json()


def test_a_token_never_reaches_a_day(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    day = open_and_prepare(clinic)
    call_command("token", role="pharmacy", name="test")
    token = capsys.readouterr().out.split()[-1]
    client = Client(headers={"Authorization": f"Bearer {token}"})
    for path in (ROOT, f"{ROOT}{day}/"):
        assert client.get(path).status_code == 403
    for path in ("authorise", "steps", "infusion", "judge", "release", "not-given", "rebook"):
        answer = client.post(f"{ROOT}{day}/{path}/", {}, content_type="application/json")
        assert answer.status_code == 403


@pytest.mark.hazard("HZ-39")
def test_a_change_needs_the_version_that_was_read(clinic: Clinic) -> None:
    day = open_and_prepare(clinic)
    note = {"kind": "note", "data": {"text": "calm"}}
    assert clinic.send("day-nurse", f"{day}/steps/", note, when=at(12), if_match="").status_code == 428
    stale = clinic.clients["day-nurse"].get(f"{ROOT}{day}/").headers["ETag"]
    assert clinic.send("day-nurse", f"{day}/steps/", note, when=at(12)).status_code == 201
    again = clinic.send("day-nurse", f"{day}/steps/", note, when=at(12), if_match=stale)
    assert (again.status_code, again.json()["code"]) == (412, "stale")


def test_the_same_key_records_once_and_no_password_is_kept(clinic: Clinic) -> None:
    day = open_and_prepare(clinic)
    tag = clinic.clients["day-nurse"].get(f"{ROOT}{day}/").headers["ETag"]
    note = {"kind": "note", "data": {"text": "calm"}}
    sent = [
        clinic.send("day-nurse", f"{day}/steps/", note, when=at(12), if_match=tag, idempotency_key="k-1")
        for _ in range(2)
    ]
    assert [each.status_code for each in sent] == [201, 201]
    assert sent[0].content == sent[1].content
    assert TherapyDay.objects.get().steps.filter(kind="note").count() == 1
    reused = clinic.send(
        "day-nurse", f"{day}/steps/", {"kind": "note", "data": {"text": "other"}}, when=at(12),
        if_match=tag, idempotency_key="k-1",
    )  # fmt: skip
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "allergy", "data": {"finding": "maybe"}}, "finding"),
        ({"kind": "note", "data": {"text": "x"}, "happened_at": "2026-05-04T08:00:00"}, "happened_at"),
        ({"kind": "note", "data": {"text": "x"}, "colour": "red"}, "colour"),
        ({"kind": "identity", "data": {"number": "T-1", "birth_date": "1961-03-02"}}, "second"),
    ],
)
def test_a_wrong_step_names_its_field(clinic: Clinic, body: dict[str, Any], field: str) -> None:
    day = open_and_prepare(clinic)
    answer = clinic.send("day-nurse", f"{day}/steps/", body, when=at(12))
    assert answer.status_code == 400
    assert field in answer.json()["errors"]


def test_a_wrong_password_of_the_second_person_records_nothing(clinic: Clinic) -> None:
    day = open_and_prepare(clinic)
    before = TherapyDay.objects.get().steps.count()
    body = {
        "kind": "identity",
        "data": {"number": "T-1", "birth_date": "1961-03-02"},
        "second": {"username": "day-nurse-2", "password": "guessed"},
    }
    answer = clinic.send("day-nurse", f"{day}/steps/", body, when=at(12))
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert TherapyDay.objects.get().steps.count() == before


@pytest.mark.hazard("HZ-42")
@pytest.mark.parametrize("key", ["", "guess"])
def test_guessing_a_password_by_the_api_is_stopped_with_and_without_a_key(clinic: Clinic, key: str) -> None:
    """The count of wrong passwords stands though the work is undone, and each guess has a key of its own."""
    day = open_and_prepare(clinic)

    def answer(password: str, number: int) -> Any:
        headers = {"idempotency_key": f"{key}-{number}"} if key else {}
        return clinic.send(
            "day-physician", f"{day}/authorise/", {"password": password}, when=at(12), **headers
        )

    for number in range(12):
        guessed = answer(f"guess {number}", number)
        assert guessed.status_code == 403
    assert "Too many wrong passwords" in guessed.json()["detail"]
    assert answer(PASSWORD, 99).status_code == 403


def test_an_entry_of_another_patients_day_is_not_found_under_this_one(clinic: Clinic) -> None:
    day = open_and_prepare(clinic)
    other = recorded(opened(ready_cycle(mrn="T-2")), "note", at(10), text="calm")
    body = {"reason": "read wrongly", "data": {"text": "pale"}}
    answer = clinic.send("day-nurse", f"{day}/steps/{other.public_id}/correct/", body, when=at(12))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert TherapyStep.objects.filter(therapy_day=other.therapy_day).get() == other


def test_an_entry_is_corrected_by_the_api(clinic: Clinic) -> None:
    day = open_and_prepare(clinic)
    entry = TherapyDay.objects.get().steps.get(kind="amino_start")
    body = {"reason": "read wrongly", "happened_at": (at(11, 40)).isoformat()}
    answer = clinic.send("day-nurse", f"{day}/steps/{entry.public_id}/correct/", body, when=at(12))
    assert answer.status_code == 201, answer.json()
    blockers = {each["code"]: each["sentence"] for each in answer.json()["start_blockers"]}
    assert "start allowed from 12:10" in blockers["T-07"]


def test_reading_changes_nothing_and_auditors_read_without_acting(clinic: Clinic) -> None:
    day = open_and_prepare(clinic)
    auditor = Client()
    auditor.force_login(colleague("day-auditor", "auditor"))
    before = TherapyDay.objects.get().version
    answer = auditor.get(f"{ROOT}{day}/")
    assert answer.status_code == 200
    assert '"T-1"' not in answer.content.decode()
    assert "1961" not in answer.content.decode()
    assert "1961-03-02" in clinic.clients["day-nurse"].get(f"{ROOT}{day}/").content.decode()
    assert auditor.get(ROOT, {"open": "true"}).json()["results"][0]["id"] == day
    assert auditor.get(ROOT, {"opne": "true"}).status_code == 400
    assert TherapyDay.objects.get().version == before
    acted = auditor.post(
        f"{ROOT}{day}/release/",
        {},
        content_type="application/json",
        headers={"If-Match": answer.headers["ETag"]},
    )
    assert acted.status_code == 403

"""The acts of the treatment machine through the service's own doors: its pages, and its API.

Each has the name and the arguments of its act in `treatment_acts`. A door answers with a refusal in words,
or has done it; whatever else it answers is a fault. Every act of the API is first sent without the version it
was read in, and is sent once more after it: both must change nothing.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import caches
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from courses.models import ChartFact, Course, DispensedUnit, Order, TherapyStep, Vial
from courses.services import assess
from courses.services.authority import Refused
from courses.services.day_state import standing_of
from courses.views import (
    back_entry,
    day,
    day_acts,
    decisions,
    ending,
    facts,
    follow_up,
    pharmacy,
    rescinding,
)
from labs.clinic_days import add_days
from tests.builders import colleague
from tests.builders_pharmacy import CODE, PRODUCT
from tests.fuzz import treatment_acts as act
from tests.fuzz.treatment_acts import REASON, Clinic, Page

PASSWORD = "a long pass phrase"


def physicist() -> User:
    """Who measures what is left."""
    return colleague("machine-physicist", "physicist")


PEOPLE = (physicist, act.physician, act.second_physician, act.nurse, act.second_nurse, act.pharmacist)
# An API door says no with a problem document of one of these.
SAYS_NO = (400, 403, 404, 409, 412)
_VIEWS = (back_entry, day, day_acts, decisions, ending, facts, follow_up, pharmacy, rescinding)
_browsers: dict[int, Client] = {}


def let_in() -> None:
    """Everybody has a password."""
    for person in PEOPLE:
        user = person()
        user.is_staff = True
        user.set_password(PASSWORD)
        user.save()


def close_browsers() -> None:
    """Everybody begins anew, as after a night."""
    _browsers.clear()


def let_pass(patch: pytest.MonkeyPatch, clinic: Callable[[], Clinic]) -> None:
    """A password given on a page was given just before, by the clinic's clock; no rate holds anybody up."""
    for module in _VIEWS:
        if hasattr(module, "authenticated_at"):
            patch.setattr(module, "authenticated_at", lambda _request: clinic().fresh())
    for name in ("API_READ_RATE", "API_WRITE_RATE"):
        patch.setattr(settings, name, "999999/min")


def _browser(person: User) -> Client:
    if person.pk not in _browsers:
        _browsers[person.pk] = Client()
        _browsers[person.pk].force_login(person)
    return _browsers[person.pk]


# --- Pages ------------------------------------------------------------------------------------------


def _post(person: User, url: str, form: Mapping[str, Any], *, knows_password: bool = True) -> None:
    """Send a form, with the password where it is asked for. Raises Refused with the answer's status."""
    caches["default"].clear()
    browser = _browser(person)
    answer: Any = browser.post(url, dict(form))
    asks = answer.status_code == 302 and answer.url.startswith(reverse("account_reauthenticate"))
    if asks and not knows_password:
        raise Refused("The page asks for the password first.")
    if asks:
        answer = browser.post(answer.url, {"password": PASSWORD, "next": url})
    if answer.status_code in (400, 403, 404, 409):
        raise Refused(f"The page answers {answer.status_code}.")
    assert answer.status_code == 302, f"{url} answered {answer.status_code}"


def _typed(instant: datetime) -> str:
    """A moment on the clinic's clock, as a browser sends it."""
    return f"{timezone.localtime(instant):%Y-%m-%dT%H:%M:%S}"


def _url(clinic: Clinic, name: str, *more: Any) -> str:
    return reverse(f"courses:{name}", args=[clinic.course.public_id, *more])


def _seen(clinic: Clinic) -> dict[str, str]:
    """The decision that a form about the course was filled in before."""
    decision = Course.objects.select_related("current_decision").get(pk=clinic.course.pk).current_decision
    if decision is None:
        return {}
    return {"decision": str(decision.public_id), "evidence_sha256": decision.evidence_sha256}


def look(clinic: Clinic) -> None:
    """A worker has assessed; the physician reads the decision's page."""
    decision = assess.assess_course(course_id=clinic.course.pk, now=clinic.now)
    if decision is None:
        return
    answer = _browser(act.physician()).get(reverse("courses:decision", args=[decision.public_id]))
    assert answer.status_code == 200
    clinic.page = Page(decision=decision, evidence=decision.evidence_sha256)


def sign_page(clinic: Clinic, *, old_password: bool = False) -> None:
    """Sign what the open page says; `old_password`: somebody else sits there, who does not know it."""
    if clinic.page is None:
        look(clinic)
    if clinic.page is None:
        return
    if old_password:
        _browsers.pop(act.physician().pk, None)
    page = clinic.page
    form = {"meaning": page.decision.action, "evidence_sha256": page.evidence}
    url = reverse("courses:sign", args=[page.decision.public_id])
    _post(act.physician(), url, form, knows_password=not old_password)


def hold(clinic: Clinic) -> None:
    """A nurse holds the course."""
    _post(
        act.nurse(),
        _url(clinic, "record_fact", "precautionary_holds"),
        {"reason": "She feels unwell today."},
    )


def end_hold(clinic: Clinic) -> None:
    """Whoever held the course lets it go on."""
    held = ChartFact.objects.standing().filter(course=clinic.course, kind="precautionary_holds")
    if fact := held.order_by("pk").first():
        _post(act.nurse(), _url(clinic, "withdraw_fact", fact.public_id), {"reason": "She is well again."})


def override(clinic: Clinic, *, rule: str = "DM-PLT") -> None:
    """A physician overrides a rule of the cycle."""
    form = {"rule": rule, "code": "long_standing_finding", "reason": REASON, **_seen(clinic)}
    _post(act.physician(), _url(clinic, "record_fact", "overrides"), form)


def confirm_override(clinic: Clinic, *, alone: bool = False) -> None:
    """Another physician confirms the override that waits; `alone`: the same one tries."""
    waiting = ChartFact.objects.waiting().filter(course=clinic.course, kind="overrides")
    if fact := waiting.order_by("-pk").first():
        by = act.physician() if alone else act.second_physician()
        _post(by, _url(clinic, "confirm_fact", fact.public_id), {})


def confirm_occurrence(clinic: Clinic, *, rule: str = "DM-PLT", counts: bool = True) -> None:
    """A physician says that what was seen only between two cycles counts, or that it does not."""
    decision = Course.objects.select_related("current_decision").get(pk=clinic.course.pk).current_decision
    for asked in decision.answer.get("to_confirm", []) if decision else []:
        if asked.get("rule", rule) == rule:
            form = {
                "rule": rule,
                "onset": asked["onset"],
                "track": asked.get("track") or "",
                "grade": asked.get("grade") or "",
                "counts": "yes" if counts else "no",
                "reason": REASON,
                **_seen(clinic),
            }
            _post(act.physician(), _url(clinic, "record_fact", "occurrence_reviews"), form)


def stop_for_good(clinic: Clinic) -> None:
    """A physician records what ends treatment for good: an allergic reaction of grade 4."""
    form = {
        "term": "Allergic reaction",
        "grade": "4",
        "from_day": add_days(clinic.today, -1).isoformat(),
        **_seen(clinic),
    }
    _post(act.physician(), _url(clinic, "record_fact", "adverse_event"), form)


def ask_rescission(clinic: Clinic) -> None:
    """A physician asks for the stop to be lifted."""
    _post(act.physician(), _url(clinic, "ask_rescission"), {"reason": "The stop rested on a mix-up."})


def confirm_rescission(clinic: Clinic, *, alone: bool = False) -> None:
    """Another physician confirms it; `alone`: the same one tries."""
    by = act.physician() if alone else act.second_physician()
    _post(by, _url(clinic, "confirm_rescission"), {})


def direct_assay(clinic: Clinic, *, gbq: str) -> None:
    """The authorised user directs a unit far from the directive in writing, on pharmacy's page."""
    if order := act.newest_order(clinic):
        form = {
            "activity": f"{gbq} GBq",
            "measured_at": _typed(clinic.now),
            "reason": REASON,
            "version": order.version,
        }
        _post(act.physician(), reverse("courses:pharmacy_act", args=[order.public_id, "direct"]), form)


def write_what_happened(
    clinic: Clinic, *, gbq: str = "7.4", how: str = "complete", on_the_day: bool = False, ago: int = 35
) -> None:
    """An infusion that took place whatever was allowed, written down without its sheet."""
    del on_the_day  # there is no door by which a sheet takes what its steps do not say
    form = {
        "started_at": _typed(clinic.now - timedelta(minutes=ago)),
        "ended_at": _typed(clinic.now - timedelta(minutes=1)),
        "ended_how": how,
        "product": PRODUCT,
        "delivered_gbq": f"{gbq} GBq",
    }
    _post(act.nurse(), _url(clinic, "back_entry", clinic.cycle.number), form)


# --- API --------------------------------------------------------------------------------------------


def _ask(person: User, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """One act of the API on what was just read: 428 without its version, the same answer to the same key.

    Raises Refused with the problem's code.
    """
    browser, target = _browser(person), path
    headers: dict[str, str] = {"Idempotency-Key": str(uuid4())}
    read = browser.get(_resource(path))
    if read.status_code == 200 and "ETag" in read.headers:
        without: Any = browser.post(target, dict(body), content_type="application/json", headers=headers)
        assert without.status_code in (400, 403, 428), f"{target} without If-Match: {without.status_code}"
        headers = {"Idempotency-Key": str(uuid4()), "If-Match": read.headers["ETag"]}
    answer: Any = browser.post(target, dict(body), content_type="application/json", headers=headers)
    said: dict[str, Any] = answer.json()
    if answer.status_code in SAYS_NO:
        assert answer.headers["Content-Type"] == "application/problem+json"
        raise Refused(f"{answer.status_code} {said['code']}: {said['detail']}")
    assert answer.status_code in (200, 201), f"{target} answered {answer.status_code}: {said}"
    again: Any = browser.post(target, dict(body), content_type="application/json", headers=headers)
    assert (again.status_code, again.content) == (answer.status_code, answer.content), f"{target} replayed"
    return said


def _resource(path: str) -> str:
    """The thing an act is done to: /api/v1/orders/ID/accept/ is done to /api/v1/orders/ID/."""
    parts = path.strip("/").split("/")
    return "/" + "/".join(parts[:4]) + "/"


def _on_order(person: User, order: Order, name: str, body: Mapping[str, Any]) -> None:
    _ask(person, f"/api/v1/orders/{order.public_id}/{name}/", body)


def _on_day(clinic: Clinic, person: User, name: str, body: Mapping[str, Any]) -> None:
    if today := act.newest_day(clinic):
        _ask(person, f"/api/v1/therapy-days/{today.public_id}/{name}/", body)


def accept(clinic: Clinic, *, kind: str = "radiopharmaceutical") -> None:
    """Pharmacy takes an order on."""
    if order := act.newest_order(clinic, kind):
        _on_order(act.pharmacist(), order, "accept", {})


def prepare(clinic: Clinic, *, kind: str = "radiopharmaceutical") -> None:
    """Pharmacy has prepared it."""
    if order := act.newest_order(clinic, kind):
        _on_order(act.pharmacist(), order, "prepare", {})


def cancel(clinic: Clinic) -> None:
    """Pharmacy calls the radioactive order off."""
    if order := act.newest_order(clinic):
        _on_order(act.pharmacist(), order, "cancel", {"reason": "The vial broke."})


def _vial(clinic: Clinic, order: Order, *, expired: bool) -> dict[str, str]:
    """A vial taken in for the order, as its label says."""
    directed = order.directive.activity_gbq if order.directive else "7.4"
    expires = clinic.now + (timedelta(minutes=1) if expired else timedelta(hours=48))
    label = {
        "course": str(clinic.course.public_id),
        "cycle": clinic.cycle.number,
        "product": PRODUCT,
        "product_code": CODE,
        "lot": f"L-{uuid4().hex[:8]}",
        "calibrated_activity": f"{directed} GBq",
        "calibrated_at": (clinic.now - timedelta(hours=12)).isoformat(),
        "volume_ml": "22.5",
        "received_at": (clinic.now - timedelta(minutes=2)).isoformat(),
        "expires_at": expires.isoformat(),
    }
    made = _ask(act.pharmacist(), "/api/v1/vials/", label)
    if expired:
        clinic.now = expires + timedelta(minutes=1)
    return {"vial": made["id"], "lot": made["lot"]}


def hand_out(
    clinic: Clinic,
    *,
    gbq: str = "",
    code: str = CODE,
    expired: bool = False,
    verified: str = "Q. Control",
    same_vial: bool = False,
) -> None:
    """Hand the radioactive order out as a whole vial, taken in for it, or from the vial before."""
    order = act.newest_order(clinic)
    if order is None:
        return
    unit = DispensedUnit.objects.filter(order__cycle=clinic.cycle).order_by("-pk").first()
    if same_vial and unit is not None:
        vial = {"vial": str(unit.vial.public_id), "lot": unit.vial.lot}
    else:
        vial = _vial(clinic, order, expired=expired)
    directed = order.directive.activity_gbq if order.directive else "7.4"
    sent = {
        **vial,
        "form": "vial",
        "product_code": code,
        "activity": f"{gbq or directed} GBq",
        "measured_at": clinic.now.isoformat(),
        "volume_ml": str(Vial.objects.get(public_id=vial["vial"]).volume_ml),
        "prepared_by": "P. Pharma",
        "verified_by": verified,
    }
    _on_order(act.pharmacist(), order, "dispense", sent | {"password": PASSWORD})


def hand_out_bag(clinic: Clinic) -> None:
    """Hand the amino acids out."""
    if order := act.newest_order(clinic, "amino_acids"):
        sent = {
            "lot": "AA-1",
            "lysine_g": "25",
            "arginine_g": "25",
            "volume_ml": "1000",
            "expires_at": (clinic.now + timedelta(hours=24)).isoformat(),
            "prepared_by": "P. Pharma",
            "verified_by": "Q. Control",
        }
        _on_order(act.pharmacist(), order, "dispense", sent | {"password": PASSWORD})


def answer_recall(clinic: Clinic, *, outcome: str = "secured") -> None:
    """Pharmacy says where the called-back unit is."""
    order = Order.objects.filter(cycle=clinic.cycle, recalls__isnull=False).order_by("-pk").first()
    if order is not None:
        _on_order(act.pharmacist(), order, "acknowledge-recall", {"outcome": outcome})


def open_day(clinic: Clinic) -> None:
    """A nurse opens the day."""
    body = {"course": str(clinic.course.public_id), "cycle": clinic.cycle.number}
    _ask(act.nurse(), "/api/v1/therapy-days/", body)


def record(
    clinic: Clinic,
    *,
    kind: str,
    by: Callable[[], User] | None = None,
    alone: bool = False,
    ago: int = 0,
    **data: str,
) -> None:
    """One step of the day as it happens; `alone`: the second person is the first one again."""
    usual = {"start_check": act.second_nurse, "residual": physicist, "assay": physicist}
    person = (by or usual.get(kind, act.nurse))()
    body: dict[str, Any] = {
        "kind": kind,
        "data": act.step_data(clinic, kind) | data,
        "happened_at": (clinic.now - timedelta(minutes=ago)).isoformat(),
    }
    if kind == "identity":
        second = person if alone else act.second_nurse()
        body["second"] = {"username": second.username, "password": PASSWORD}
    if kind == "start_check":
        body["password"] = PASSWORD
    _on_day(clinic, person, "steps", body)


def take_back(clinic: Clinic, *, kind: str) -> None:
    """The newest entry of a kind was a mistake."""
    rows = TherapyStep.objects.filter(therapy_day__cycle=clinic.cycle, kind=kind, corrected_by__isnull=True)
    step = rows.filter(taken_back=False).select_related("therapy_day").order_by("-pk").first()
    if step is not None:
        path = f"/api/v1/therapy-days/{step.therapy_day.public_id}/steps/{step.public_id}/correct/"
        second = {"username": act.second_nurse().username, "password": PASSWORD}
        body = {"reason": "Entered by mistake.", "take_back": True, "second": second, "password": PASSWORD}
        _ask(act.nurse(), path, body)


def authorise(clinic: Clinic, *, by: Callable[[], User] = act.physician) -> None:
    """A physician authorises the start."""
    _on_day(clinic, by(), "authorise", {"password": PASSWORD})


def write_infusion(clinic: Clinic) -> None:
    """A nurse writes down what the steps of the day say of the infusion."""
    _on_day(clinic, act.nurse(), "infusion", {})


def judge(clinic: Clinic, *, counts: bool, remainder: str = "") -> None:
    """A physician says what the newest part counts for."""
    body: dict[str, Any] = {"counts": counts, "reason": "Seen with the physicist.", "password": PASSWORD}
    if remainder:
        body["remainder"] = f"{remainder} GBq"
    _on_day(clinic, act.physician(), "judge", body)


def end_not_given(clinic: Clinic, *, reason: str = "unwell", rebook_in: int | None = None) -> None:
    """Nothing was given today; the cycle is planned anew, or not yet."""
    unit = standing_of(clinic.cycle, decision=None).unit
    body: dict[str, Any] = {"reason": reason, "vial": "wasted" if unit is not None else ""}
    if rebook_in is not None:
        body["rebook_on"] = add_days(clinic.today, rebook_in).isoformat()
    _on_day(clinic, act.nurse(), "not-given", body)


def rebook(clinic: Clinic, *, in_days: int) -> None:
    """The cycle of a day on which nothing was given is planned for another one."""
    _on_day(clinic, act.nurse(), "rebook", {"on": add_days(clinic.today, in_days).isoformat()})


def release(clinic: Clinic, *, left_against: str = "") -> None:
    """The patient goes home."""
    _on_day(clinic, act.nurse(), "release", {"left_against": left_against})


# ----------------------------------------------------------------------------- plans, ends and follow-up


def move_cycle(clinic: Clinic, *, in_days: int, cause: str = "capacity") -> None:
    """A nurse plans the cycle for another day: the page shows what that changes, and she confirms it."""
    url = _url(clinic, "move_cycle", clinic.cycle.number)
    to = add_days(clinic.today, in_days).isoformat()
    form = {"to": to, "cause": cause, "reason": "No room that day."}
    shown: Any = _browser(act.nurse()).post(url, form)
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', shown.content.decode())
    if shown.status_code in (400, 403) or found is None:
        raise Refused(f"The page answers {shown.status_code}.")
    _post(act.nurse(), url, {**form, "do": "confirm", "seen": found[1], "read": "on"})


def end_course(clinic: Clinic, *, cause: str = "other") -> None:
    """A physician ends the course."""
    form = {
        "cause": cause,
        "ended_on": clinic.today.isoformat(),
        "reason": "She goes on at another hospital.",
        "read": "on",
    }
    _post(act.physician(), _url(clinic, "end_course"), form)


def ask_undo_end(clinic: Clinic) -> None:
    """A physician asks for a wrong end to be undone."""
    _post(act.physician(), _url(clinic, "undo_end"), {"reason": "The letter was about somebody else."})


def confirm_undo_end(clinic: Clinic, *, alone: bool = False) -> None:
    """Another physician confirms it; `alone`: the same one tries."""
    by = act.physician() if alone else act.second_physician()
    _post(by, _url(clinic, "confirm_undo_end"), {})


def see_afterwards(clinic: Clinic, *, visit: str = "nadir", outcome: str = "done") -> None:
    """A nurse writes down what became of a visit after the last cycle."""
    note = "Seen by the family doctor."
    form = {"outcome": outcome, "on": clinic.today.isoformat(), "note": note}
    _post(act.nurse(), _url(clinic, "visit", visit), form)


def close_follow_up(clinic: Clinic, *, closed: bool = True) -> None:
    """A physician signs the follow-up closed, or opens it again."""
    form = {"reason": "Followed up elsewhere.", "do": "close" if closed else "open"}
    _post(act.physician(), _url(clinic, "close_follow_up"), form)


# What people have no door for is done as before: the laboratory's messages, the scales, time itself.
NO_DOOR = (
    "report", "correct", "withdraw", "draw_panel", "weigh", "wait", "change_beds", "merge_number",
    "part_numbers",
)  # fmt: skip
THROUGH: dict[str, Callable[..., Any]] = {
    through.__name__: through
    for through in (
        look, sign_page, hold, end_hold, override, confirm_override, confirm_occurrence, stop_for_good,
        ask_rescission, confirm_rescission, accept, prepare, cancel, direct_assay, hand_out, hand_out_bag,
        answer_recall, open_day, record, take_back, authorise, write_infusion, write_what_happened, judge,
        end_not_given, rebook, release, move_cycle, end_course, ask_undo_end, confirm_undo_end,
        see_afterwards, close_follow_up,
    )
}  # fmt: skip

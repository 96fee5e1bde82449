"""The treatment of a course as it is lived, act by act: whatever people do, every promise holds."""

import os
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from courses.models import Course, Order, TherapyDay, TherapyStep
from tests.fuzz import treatment_acts as act
from tests.fuzz.treatment_acts import Clinic
from tests.fuzz.treatment_promises import derived
from tests.fuzz.treatment_walks import STAGES, do, quietly

LONG = os.environ.get("PRRT_LONG") == "1"
PLATELETS = ("228", "160", "74", "60", "20")
OTHERS = (("CREAT", "78"), ("CREAT", "190"), ("HGB", "134"), ("HGB", "75"), ("BILI", "70"), ("ANC", "0.9"))
BEFORE_START = ("identity", "pregnancy", "analogue", "allergy", "antiemetic", "amino_start")
CHECKS = ("unit_scanned", "start_check")
AFTER_START = ("infusion_start", "line_check", "infusion_end", "residual", "observation", "release_survey")
KINDS = (*BEFORE_START, "amino_paused", "amino_resumed", "amino_end", *CHECKS, *AFTER_START)
PHARMACY = {"active": act.accept, "accepted": act.prepare}
ENDINGS = ("complete", "leak", "extravasation", "unwell")
MINUTES = (1, 10, 29, 30, 31, 60, 130)


class TreatmentMachine(RuleBasedStateMachine):
    """One course from its signed second cycle on; `base` and `show` are handed in by the test."""

    base: Clinic
    show: Any

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.clinic = deepcopy(self.base)
        type(self).show(self.clinic)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    def do(self, name: Any, **given: Any) -> None:
        """One act, refused or not, and everything that must hold after it."""
        do(self.clinic, name, **given)

    @initialize(stage=st.sampled_from(list(STAGES)))
    def begin(self, stage: str) -> None:
        for name, acts in STAGES.items():
            quietly(self.clinic, acts)
            if name == stage:
                return

    @rule()
    def go_on(self) -> None:
        """What the day asks for next; most walks would never come far without it."""
        for each in next_acts(self.clinic):
            self.do(each.func, **each.keywords)

    # ------------------------------------------------------------------------------------- evidence and time

    @rule(value=st.sampled_from(PLATELETS), status=st.sampled_from("FFFP"), unread=st.booleans())
    def report_platelets(self, value: str, status: str, unread: bool) -> None:
        self.do(act.report, value=value, status=status, unread=unread)

    @rule(value=st.sampled_from(PLATELETS))
    def report_under_the_second_number(self, value: str) -> None:
        self.do(act.report, value=value, second_number=True)

    @rule()
    def turn_to_the_other_patient(self) -> None:
        self.do(act.change_beds)

    @rule(parts=st.booleans())
    def merge_or_part(self, parts: bool) -> None:
        self.do(act.part_numbers if parts else act.merge_number)

    @rule()
    def merge_and_part(self) -> None:
        """HZ-65: a merge that is taken back leaves nothing of itself in what is worked out."""
        if act.merge_of(self.clinic) is not None:
            return
        before, today = derived(self.clinic), self.clinic.today
        self.do(act.merge_number)
        self.do(act.part_numbers)
        if self.clinic.today == today:
            assert derived(self.clinic) == before, "HZ-65 a merge taken back is still felt"

    @rule(other=st.sampled_from(OTHERS))
    def report_another(self, other: tuple[str, str]) -> None:
        self.do(act.report, analyte=other[0], value=other[1])

    @rule(place=st.integers(0, 9), value=st.sampled_from(PLATELETS))
    def correct_or_withdraw(self, place: int, value: str) -> None:
        sent = self.clinic.specimens
        if sent and sent[place % len(sent)].value is None:
            return
        if sent and sent[place % len(sent)].analyte == "PLT" and place % 2:
            self.do(act.correct, place=place, value=value)
        else:
            self.do(act.withdraw, place=place)

    @rule(kg=st.sampled_from(("72", "60")))
    def weigh(self, kg: str) -> None:
        self.do(act.weigh, kg=kg)

    @rule(minutes=st.sampled_from(MINUTES))
    def wait(self, minutes: int) -> None:
        self.do(act.wait, minutes=minutes)

    @rule(days=st.sampled_from((1, 3, 15)), drawn=st.booleans())
    def let_days_pass(self, days: int, drawn: bool) -> None:
        self.do(act.wait, days=days)
        if drawn:
            self.do(act.draw_panel)

    # ------------------------------------------------------------------------------------------- physicians

    @rule(again=st.booleans(), old=st.sampled_from((False, False, False, True)))
    def look_and_sign(self, again: bool, old: bool) -> None:
        if again:
            self.do(act.look)
        self.do(act.sign_page, old_password=old)

    @rule(name=st.sampled_from((act.hold, act.end_hold)))
    def hold_or_let_go(self, name: Any) -> None:
        self.do(name)

    @rule(name=st.sampled_from(("DM-PLT", "DM-HEM", "DM-REN")), alone=st.booleans())
    def override(self, name: str, alone: bool) -> None:
        self.do(act.override, rule=name)
        self.do(act.confirm_override, alone=alone)

    @rule(counts=st.booleans())
    def review_the_occurrence(self, counts: bool) -> None:
        self.do(act.confirm_occurrence, counts=counts)

    @rule(alone=st.booleans(), lift=st.booleans())
    def stop_or_lift(self, alone: bool, lift: bool) -> None:
        if not lift:
            self.do(act.stop_for_good)
            self.do(act.look)
            self.do(act.sign_page)
        else:
            self.do(act.ask_rescission)
            self.do(act.confirm_rescission, alone=alone)

    # --------------------------------------------------------------------------------------------- pharmacy

    @rule(kind=st.sampled_from(("radiopharmaceutical", "amino_acids")), step=st.booleans())
    def handle(self, kind: str, step: bool) -> None:
        self.do(act.accept if step else act.prepare, kind=kind)

    @rule(
        gbq=st.sampled_from(("", "", "7.9", "8.88", "8.89", "3.7")),
        odd=st.sampled_from(({}, {}, {"code": "00000-000-00"}, {"verified": "p. pharma"}, {"expired": True})),
        same_vial=st.booleans(),
    )
    def hand_out(self, gbq: str, odd: dict[str, Any], same_vial: bool) -> None:
        self.do(act.hand_out, gbq=gbq, same_vial=same_vial, **odd)

    @rule(outcome=st.sampled_from(("secured", "returned", "already_given")))
    def answer_the_recall(self, outcome: str) -> None:
        self.do(act.answer_recall, outcome=outcome)

    @rule(gbq=st.sampled_from(("8.89", "5")))
    def direct_the_assay(self, gbq: str) -> None:
        self.do(act.direct_assay, gbq=gbq)

    @rule()
    def cancel(self) -> None:
        self.do(act.cancel)

    # --------------------------------------------------------------------------------------- day of therapy

    @rule(kind=st.sampled_from(KINDS), ago=st.sampled_from((0, 0, 5, 29, 40)), alone=st.booleans())
    def record(self, kind: str, ago: int, alone: bool) -> None:
        self.do(act.record, kind=kind, ago=ago, alone=alone)

    @rule(kind=st.sampled_from(KINDS))
    def take_back(self, kind: str) -> None:
        self.do(act.take_back, kind=kind)

    @rule(checks=st.booleans())
    def authorise(self, checks: bool) -> None:
        if checks:
            self.do(act.record, kind="start_check", by=act.physician)
        self.do(act.authorise)

    @rule(how=st.sampled_from(ENDINGS), residual=st.sampled_from(("0.1 GBq", "4 GBq")))
    def end_the_infusion(self, how: str, residual: str) -> None:
        self.do(act.record, kind="infusion_end", how=how)
        self.do(act.record, kind="residual", activity=residual)
        self.do(act.write_infusion)

    @rule(
        gbq=st.sampled_from(("7.4", "5.92", "3.7", "2", "0")),
        how=st.sampled_from(ENDINGS),
        on_the_day=st.booleans(),
        ago=st.sampled_from((5, 35, 90)),
    )
    def write_what_happened(self, gbq: str, how: str, on_the_day: bool, ago: int) -> None:
        self.do(act.write_what_happened, gbq=gbq, how=how, on_the_day=on_the_day, ago=ago)

    @rule(gbq=st.sampled_from(("7.4", "5", "1")))
    def correct_the_infusion(self, gbq: str) -> None:
        self.do(act.correct_infusion, gbq=gbq)

    @rule(counts=st.booleans(), remainder=st.sampled_from(("", "", "2", "9")))
    def judge(self, counts: bool, remainder: str) -> None:
        self.do(act.judge, counts=counts, remainder=remainder)

    @rule(rebook_in=st.sampled_from((None, 0, 2)))
    def end_not_given(self, rebook_in: int | None) -> None:
        self.do(act.end_not_given, rebook_in=rebook_in)

    @rule(in_days=st.sampled_from((0, 1, 3)))
    def rebook(self, in_days: int) -> None:
        self.do(act.rebook, in_days=in_days)

    @rule(left=st.sampled_from(("", "", "She left against advice.")))
    def release(self, left: str) -> None:
        self.do(act.release, left_against=left)

    # -------------------------------------------------------------------------- plans, ends and follow-up

    @rule(in_days=st.sampled_from((-1, 0, 1, 2, 9)), cause=st.sampled_from(("capacity", "toxicity")))
    def move_the_cycle(self, in_days: int, cause: str) -> None:
        self.do(act.move_cycle, in_days=in_days, cause=cause)

    @rule(cause=st.sampled_from(("other", "completed", "death")), undo=st.booleans(), alone=st.booleans())
    def end_and_undo(self, cause: str, undo: bool, alone: bool) -> None:
        self.do(act.end_course, cause=cause)
        if undo:
            self.do(act.ask_undo_end)
            self.do(act.confirm_undo_end, alone=alone)

    @rule(
        visit=st.sampled_from(("nadir", "month-1", "month-3")),
        outcome=st.sampled_from(("done", "missed", "taken_back")),
        closed=st.sampled_from((None, True, False)),
    )
    def follow_up(self, visit: str, outcome: str, closed: bool | None) -> None:
        self.do(act.see_afterwards, visit=visit, outcome=outcome)
        if closed is not None:
            self.do(act.close_follow_up, closed=closed)

    # ---------------------------------------------------------------------------------------------- reading

    @rule()
    def read_the_pages(self) -> None:
        """I-23: reading changes nothing."""
        course = Course.objects.select_related("current_decision", "patient").get(pk=self.clinic.course.pk)
        for person, addresses in ((act.physician(), _pages(course)), (act.pharmacist(), _lists(course))):
            person.is_staff = True
            person.save(update_fields=["is_staff"])
            client = Client()
            client.force_login(person)
            before = _everything()
            for address in addresses:
                answered = client.get(address).status_code
                assert answered in (200, 302), f"{address} answered {answered}"
            assert _everything() == before, f"I-23 reading changed the record: {addresses}"


def _pages(course: Course) -> list[str]:
    """What a physician reads of one course."""
    found = [
        reverse("courses:day", args=[course.public_id]),
        reverse("courses:ledger", args=[course.patient.public_id]),
        reverse("courses:incidents"),
        reverse("courses:plan", args=[course.public_id]),
        reverse("courses:ending", args=[course.public_id]),
        reverse("courses:follow_ups"),
        reverse("courses:calendar"),
        reverse("courses:work"),
        "/admin/",
        f"/admin/courses/course/{course.pk}/change/",
        f"/api/v1/courses/{course.public_id}/ledger/",
    ]
    if course.current_decision is not None:
        found.append(reverse("courses:decision", args=[course.current_decision.public_id]))
        found.append(f"/api/v1/courses/{course.public_id}/decision/")
    if TherapyDay.objects.filter(cycle__course=course).exists():
        found.append(reverse("courses:day_print", args=[course.public_id]))
    return found


def _lists(course: Course) -> list[str]:
    """What pharmacy reads."""
    orders = Order.objects.filter(cycle__course=course, kind="radiopharmaceutical").order_by("-pk")[:1]
    pages = [reverse("courses:pharmacy_order", args=[order.public_id]) for order in orders]
    return [reverse("courses:pharmacy"), "/api/v1/orders/", *pages]


def _everything() -> dict[str, list[Any]]:
    """Every row of the record."""
    ours = (m for m in apps.get_models() if m._meta.app_label in ("labs", "courses", "alerts"))
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values_list())
        for model in ours
        if model._meta.managed and not model._meta.proxy
    }


def next_acts(clinic: Clinic) -> list[partial[Any]]:
    """What somebody does next when all goes well."""
    order, bag = act.newest_order(clinic), act.newest_order(clinic, "amino_acids")
    if order is None or order.state in ("proposed", "suspended", "void", "cancelled"):
        return [partial(act.look), partial(act.sign_page)]
    for kind, each in (("radiopharmaceutical", order), ("amino_acids", bag)):
        if each is not None and each.state in PHARMACY:
            return [partial(PHARMACY[each.state], kind=kind)]
    if order.state == "prepared":
        return [partial(act.hand_out)]
    if bag is not None and bag.state == "prepared":
        return [partial(act.hand_out_bag)]
    return _next_on_the_day(clinic)


def _next_on_the_day(clinic: Clinic) -> list[partial[Any]]:
    day = act.newest_day(clinic)
    if day is None or day.ended_at is not None:
        return [partial(act.open_day)]
    rows = TherapyStep.objects.filter(therapy_day=day, corrected_by__isnull=True, taken_back=False)
    written = set(rows.values_list("kind", flat=True))
    for kind in (*BEFORE_START, *CHECKS):
        if kind not in written:
            lead = [partial(act.wait, minutes=31)] if kind in ("amino_start", "unit_scanned") else []
            return [*lead, partial(act.record, kind=kind)]
    if "infusion_start" not in written:
        return [partial(act.authorise), partial(act.record, kind="infusion_start")]
    if "infusion_end" not in written:
        return [partial(act.wait, minutes=33), partial(act.record, kind="infusion_end")]
    if "residual" not in written:
        return [partial(act.record, kind="residual"), partial(act.write_infusion)]
    return [partial(act.wait, minutes=130), partial(act.record, kind="observation"), partial(act.release)]


@pytest.mark.django_db
def test_whatever_people_do_every_promise_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [act.open_clinic()]
    act.let_stand(monkeypatch, lambda: shown[0])

    def show(clinic: Clinic) -> None:
        shown[0] = clinic

    tried = type("Tried", (TreatmentMachine,), {"base": shown[0], "show": staticmethod(show)})
    run_state_machine_as_test(
        tried,
        settings=settings(
            max_examples=150 if LONG else 6,
            stateful_step_count=50 if LONG else 24,
            deadline=None,
            database=None,
            derandomize=not LONG,
            phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )

"""All pairs of acts on one course at once on PostgreSQL: they come to what one after the other would."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.urls import get_resolver

from alerts.services.watch_treatment import watch_deviations, watch_incidents, watch_recalls
from courses.models import (
    Administration,
    ChartFact,
    Course,
    Cycle,
    CycleMove,
    Decision,
    Directive,
    DispensedUnit,
    Incident,
    Infusion,
    InfusionEnd,
    Order,
    Recall,
    Signature,
    StartAuthorisation,
    TherapyDay,
    Vial,
    VialEvent,
)
from courses.services.assess import assess_course
from courses.services.authority import BadFact, NotAllowed, Refused
from courses.services.day_end import end_not_given
from courses.services.ending import ask_undo, confirm_undo, end_course
from courses.services.facts import record_fact, withdraw_fact
from courses.services.follow_up import record_visit
from courses.services.handling import OrderRefused, StaleOrder
from courses.services.infusions import Infused, record_infusion
from courses.services.judgements import judge_cycle
from courses.services.leave_out import leave_out
from courses.services.move import move_course
from courses.services.pharmacy import accept_order, cancel_order, dispense_order, prepare_order
from courses.services.recalls import acknowledge_recall
from courses.services.reschedule import StalePlan, preview_move, reschedule
from courses.services.sign import StaleDecision, sign_decision
from courses.services.start import StartRefused, authorise_start
from courses.services.therapy_day import BadStep, open_day, record_step
from courses.services.vials import receive_vial
from labs.clinic_days import add_days
from labs.models import Observation
from prrt_clinic.invariants import INVARIANTS
from tests.builders import (
    approve,
    clinic_time,
    colleague,
    draw,
    give_cycle,
    make_course,
    make_patient,
    panel_message,
    receive,
)
from tests.builders_pharmacy import label, unit
from tests.builders_therapy_day import (
    DAY,
    at,
    dispense,
    nurse,
    opened,
    pharmacist,
    physician,
    second_nurse,
    sign_now,
    until_start,
)

pytestmark = pytest.mark.postgres

NOON = at(12)
FRESH = NOON - timedelta(seconds=5)
# A deadlock PostgreSQL tells within two seconds, whatever the load; nobody holds a lock for as long as this.
DEADLOCK_AFTER, LONGEST_WAIT = "1s", "20s"
# So far ahead the first of a pair begins: near enough that both are under way, far enough to be first mostly.
AHEAD_SECONDS = 0.002
REFUSALS = (
    BadFact,
    BadStep,
    NotAllowed,
    OrderRefused,
    Refused,
    StaleDecision,
    StaleOrder,
    StalePlan,
    StartRefused,
)
# Both orders of a pair in one scene are one race: the short profile runs it once, either one in front, and
# only where both acts can be done alone; the long profile runs every ordered pair.
LONG = os.environ.get("PRRT_LONG") == "1"
_numbers = count(1)


# --- Where a course stands when two people act on it ------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A course as both people see it on their screens when they begin."""

    course: Course
    cycle: Cycle
    shown: Decision
    hold: ChartFact | None = None
    day: TherapyDay | None = None
    unit: DispensedUnit | None = None
    vial: Vial | None = None
    people: dict[str, Any] = field(default_factory=dict)

    def order(self, kind: str = "radiopharmaceutical") -> Order:
        """The cycle's newest order of a kind, as read just now."""
        return Order.objects.filter(cycle=self.cycle, kind=kind).latest("pk")


def _scene(course: Course, **more: Any) -> Scene:
    course.refresh_from_db()
    assert course.current_decision is not None
    people = {"nurse": nurse(), "doctor": physician(), "pharmacist": pharmacist(), "second": second_nurse()}
    people["other doctor"] = colleague("day-physician-2", "physician", "authorised-user")
    cycle = course.cycles.get(number=1)
    return Scene(course=course, cycle=cycle, shown=course.current_decision, people=people, **more)


def _course(number: int) -> Course:
    made = make_course(
        make_patient(mrn=f"P-{number}", family=f"Birke-{number}"), first_on=DAY, by=physician()
    )
    draw(made.patient, add_days(DAY, -3))
    return made


def unsigned(number: int) -> Scene:
    """A go that nobody has signed; its orders are proposed."""
    course = _course(number)
    assess_course(course_id=course.pk, now=at(8))
    return _scene(course)


def prepared(number: int) -> Scene:
    """A signed go; pharmacy has prepared the unit, taken on the antiemetic, and not yet the amino acids."""
    course = _course(number)
    sign_now(course, now=clinic_time(add_days(DAY, -2)))
    by, cycle = pharmacist(), course.cycles.get(number=1)
    stated = label(
        calibrated_at=at(8, on=add_days(DAY, -1)), expires_at=at(20, on=add_days(DAY, 1)), received_at=at(7)
    )
    vial = receive_vial(cycle=cycle, label=stated, by=by, now=at(7, 30))
    orders = {order.kind: order for order in Order.objects.filter(cycle=cycle)}
    accept_order(order=orders["radiopharmaceutical"], by=by, now=at(8))
    prepare_order(order=orders["radiopharmaceutical"], by=by, now=at(8, 1))
    accept_order(order=orders["antiemetic"], by=by, now=at(8, 2))
    return _scene(course, vial=vial)


def before_start(number: int) -> Scene:
    """The day is open, and everything before the start is done; the unit is at the bedside."""
    course = _course(number)
    sign_now(course, now=clinic_time(add_days(DAY, -2)))
    cycle = course.cycles.get(number=1)
    made = dispense(cycle, label=f"U-{number}", bag=f"BAG-{number}")
    day = opened(cycle)
    until_start(day, label=made.label, bag=f"BAG-{number}")
    return _scene(course, day=day, unit=made)


def held(number: int) -> Scene:
    """The same with a nurse's hold: what is out was called back, and pharmacy has not answered."""
    scene = before_start(number)
    hold = _hold(scene, now=at(11, 58))
    return _scene(scene.course, day=scene.day, unit=scene.unit, hold=hold)


def stopping(number: int) -> Scene:
    """The same with a reaction that stops the course: nobody has signed it, what is out was called back."""
    scene = before_start(number)
    record_fact(
        kind="adverse_event",
        data={"term": "Anaphylaxis", "grade": 4, "from": DAY.isoformat()},
        by=nurse(),
        patient=scene.course.patient,
        now=at(11, 58),
    )
    assess_course(course_id=scene.course.pk, now=at(11, 58))
    return _scene(scene.course, day=scene.day, unit=scene.unit)


def parted(number: int) -> Scene:
    """A leak ended the infusion early: a part was given, which waits for a physician's judgement."""
    scene = before_start(number)
    assert scene.day is not None
    start = authorise_start(
        day=scene.day, by=scene.people["doctor"], authenticated_at=at(11, 57), now=at(11, 57)
    )
    record_infusion(
        cycle=scene.cycle,
        day=scene.day,
        infused=Infused(
            started_at=start.authorised_at,
            ended_at=at(11, 59),
            ended_how=InfusionEnd.LEAK,
            unit=scene.unit,
            delivered_gbq=Decimal("2.9"),
        ),
        by=scene.people["nurse"],
        now=at(11, 59),
    )
    return _scene(scene.course, day=scene.day, unit=scene.unit)


def treated(number: int) -> Scene:
    """Cycle 1 was given weeks ago: the draw for the lowest counts is due, and the course goes on."""
    course = make_course(
        make_patient(mrn=f"P-{number}", family=f"Birke-{number}"),
        first_on=add_days(DAY, -35),
        by=physician(),
    )
    give_cycle(course.cycles.get(number=1), by=physician())
    assess_course(course_id=course.pk, now=at(8))
    return _scene(course)


def wrongly_ended(number: int) -> Scene:
    """The same, ended by a physician; another one was asked to undo it."""
    scene = treated(number)
    _end(scene, now=at(9))
    said = "the letter was about somebody else"
    ask_undo(course=scene.course, reason=said, by=scene.people["doctor"], authenticated_at=at(9), now=at(9))
    return _scene(scene.course)


# --- What they do -----------------------------------------------------------------------------


def correct_result(scene: Scene) -> object:
    """The laboratory corrects the platelets of the panel to 60, and the course is assessed: two commits."""
    receive_correction(scene)
    return assess(scene)


def receive_correction(scene: Scene) -> None:
    """The corrected result arrives and is read."""
    patient, drawn = scene.course.patient, clinic_time(add_days(DAY, -3), 8)
    first = Observation.objects.filter(patient=patient, analyte="PLT").select_related("result").earliest("pk")
    body = panel_message(patient, drawn_at=drawn, status="C", only=("PLT",), PLT="60").decode()
    number = body.split("OBR|1||")[1].split("|")[0]
    sent, later = (f"{drawn + timedelta(hours=hours):%Y%m%d%H%M%S%z}" for hours in (2, 6))
    receive(body.replace(f"|{number}|", f"|{first.result.filler_order}|").replace(sent, later).encode())


def assess(scene: Scene) -> object:
    """The course is assessed, as a runner does."""
    return assess_course(course_id=scene.course.pk)


def sign_shown(scene: Scene) -> object:
    """A physician signs what stands on the page."""
    return sign_decision(
        decision_public_id=scene.shown.public_id,
        evidence_sha256=scene.shown.evidence_sha256,
        meaning=scene.shown.action,
        signer=scene.people["doctor"],
        authenticated_at=FRESH,
    )


def _hold(scene: Scene, *, now: datetime | None = None) -> ChartFact:
    return record_fact(
        kind="precautionary_holds",
        data={},
        by=scene.people["nurse"],
        course=scene.course,
        reason="new confusion since the morning",
        now=now,
    )


def hold(scene: Scene) -> object:
    """A nurse holds the course."""
    return _hold(scene)


def take_hold_back(scene: Scene) -> object:
    """The nurse takes that hold back."""
    if scene.hold is None:
        raise BadFact("fact: there is no hold on this page")
    return withdraw_fact(fact=scene.hold, by=scene.people["nurse"], reason="seen by the neurologist")


def accept(scene: Scene) -> object:
    """Pharmacy takes the amino acids on."""
    return accept_order(order=scene.order("amino_acids"), by=scene.people["pharmacist"])


def prepare(scene: Scene) -> object:
    """Pharmacy has prepared the antiemetic."""
    return prepare_order(order=scene.order("antiemetic"), by=scene.people["pharmacist"])


def hand_out(scene: Scene) -> object:
    """Pharmacy hands the measured unit out."""
    made = unit(scene.vial, measured_at=at(11, 50)) if scene.vial else None
    return dispense_order(order=scene.order(), by=scene.people["pharmacist"], made=made)


def cancel(scene: Scene) -> object:
    """Pharmacy cancels the order for the unit: the one that its page showed, whatever was placed since."""
    shown = Order.objects.filter(cycle=scene.cycle, kind="radiopharmaceutical").earliest("pk")
    return cancel_order(order=shown, by=scene.people["pharmacist"], reason="the vial leaks")


def answer_recall(scene: Scene) -> object:
    """Pharmacy has the called-back unit in its safe."""
    return acknowledge_recall(order=scene.order(), outcome="secured", by=scene.people["pharmacist"])


def enter_day(scene: Scene) -> object:
    """A nurse opens the day; where it is open, she writes down its next step."""
    if scene.day is None:
        return open_day(cycle=scene.cycle, by=scene.people["nurse"])
    return record_step(
        day=scene.day,
        kind="amino_paused",
        data={"why": "the line is changed"},
        by=scene.people["nurse"],
        happened_at=NOON,
    )


def authorise(scene: Scene) -> object:
    """A physician authorises the start."""
    if scene.day is None:
        raise StartRefused(())
    return authorise_start(day=scene.day, by=scene.people["doctor"], authenticated_at=FRESH)


def infuse(scene: Scene) -> object:
    """A nurse records an infusion that took place this morning, authorised or not."""
    infused = Infused(
        started_at=at(11, 20),
        ended_at=at(11, 55),
        ended_how=InfusionEnd.COMPLETE,
        unit=scene.unit,
        delivered_gbq=Decimal("7.3"),
    )
    return record_infusion(cycle=scene.cycle, day=scene.day, infused=infused, by=scene.people["nurse"])


def judge(scene: Scene) -> object:
    """A physician judges the part that was given: the cycle is completed by a remainder."""
    part = Infusion.objects.effective().filter(cycle=scene.cycle).order_by("-pk").first()
    if part is None:
        raise Refused("There is no part on this page.")
    return judge_cycle(
        infusion=part,
        counts=True,
        remainder_gbq=Decimal("4.4"),
        reason="most of it leaked",
        signer=scene.people["doctor"],
        authenticated_at=FRESH,
    )


def omit(scene: Scene) -> object:
    """A physician leaves the antiemetic out."""
    return leave_out(
        order=scene.order("antiemetic"),
        by=scene.people["doctor"],
        reason="long QT interval",
        authenticated_at=FRESH,
    )


def report_reaction(scene: Scene) -> object:
    """A nurse records a reaction that ends the course, and the course is assessed: two commits."""
    record_reaction(scene)
    return assess(scene)


def record_reaction(scene: Scene) -> object:
    """The reaction is recorded."""
    return record_fact(
        kind="adverse_event",
        data={"term": "Anaphylaxis", "grade": 4, "from": DAY.isoformat()},
        by=scene.people["nurse"],
        patient=scene.course.patient,
    )


def move(scene: Scene) -> object:
    """Nothing is given today, and the cycle is planned anew; before the day, the course changes its label."""
    if scene.day is None:
        return move_course(
            course=Course.objects.get(pk=scene.course.pk),
            to_protocol_id="lutathera_ema_2024",
            by=scene.people["doctor"],
            authenticated_at=FRESH,
            reason="the clinic follows this label",
        )
    return end_not_given(
        day=scene.day,
        reason="unwell",
        note="vomited",
        vial="wasted",
        rebook_on=add_days(DAY, 2),
        by=scene.people["nurse"],
    )


def postpone(scene: Scene) -> object:
    """A nurse moves the cycle: what that changes is shown to her, then she confirms: two steps."""
    show_move(scene)
    return confirm_move(scene)


def _to_be_moved(scene: Scene) -> dict[str, Any]:
    return {
        "cycle": Cycle.objects.filter(course=scene.course, administration__isnull=True).earliest("number"),
        "to": add_days(DAY, 2) if scene.cycle.planned_on == DAY else add_days(DAY, 30),
        "cause": "capacity",
        "reason": "no room that day",
        "by": scene.people["nurse"],
    }


def show_move(scene: Scene) -> None:
    """What the move changes is shown; nothing is written."""
    scene.people.pop("seen", None)
    scene.people["seen"] = preview_move(**_to_be_moved(scene)).digest


def confirm_move(scene: Scene) -> object:
    """She confirms what she saw."""
    return reschedule(seen=scene.people.get("seen", ""), **_to_be_moved(scene))


def _end(scene: Scene, *, now: datetime | None = None) -> object:
    return end_course(
        course=scene.course,
        cause="other",
        reason="she goes on at another hospital",
        ended_on=DAY,
        by=scene.people["doctor"],
        authenticated_at=now or FRESH,
        now=now,
    )


def finish(scene: Scene) -> object:
    """A physician ends the course."""
    return _end(scene)


def undo_end(scene: Scene) -> object:
    """The second physician undoes a wrong end."""
    return confirm_undo(course=scene.course, by=scene.people["other doctor"], authenticated_at=FRESH)


def see_after(scene: Scene) -> object:
    """A nurse writes down the draw for the lowest counts, made elsewhere."""
    return record_visit(
        course=scene.course,
        visit="nadir",
        outcome="elsewhere",
        on=DAY,
        note="drawn by the family doctor",
        by=scene.people["nurse"],
    )


Act = Callable[[Scene], object]
Build = Callable[[int], Scene]
# Each act with the scenes in which it is done when nobody interferes; the first is where it is most at home.
AT_HOME: dict[Act, tuple[Build, ...]] = {
    correct_result: (before_start, prepared, unsigned, held, stopping, parted),
    sign_shown: (unsigned, stopping),
    hold: (before_start, prepared, unsigned, held, stopping, parted),
    take_hold_back: (held,),
    accept: (prepared,),
    prepare: (prepared,),
    hand_out: (prepared,),
    cancel: (before_start, prepared, unsigned),
    answer_recall: (held, stopping),
    enter_day: (before_start, prepared, held, stopping),
    authorise: (before_start,),
    infuse: (before_start, prepared, unsigned, held, stopping, parted),
    move: (before_start, prepared, unsigned, held, stopping),
    judge: (parted,),
    omit: (prepared,),
    report_reaction: (before_start, prepared, unsigned, held, parted),
    postpone: (prepared, unsigned, treated),
    finish: (treated, prepared, unsigned),
    undo_end: (wrongly_ended,),
    see_after: (treated, wrongly_ended),
}
# What is done in several commits: between them the other act may come as a whole.
COMMITS: dict[Act, tuple[Act, ...]] = {
    correct_result: (receive_correction, assess),
    report_reaction: (record_reaction, assess),
    postpone: (show_move, confirm_move),
}
SCENES: tuple[Build, ...] = (
    unsigned,
    prepared,
    before_start,
    held,
    stopping,
    parted,
    treated,
    wrongly_ended,
)


def scene_of(first: Act, second: Act) -> Build:
    """Where both can be done alone; where there is no such scene, where the first can."""
    for build in AT_HOME[first]:
        if build in AT_HOME[second]:
            return build
    return AT_HOME[first][0]


def pairs_of(build: Build) -> list[tuple[Act, Act]]:
    """The ordered pairs that belong to this scene."""
    return [(one, two) for one in AT_HOME for two in AT_HOME if scene_of(one, two) is build]


def races_of(build: Build) -> list[tuple[Act, Act]]:
    """The pairs that are run: all of them in the long profile."""
    pairs = pairs_of(build)
    if LONG:
        return pairs
    pairs = [pair for pair in pairs if is_common(build, pair)]
    once = {frozenset(pair): pair if place % 2 else pair[::-1] for place, pair in enumerate(pairs)}
    return list(once.values())


def is_common(build: Build, pair: tuple[Act, Act]) -> bool:
    """Both acts can be done there: beside one that is refused anyway, the other one meets little."""
    return all(build in AT_HOME[act] for act in pair)


# --- What comes of it -------------------------------------------------------------------------


def outcome(scene: Scene) -> dict[str, Any]:
    """Everything that a pair of acts may have changed, without keys and without the order of equals."""
    of_course, of_cycle = {"cycle__course": scene.course}, {"cycle": scene.cycle}
    course = Course.objects.select_related("current_decision").get(pk=scene.course.pk)
    decision = course.current_decision
    return {
        "course": (course.status, course.protocol_id),
        "planned": list(course.cycles.order_by("number").values_list("planned_on", flat=True)),
        "verdict": (decision.action, decision.verdict) if decision else None,
        "signatures": sorted(
            Signature.objects.filter(decision__course=course).values_list("meaning", flat=True)
        ),
        "orders": sorted(Order.objects.filter(**of_course).values_list("kind", "state")),
        "directives": sorted(
            (each.revision, each.activity_gbq, hasattr(each, "voided"))
            for each in Directive.objects.filter(**of_course).select_related("voided")
        ),
        "units": DispensedUnit.objects.filter(order__cycle=scene.cycle).count(),
        "recalls": sorted(
            (each.reason_code, each.answer.outcome if hasattr(each, "answer") else "")
            for each in Recall.objects.filter(order__cycle=scene.cycle).select_related("answer")
        ),
        "facts": sorted(
            (each.kind, each.withdraws_id is not None)
            for each in ChartFact.objects.filter(patient=course.patient_id)
        ),
        "day": sorted(
            (each.outcome, *sorted(each.steps.values_list("kind", flat=True)))
            for each in TherapyDay.objects.filter(**of_cycle)
        ),
        "starts": StartAuthorisation.objects.filter(therapy_day__cycle=scene.cycle).count(),
        "infusions": sorted(
            Infusion.objects.filter(**of_cycle).values_list("ended_how", "delivered_gbq", "deviation")
        ),
        "administrations": sorted(
            Administration.objects.filter(**of_cycle).values_list("administered_gbq", "deviation")
        ),
        "incidents": sorted(Incident.objects.filter(**of_cycle).values_list("kind", flat=True)),
        "moves": sorted(CycleMove.objects.filter(**of_course).values_list("from_on", "to_on", "cause")),
        "ends": sorted(
            (each.cause, hasattr(getattr(each, "undo", None), "confirmation")) for each in course.ends.all()
        ),
        "visits": sorted(course.follow_up_records.values_list("visit", "outcome")),
        "fates": sorted(VialEvent.objects.filter(vial__cycle=scene.cycle).values_list("fate", flat=True)),
    }


def done(act: Act, scene: Scene) -> str:
    """Do it; how it went in one word. Anything but a refusal of ours goes through."""
    try:
        act(scene)
    except REFUSALS as refused:
        return type(refused).__name__
    return "done"


class _TakeBack(Exception):
    """Undo what was tried."""


def in_turn(one: tuple[Act, ...], two: tuple[Act, ...]) -> Iterator[tuple[Act, ...]]:
    """Every order of the commits of two acts that keeps the order of each."""
    if not one or not two:
        yield (*one, *two)
        return
    yield from ((one[0], *rest) for rest in in_turn(one[1:], two))
    yield from ((two[0], *rest) for rest in in_turn(one, two[1:]))


def one_after_the_other(one: Act, two: Act, scene: Scene) -> list[dict[str, Any]]:
    """What may come of two acts that do not meet, commit by commit; nothing of it stays."""
    commits = (COMMITS.get(one, (one,)), COMMITS.get(two, (two,)))
    return [_tried(turn, scene) for turn in dict.fromkeys(in_turn(*commits))]


def _tried(turn: tuple[Act, ...], scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        with transaction.atomic():
            for act in turn:
                done(act, scene)
            found = outcome(scene)
            raise _TakeBack
    except _TakeBack:
        return found


def refused_alone(build: Build, scene: Scene) -> dict[str, str]:
    """The acts at home in this scene that are refused in it although nobody interferes."""
    found: dict[str, str] = {}
    for act in (act for act, homes in AT_HOME.items() if build in homes):
        try:
            with transaction.atomic():
                found[act.__name__] = done(act, scene)
                raise _TakeBack
        except _TakeBack:
            continue
    return {name: how for name, how in found.items() if how != "done"}


def at_once(acts: tuple[Act, Act], scene: Scene) -> list[str]:
    """Both on a connection of its own, from one moment on, the first a hair ahead; what went wrong."""
    barrier, faults = threading.Barrier(2), list[str]()

    def run(act: Act, wait: float) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SET deadlock_timeout = '{DEADLOCK_AFTER}'")
                cursor.execute(f"SET lock_timeout = '{LONGEST_WAIT}'")
            barrier.wait(30)
            time.sleep(wait)
            done(act, scene)
        except OperationalError as trouble:
            faults.append(f"{act.__name__} waited for a lock in vain: {trouble}")
        except BaseException as fault:
            faults.append(f"{act.__name__} failed: {type(fault).__name__}: {fault}")
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=[act, wait])
        for act, wait in zip(acts, (0, AHEAD_SECONDS), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


def differing(found: dict[str, Any], expected: dict[str, Any]) -> str:
    """What is otherwise, in one line each."""
    return "; ".join(
        f"{key}: {found[key]} instead of {expected[key]}" for key in found if found[key] != expected[key]
    )


def violations() -> Iterator[str]:
    """What the rules of `manage.py verify --quick` find, a while after the last act of the same day."""
    for invariant in INVARIANTS:
        # No decision is considered for alerting here, and no mail is sent.
        if not invariant.reads_every_row and invariant.of not in ("alerts", "triages"):
            for violation in invariant.find(NOON + timedelta(minutes=5), lambda: None):
                yield f"{invariant.id} {violation.about}: {violation.words}"


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noon for every service, read under its lock, and no instant twice: what came later is dated later."""
    assert get_resolver().url_patterns  # what is imported later would keep this clock
    ticks = count(1)
    for name, module in list(sys.modules.items()):
        ours = name.startswith(("labs.", "courses.", "alerts.")) and name != "labs.clock"
        if ours and hasattr(module, "database_now"):
            monkeypatch.setattr(module, "database_now", lambda: NOON + timedelta(microseconds=next(ticks)))


@pytest.mark.hazard("HZ-39")
@pytest.mark.parametrize("build", SCENES, ids=[build.__name__ for build in SCENES])
def test_two_acts_at_once_end_as_one_after_the_other(real_commits: str, build: Build, ticking: None) -> None:
    """Fails when a service does not lock the course first, or judges what it read before it held the lock."""
    approve("lutathera_ema_2024")
    assert refused_alone(build, build(next(_numbers))) == {}
    serial: dict[frozenset[Act], list[dict[str, Any]]] = {}
    faults: list[str] = []
    for one, two in races_of(build):
        scene, named, both = (
            build(next(_numbers)),
            f"{one.__name__} beside {two.__name__}",
            frozenset((one, two)),
        )
        if both not in serial:
            serial[both] = one_after_the_other(one, two, scene)
        wrong = at_once((one, two), scene)
        faults += [f"{named}: {each}" for each in wrong]
        found = outcome(scene)
        if not wrong and found not in serial[both]:
            closest = min((differing(found, each) for each in serial[both]), key=len)
            faults.append(f"{named} (course {scene.course.public_id}): {closest}")
    assert not faults, "\n".join(faults)
    for look in (watch_recalls, watch_deviations, watch_incidents):  # as a runner does within a minute
        look(now=NOON + timedelta(seconds=5))
    broken = list(violations())
    assert not broken, "\n".join(broken)


def test_every_ordered_pair_of_acts_is_tried_and_every_scene_is_somebodys() -> None:
    tried = [pair for build in SCENES for pair in pairs_of(build)]
    assert len(tried) == len(set(tried)) == len(AT_HOME) ** 2
    run = {frozenset(pair) for build in SCENES for pair in races_of(build)}
    wanted = {
        frozenset(pair) for build in SCENES for pair in pairs_of(build) if LONG or is_common(build, pair)
    }
    assert run == wanted
    # Each act meets another one in the short profile too, and more than itself.
    assert all(any(act in pair and len(pair) > 1 for pair in run) for act in AT_HOME)
    assert set.union(*map(set, run)) == set(AT_HOME)
    assert all(races_of(build) for build in SCENES)

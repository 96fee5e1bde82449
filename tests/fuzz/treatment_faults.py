"""Faults of the treatment of a course, a sentence each, planted by replacement; none is in the product."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from courses import ledger
from courses.answer import answer
from courses.day_facts import read_day
from courses.models import Course, Decision, Infusion
from courses.rules import activity, day_times, day_unit, orders, overrides
from courses.rules import recommend as core
from courses.rules.activity import Deviation
from courses.rules.day_values import Go, StepState
from courses.rules.order_states import OrderState
from courses.rules.orders import ChangeKind, plan_orders
from courses.services import (
    administration,
    assess,
    day_state,
    departures,
    dispensing,
    handling,
    infusions,
    judgements,
    order_plan,
    rescind,
    sign,
    start,
    therapy_day,
)
from courses.services import orders as order_rows
from courses.services.manifests import digest, record_of
from courses.services.remainder import to_direct

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]
FAULTS: dict[str, Plant] = {}


def fault(words: str) -> Callable[[Plant], Plant]:
    """Puts a fault on the list under the sentence that says what is wrong."""

    def enlist(plant: Plant) -> Plant:
        FAULTS[words] = plant
        return plant

    return enlist


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _none_of_them(*_: Any, **__: Any) -> tuple[Any, ...]:
    return ()


# ------------------------------------------------------------------------------------------- the live gate


def _older(*, course_id: int, now: Any = None) -> Decision | None:
    return Course.objects.select_related("current_decision").get(pk=course_id).current_decision


@fault("the start is authorised on the decision made before, not on a live one")
def _start_on_older(patch: Patch) -> None:
    patch.setattr(start, "assess_at_gate", _older)


@fault("pharmacy dispenses on the decision made before, not on a live one")
def _dispense_on_older(patch: Patch) -> None:
    patch.setattr(handling, "assess_at_gate", _older)


@fault("a signature is put under the decision made before, not under a live one")
def _sign_on_older(patch: Patch) -> None:
    patch.setattr(sign, "assess_at_gate", _older)


@fault("what the signer saw is not compared with what stands")
def _sign_unseen(patch: Patch) -> None:
    sound = sign.sign_decision

    def faulty(**given: Any) -> Any:
        shown = Decision.objects.get(public_id=given["decision_public_id"])
        stands = assess.assess_course(course_id=shown.course_id, now=given["now"]) or shown
        seen = {"decision_public_id": stands.public_id, "evidence_sha256": stands.evidence_sha256}
        return sound(**{**given, **seen, "meaning": stands.action})

    patch.setattr(sign, "sign_decision", faulty)


@fault("a verdict that changed is not written down")
def _no_news(patch: Patch) -> None:
    patch.setattr(
        assess, "_is_news", lambda decision, **more: getattr(decision, "cycle_id", 0) != more["cycle"].pk
    )


@fault("the stored answer is not the one that was given")
def _other_answer(patch: Patch) -> None:
    sound = answer
    patch.setattr(
        assess, "answer", lambda found, **more: sound(replace(found, reasons=found.reasons[:-1]), **more)
    )


# ----------------------------------------------------------------------------------- orders and directives


def _without(patch: Patch, kind: ChangeKind) -> None:
    sound = plan_orders
    patch.setattr(
        order_plan, "plan_orders", lambda **given: [c for c in sound(**given) if c.change is not kind]
    )


@fault("what is dispensed is not called back when its ground falls")
def _no_recall(patch: Patch) -> None:
    patch.setattr(order_plan, "recall_order", _nothing)


@fault("orders stay active when their verdict falls")
def _no_suspension(patch: Patch) -> None:
    _without(patch, ChangeKind.SUSPEND)


@fault("a stop leaves the orders as they are")
def _stop_leaves_orders(patch: Patch) -> None:
    _without(patch, ChangeKind.VOID)


@fault("an order of the day before is carried over when its cycle is moved")
def _moved_day(patch: Patch) -> None:
    patch.setattr(orders, "_day_changed", lambda *_: False)


@fault("a directive survives the end of its order")
def _directive_survives(patch: Patch) -> None:
    patch.setattr(order_rows, "_ENDS_DIRECTIVE", ())


@fault("a new directive leaves the one before it valid")
def _two_directives(patch: Patch) -> None:
    patch.setattr(sign, "void_directive", _nothing)


@fault("a reduced cycle is directed with the whole activity")
def _not_reduced(patch: Patch) -> None:
    sound = to_direct

    def faulty(decision: Decision) -> Any:
        found, judgement = sound(decision)
        return (Decimal("7.4"), judgement) if judgement is None else (found, judgement)

    patch.setattr(sign, "to_direct", faulty)


@fault("dispensing asks for neither a signed go nor a directive that holds")
def _not_covered(patch: Patch) -> None:
    patch.setattr(handling, "check_covered", _nothing)


@fault("an order may be dispensed from any state")
def _any_state(patch: Patch) -> None:
    legal = {state: tuple(type(state)) for state in OrderState}
    patch.setattr("courses.rules.order_states.LEGAL_TRANSITIONS", legal)


# ---------------------------------------------------------------------------------------------- pharmacy


@fault("any product code is handed out")
def _any_product(patch: Patch) -> None:
    sound = dispensing._against_vial

    def faulty(made: Any, **more: Any) -> Any:
        return (each for each in sound(made, **more) if not each.code.startswith("product-code"))

    patch.setattr(dispensing, "_against_vial", faulty)


@fault("an expired vial is handed out")
def _expired(patch: Patch) -> None:
    sound = dispensing._against_vial

    def faulty(made: Any, **more: Any) -> Any:
        return (each for each in sound(made, **more) if each.code != "expired")

    patch.setattr(dispensing, "_against_vial", faulty)


@fault("an assay more than a fifth off the directive is handed out")
def _any_assay(patch: Patch) -> None:
    patch.setattr(dispensing, "judge_assay", lambda *_, **__: Deviation.WITHIN)


@fault("who prepared a unit may verify it too")
def _one_name(patch: Patch) -> None:
    patch.setattr(dispensing, "name_faults", _none_of_them)


@fault("a vial is handed out twice")
def _vial_twice(patch: Patch) -> None:
    patch.setattr(dispensing, "_left_in", _none_of_them)


@fault("a recall that nobody answered does not keep the cycle from being signed")
def _recall_signed_over(patch: Patch) -> None:
    patch.setattr(sign, "is_out_and_recalled", lambda *_: False)


# ------------------------------------------------------------------------------------------ day of therapy


@fault("29 minutes of amino acids are enough")
def _a_minute_less(patch: Patch) -> None:
    sound = day_times.Running.ran
    more = timedelta(minutes=1)
    patch.setattr(day_times.Running, "ran", lambda self, **given: sound(self, **given) + more)


@fault("interruptions of the amino acids are not taken off")
def _pauses_count(patch: Patch) -> None:
    sound = day_times.Running.ran
    patch.setattr(day_times.Running, "ran", lambda self, **given: sound(replace(self, pauses=()), **given))


@fault("whoever checked the start may authorise it")
def _same_checks(patch: Patch) -> None:
    patch.setattr(start, "_same_person", _none_of_them)


@fault("the second person may be the same one")
def _same_second(patch: Patch) -> None:
    patch.setattr(therapy_day, "_check_person", _nothing)


@fault("the label in hand is not compared with the unit dispensed")
def _any_label(patch: Patch) -> None:
    sound = day_unit._scanned
    patch.setattr(day_unit, "_scanned", lambda facts: replace(sound(facts), state=StepState.DONE))


@fault("the start asks for neither decision, directive nor recall")
def _start_on_nothing(patch: Patch) -> None:
    sound = read_day

    def faulty(day: Any, **more: Any) -> Any:
        return sound(day, **{**more, "go": Go(allowed=True, sentence=""), "holds": True})

    patch.setattr(day_state, "_why_not", _none_of_them)
    patch.setattr(day_state, "read_day", faulty)


@fault("an authorised start never runs out")
def _never_runs_out(patch: Patch) -> None:
    patch.setattr(start, "after", lambda instant, span: instant + 40 * span)


@fault("an authorised start covers a second infusion too")
def _used_twice(patch: Patch) -> None:
    def faulty(day: Any, *, started_at: Any, besides: Any = None) -> Any:
        newest = day.authorisations.filter(authorised_at__lte=started_at).order_by("-pk").first()
        return (newest, "") if newest is not None else (None, "no start was authorised before it")

    patch.setattr(infusions, "authorisation_for", faulty)


@fault("what happens between the authorisation and the start is not looked at")
def _not_looked_at(patch: Patch) -> None:
    patch.setattr(start, "why_not_carried", lambda *_, **__: "")


# ------------------------------------------------------------------------------------- what was given


@fault("a partial infusion counts as complete")
def _part_is_whole(patch: Patch) -> None:
    def faulty(*, course: Any, infusion: Any, by: Any, now: Any) -> None:
        infusions.administer(course=course, infusion=infusion, by=by, now=now)

    patch.setattr(infusions, "settle", faulty)


@fault("a part that waits for its judgement does not keep the cycle from being signed")
def _unjudged(patch: Patch) -> None:
    patch.setattr(sign, "check_nothing_waits", _nothing)


@fault("a remainder may be larger than what is left")
def _large_remainder(patch: Patch) -> None:
    patch.setattr(judgements, "_check_judgement", _nothing)


@fault("a remainder is directed as a whole activity")
def _whole_remainder(patch: Patch) -> None:
    patch.setattr(sign, "to_direct", lambda decision: (decision.activity_gbq, None))


@fault("the residual is not taken off")
def _no_residual(patch: Patch) -> None:
    sound = activity.net_administered
    patch.setattr(infusions, "net_administered", lambda assay, residuals, **more: sound(assay, (), **more))


@fault("activities decay backwards in time")
def _backwards(patch: Patch) -> None:
    sound = activity.decayed
    patch.setattr(
        activity,
        "decayed",
        lambda measured, *, to, **more: sound(measured, to=measured.at - (to - measured.at), **more),
    )


@fault("what was given without authorisation opens no review")
def _no_review(patch: Patch) -> None:
    patch.setattr(departures, "open_unauthorised", _nothing)
    patch.setattr(therapy_day, "open_unauthorised", _nothing)


@fault("an activity far from the directive opens no review")
def _not_far(patch: Patch) -> None:
    patch.setattr(departures, "is_far", lambda *_: False)


@fault("a deviation is not marked in the administration of its cycle")
def _unmarked(patch: Patch) -> None:
    sound = administration.append_administration
    patch.setattr(infusions, "append_administration", lambda **given: sound(**{**given, "deviation": ""}))


@fault("the administration counts only the last part of its cycle")
def _last_part_only(patch: Patch) -> None:
    sound = administration.append_administration

    def faulty(**given: Any) -> Any:
        last = Infusion.objects.effective().filter(cycle=given["cycle"]).order_by("-pk")[0]
        return sound(**{**given, "gbq": last.delivered_gbq})

    patch.setattr(infusions, "append_administration", faulty)


@fault("the ledger forgets the parts of a cycle that is not completed")
def _parts_forgotten(patch: Patch) -> None:
    sound = ledger._infusions
    patch.setattr(
        ledger, "_infusions", lambda numbers: sound(numbers).filter(cycle__administration__isnull=False)
    )


@fault("the orders of a cycle that was given stay open")
def _orders_stay(patch: Patch) -> None:
    patch.setattr(administration, "close_orders", _nothing)
    patch.setattr(infusions, "close_orders", _nothing)


@fault("the cycles that follow do not follow the day that was given")
def _not_replanned(patch: Patch) -> None:
    patch.setattr(administration, "replan_later_cycles", _nothing)


# --------------------------------------------------------------------------------- people and signatures


@fault("a person's hold is ignored")
def _hold_ignored(patch: Patch) -> None:
    patch.setattr(core, "hold_reasons", _none_of_them)


@fault("an override is never void")
def _override_stays(patch: Patch) -> None:
    patch.setattr(overrides, "_void", lambda *_: iter(()))


@fault("one physician alone lifts a stop")
def _lifted_alone(patch: Patch) -> None:
    sound = rescind.waiting_rescission

    def faulty(course: Course) -> Any:
        found = sound(course)
        if found is not None:
            found.recorded_by_id = 0
        return found

    patch.setattr(rescind, "waiting_rescission", faulty)


@fault("the hash of a signature leaves out what was signed")
def _other_hash(patch: Patch) -> None:
    def faulty(row: Any) -> str:
        return digest({key: value for key, value in record_of(row).items() if key != "meaning"})

    patch.setattr(sign, "manifest_of", faulty)


@fault("the hash of an authorised start is of other fields")
def _other_start_hash(patch: Patch) -> None:
    patch.setattr(start, "manifest_of", lambda row: "0" * 64)


@fault("an old password is good enough to sign with")
def _old_password(patch: Patch) -> None:
    patch.setattr(sign, "check_fresh", _nothing)

"""Authorise the start of one infusion: two people, on a live assessment, with every blocker named."""

from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from courses.day_facts import on_clock
from courses.day_library import day_rules
from courses.models import (
    Course,
    Incident,
    IncidentKind,
    Infusion,
    StartAuthorisation,
    TherapyDay,
    TherapyStep,
)
from courses.rules.day_values import Blocker, Happened, after
from courses.services.assess import assess_at_gate
from courses.services.at_start import why_not_carried
from courses.services.authority import NotAllowed, check_fresh, check_right, printed_name, roles_held
from courses.services.day_state import DayState, day_state, is_called_back
from courses.services.day_version import check_version
from courses.services.incidents import open_incident
from courses.services.manifests import manifest_of
from labs.clock import database_now


class StartRefused(Exception):
    """The start is not authorised; every blocker stands here with its remedy."""

    def __init__(self, blockers: tuple[Blocker, ...]) -> None:
        super().__init__("\n".join(f"{each.sentence} {each.remedy}" for each in blockers))
        self.blockers = blockers


def authorise_start(
    *,
    day: TherapyDay,
    by: User,
    authenticated_at: datetime,
    version: int | None = None,
    now: datetime | None = None,
) -> StartAuthorisation:
    """Authorise the start of the infusion of this day.

    1. check that a physician asks, with a fresh password; 2. lock the course, refuse another version of the
    day than the one that was read, and assess the course anew; 3. name every blocker: of decision,
    signature, directive, order, recall and judgement, and of the day's steps; 4. the second person's check
    is another person's; 5. append the authorisation, bound to its record.

    Raises NotAllowed, StaleDay, StartRefused. What was assessed is kept even when the start is refused.
    """
    _check_physician(by, authenticated_at=authenticated_at, now=now or database_now())
    with transaction.atomic():
        Course.objects.select_for_update().get(pk=day.cycle.course_id)
        check_version(TherapyDay.objects.get(pk=day.pk), version)
        now = now or database_now()
        decision = assess_at_gate(course_id=day.cycle.course_id, now=now)
        day = TherapyDay.objects.select_related("cycle__course__patient").get(pk=day.pk)
        state = day_state(day, decision=decision, now=now)
        check = _newest_check(day)
        blockers = (*_day_faults(day, now=now), *state.start, *_same_person(check, by=by))
        if not blockers:
            assert check is not None
            authorisation = _append(state, check=check, by=by, authenticated_at=authenticated_at, now=now)
            day.version += 1
            day.save(update_fields=["version"])
    if blockers:
        raise StartRefused(blockers)
    return authorisation


def authorisation_for(
    day: TherapyDay, *, started_at: datetime, besides: Infusion | None = None
) -> tuple[StartAuthorisation | None, str]:
    """The authorisation that covers a start at this instant, or none and why, in words.

    It covers one infusion, begun while it was young enough, before anything it rests on fell, and while the
    entries of the day carried it. `besides` is the version of the same infusion that is being corrected.
    """
    given = day.authorisations.select_related("directive__voided", "unit__order").order_by("-pk")
    earlier = [each for each in given if each.authorised_at <= started_at]
    if not earlier:
        return None, "no start was authorised before it"
    newest = earlier[0]
    within = day_rules(day.cycle.course.protocol_id).rules.infusion.start_within
    if started_at > after(newest.authorised_at, within):
        return None, f"the authorised start of {on_clock(newest.authorised_at)} had run out"
    used = Infusion.objects.effective().filter(authorisation=newest)
    if besides is not None:
        used = used.exclude(pk=besides.pk)
    if used.exists() or _was_used(day, newest, before=started_at):
        return None, "the authorised start was used for an earlier infusion"
    why = _fallen(newest, started_at=started_at) or why_not_carried(newest, started_at=started_at)
    return (None, why) if why else (newest, "")


def _fallen(authorisation: StartAuthorisation, *, started_at: datetime) -> str:
    """Why what an authorisation rests on no longer held at a start, in words; empty where it did."""
    void = getattr(authorisation.directive, "voided", None)
    if void is not None and void.at <= started_at:
        return f"the directive no longer held ({void.reason_code})"
    order = authorisation.unit.order
    if is_called_back(order):
        back = order.events.filter(from_state="dispensed", to_state="dispensed").order_by("pk").first()
        if back is None or back.at <= started_at:
            return "what was dispensed had been called back"
    return ""


def _was_used(day: TherapyDay, authorisation: StartAuthorisation, *, before: datetime) -> bool:
    """Whether an infusion was started under it and has ended, though nobody has recorded it yet."""
    rows = day.steps.filter(corrected_by__isnull=True, taken_back=False)
    starts = rows.filter(
        kind=Happened.INFUSION_START.value,
        happened_at__gte=authorisation.authorised_at,
        happened_at__lt=before,
    )
    first = starts.order_by("happened_at").first()
    if first is None:
        return False
    ends = rows.filter(
        kind=Happened.INFUSION_END.value, happened_at__gte=first.happened_at, happened_at__lte=before
    )
    return ends.exists()


def look_again(day: TherapyDay, *, since: datetime, now: datetime) -> None:
    """Open the incident of a start that the entries no longer carry: one of an earlier instant was changed.

    `since` is that instant. A start that no authorisation covered has its incident already.
    """
    for started_at, infusion in _starts(day):
        if started_at >= since:
            _, why = authorisation_for(day, started_at=started_at, besides=infusion)
            if why:
                open_unauthorised(day, why=why, now=now, infusion=infusion)


def _starts(day: TherapyDay) -> Iterator[tuple[datetime, Infusion | None]]:
    """The infusions that were recorded as authorised, and the start of one that is not recorded yet."""
    recorded = list(Infusion.objects.effective().filter(therapy_day=day).order_by("started_at", "pk"))
    for infusion in recorded:
        if infusion.authorisation_id is not None:
            yield infusion.started_at, infusion
    starts = day.steps.filter(
        kind=Happened.INFUSION_START.value, corrected_by__isnull=True, taken_back=False
    ).order_by("happened_at", "pk")
    if len(starts) > len(recorded):
        yield list(starts)[-1].happened_at, None


def open_unauthorised(day: TherapyDay, *, why: str, now: datetime, infusion: Infusion | None = None) -> None:
    """Open the incident of a start without authorisation, once for each infusion of the day."""
    earlier = [each for each in day.infusions.all() if infusion is None or each.pk != infusion.pk]
    since = max([day.opened_at, *(each.recorded_at for each in earlier)])
    opened = Incident.objects.filter(cycle=day.cycle, kind=IncidentKind.UNAUTHORISED, opened_at__gt=since)
    if opened.filter(Q(infusion__isnull=True) | Q(infusion=infusion)).exists():
        return
    open_incident(
        cycle=day.cycle,
        kind=IncidentKind.UNAUTHORISED,
        sentence=f"Started without a valid authorisation: {why}.",
        infusion=infusion,
        now=now,
    )


def _check_physician(by: User, *, authenticated_at: datetime, now: datetime) -> None:
    """A physician with the right to authorise a start, and a password given moments ago."""
    only = "Only a physician authorises a start; a nurse checks it as the second person."
    check_right(by, "courses.authorise_start", else_say=only)
    check_right(by, "courses.sign_decision", else_say=only)
    check_fresh(authenticated_at, now=now)


def _day_faults(day: TherapyDay, *, now: datetime) -> tuple[Blocker, ...]:
    """What of the day itself stands in the way."""
    if day.ended_at is not None:
        return (Blocker(code="day", sentence="This day has ended.", remedy="Open a new day for the cycle."),)
    if day_rules(day.cycle.course.protocol_id).sha256 != day.rules_sha256:
        return (
            Blocker(
                code="rules",
                sentence="The rules of the day have changed since this day was opened.",
                remedy="Read the new ones, end this day as not given, and open a new one under them.",
            ),
        )
    standing, why = authorisation_for(day, started_at=now)
    if standing is not None and not why:
        sentence = (
            f"{standing.authorised_name} authorised this start on {on_clock(standing.authorised_at)} already."
        )
        return (Blocker(code="authorised", sentence=sentence, remedy="Start the infusion, and record it."),)
    return ()


def _newest_check(day: TherapyDay) -> TherapyStep | None:
    rows = day.steps.filter(kind=Happened.START_CHECK.value, corrected_by__isnull=True, taken_back=False)
    return rows.order_by("-happened_at", "-pk").first()


def _same_person(check: TherapyStep | None, *, by: User) -> tuple[Blocker, ...]:
    """A missing check is named by its step; here only that it is another person's."""
    if check is None or check.recorded_by_id != by.pk:
        return ()
    return (
        Blocker(
            code="second",
            sentence="You checked this start yourself.",
            remedy="Another person checks it, or another physician authorises it.",
        ),
    )


def _append(
    state: DayState, *, check: TherapyStep, by: User, authenticated_at: datetime, now: datetime
) -> StartAuthorisation:
    standing = state.standing
    if standing.decision is None or standing.directive is None or standing.unit is None:
        raise NotAllowed("Decision, directive or unit is missing; nothing is authorised.")
    authorisation = StartAuthorisation(
        therapy_day=state.day,
        decision=standing.decision,
        directive=standing.directive,
        unit=standing.unit,
        checked_by=check.recorded_by,
        checked_name=check.printed_name,
        authorised_by=by,
        authorised_name=printed_name(by),
        checked_roles=roles_held(check.recorded_by),
        authorised_roles=roles_held(by),
        authenticated_at=authenticated_at,
        authorised_at=now,
        evidence_sha256=standing.decision.evidence_sha256,
    )
    authorisation.record_sha256 = manifest_of(authorisation)
    authorisation.save()
    return authorisation

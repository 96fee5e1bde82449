"""Judge what is recorded beside results: imaging, wash-out, allergy, heart failure, illness, pregnancy."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from courses.rules.check_words import (
    Said,
    capital,
    content,
    due_on,
    lacks,
    no_longer,
    recorded,
    speaks,
)
from courses.rules.derived import Case
from courses.rules.facts import (
    ALLERGY_ORDER,
    AllergyFinding,
    AnalogueKind,
    AnalogueRecord,
    Interruption,
    InterruptionKind,
)
from courses.rules.pregnancy import judge_hcg, judge_pregnancy
from courses.rules.protocol import (
    AllergyCheck,
    AnalogueCheck,
    Check,
    CheckRow,
    HeartFailureCheck,
    ImagingCheck,
    InterruptionCheck,
    PregnancyCheck,
    Protocol,
    When,
)
from courses.rules.required import Lack
from courses.rules.schedule import Dates
from courses.rules.values import (
    Action,
    Chart,
    Evidence,
    EvidenceKind,
    Reason,
    SilentRule,
)
from courses.rules.wording import day_words, days_words
from labs.clinic_days import add_days, days_between

# The kinds of facts a situation may come without, by the names other programs see.
_ALWAYS_NAMED = ("pregnancy", "sstr_imaging", "analogue_injections", "allergy_review", "disease_flags")
_LOOKS_AT: Mapping[type[CheckRow], str] = {
    PregnancyCheck: "pregnancy",
    ImagingCheck: "sstr_imaging",
    AnalogueCheck: "analogue_injections",
    AllergyCheck: "allergy_review",
    HeartFailureCheck: "disease_flags",
    InterruptionCheck: "interruptions",
}
_INTERRUPTIONS = {
    InterruptionKind.INTERCURRENT_ILLNESS: "an intercurrent illness",
    InterruptionKind.SURGERY: "surgery",
    InterruptionKind.MAJOR_SURGERY: "major surgery",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the checks say: reasons and notes, what is still to be recorded, and which have nothing to say."""

    reasons: tuple[Reason, ...]
    lacks: tuple[Lack, ...]
    silent: tuple[SilentRule, ...]


def judge_checks(*, case: Case, dates: Dates) -> Checked:
    """Every check of the protocol, judged for the day of treatment."""
    said = [item for check in case.protocol.checks for item in _judge(check, case, dates)]
    return Checked(
        reasons=tuple(item for item in said if isinstance(item, Reason)),
        lacks=tuple(item for item in said if isinstance(item, Lack)),
        silent=tuple(item for item in said if isinstance(item, SilentRule)),
    )


def not_considered(chart: Chart, protocol: Protocol) -> tuple[str, ...]:
    """The kinds of facts this chart came without, so that nothing here was judged by them."""
    names = list(_ALWAYS_NAMED)
    if any(isinstance(check, InterruptionCheck) for check in protocol.checks):
        names.append("interruptions")
    return tuple(name for name in names if getattr(chart.facts, name) is None)


def _judge(check: Check, case: Case, dates: Dates) -> Iterator[Said]:
    """One check: not asked, or what it finds; a check that finds nothing says why it is content."""
    if check.when is When.FIRST_CYCLE and case.history.given:
        yield content(check, "it is asked before the first cycle only")
    elif getattr(case.chart.facts, _LOOKS_AT[type(check)]) is None:
        # A result of the laboratory is in the chart even where recorded facts are not.
        by_hcg = judge_hcg(check, case, dates) if isinstance(check, PregnancyCheck) else ()
        yield from list(by_hcg) or [content(check, "such facts are not considered here")]
    else:
        yield from _answers(check, case, dates)


def _answers(check: Check, case: Case, dates: Dates) -> Iterator[Said]:
    match check:
        case PregnancyCheck():
            return judge_pregnancy(check, case, dates)
        case ImagingCheck():
            return _imaging(check, case)
        case AnalogueCheck():
            return _analogues(check, case, dates)
        case AllergyCheck():
            return _allergy(check, case, dates)
        case HeartFailureCheck():
            return _heart_failure(check, case)
        case _:
            return _interruptions(check, case, dates)


def _imaging(check: ImagingCheck, case: Case) -> Iterator[Said]:
    """The newest imaging counts; of two of one day the lower uptake."""
    newest = max(case.chart.facts.sstr_imaging or (), key=lambda i: (i.on, -i.uptake), default=None)
    if newest is None:
        resolve = "record the somatostatin receptor imaging: day, modality and lowest uptake of the lesions"
        yield lacks(check, "sstr_imaging", "Somatostatin receptor imaging", "none is recorded", resolve)
        return
    found = f"the {newest.modality.value} of {day_words(newest.on)} shows an uptake of {newest.uptake}"
    wanted = f"an uptake of {check.least_uptake} or more"
    value = f"uptake {newest.uptake} ({newest.modality.value})"
    fact = recorded("Somatostatin receptor imaging", value, newest.on, newest.ref)
    if newest.uptake < check.least_uptake:
        text, release = f"{capital(found)}, below {check.least_uptake}", f"record imaging that shows {wanted}"
        yield speaks(check, check.if_below, text, wanted, evidence=(fact,), release=release)
    elif newest.uptake <= check.note_uptake:
        text = f"{capital(found)}, no more than {check.note_uptake}"
        yield speaks(check, Action.PROCEED, text, wanted, evidence=(fact,))
    else:
        yield content(check, found)


def _analogues(check: AnalogueCheck, case: Case, dates: Dates) -> Iterator[Said]:
    """Each injection counts for its own days; that none is given says nothing of an earlier one."""
    records = case.chart.facts.analogue_injections or ()
    if not records:
        resolve = "record the last injection of a somatostatin analogue, or that none is given"
        due = due_on(check.due_days_before, dates)
        yield lacks(
            check, "analogue_injections", "Somatostatin analogue", "nothing is recorded", resolve, due=due
        )
        return
    said: list[Said] = [
        *_washed_out(check, AnalogueKind.LONG_ACTING, check.long_acting_days, records, dates),
        *_washed_out(check, AnalogueKind.SHORT_ACTING, check.short_acting_days, records, dates),
    ]
    newest = max(record.on for record in records)
    if all(record.kind is AnalogueKind.NONE for record in records) and _too_old(newest, check, dates):
        said.append(_asked_again(check, newest, dates))
    why = f"no injection lies too near to the planned day (newest record of {day_words(newest)})"
    yield from said or [content(check, why)]


def _too_old(day: date, check: AnalogueCheck, dates: Dates) -> bool:
    """Whether an injection may have been given since: each cycle asks anew, the first within the wash-out."""
    if dates.last is None:
        return days_between(day, dates.judged_for) > check.long_acting_days
    return not _since_last(day, dates)


def _asked_again(check: AnalogueCheck, day: date, dates: Dates) -> Lack:
    """That none is given was said too long ago to cover the cycle."""
    since = (
        "the last administration" if dates.last else f"{days_words(check.long_acting_days)} before the cycle"
    )
    return lacks(
        check,
        "analogue_injections",
        "Somatostatin analogue",
        f"that none is given was last recorded on {day_words(day)}, not since {since}",
        "record again that no somatostatin analogue is given, or its last injection",
        due=due_on(check.due_days_before, dates),
        evidence=(recorded("Somatostatin analogue", AnalogueKind.NONE.value, day, ""),),
    )


def _washed_out(
    check: AnalogueCheck, kind: AnalogueKind, days: int, records: Iterable[AnalogueRecord], dates: Dates
) -> Iterator[Reason]:
    """Delay while the newest injection of a kind lies less than so many days before the day of treatment."""
    newest = max((r for r in records if r.kind is kind), key=lambda r: (r.on, r.ref), default=None)
    if newest is None:
        return
    word = kind.value.replace("_", "-")
    since, allowed = days_between(newest.on, dates.judged_for), add_days(newest.on, days)
    found = (
        f"The last {word} somatostatin analogue was injected on {day_words(newest.on)}, "
        f"{days_words(since)} before the planned day"
    )
    wanted = f"{days_words(days)} or more after a {word} analogue"
    fact = recorded("Somatostatin analogue", word, newest.on, newest.ref)
    if since < days:
        text, release = f"{found}, less than {days}", f"plan the cycle on or after {day_words(allowed)}"
        yield speaks(check, Action.DELAY, text, wanted, evidence=(fact,), release=release, on=allowed)
    elif kind is AnalogueKind.LONG_ACTING and since < check.long_acting_note_days:
        text = f"{found}, less than {check.long_acting_note_days}"
        yield speaks(check, Action.PROCEED, text, wanted, evidence=(fact,))


def _allergy(check: AllergyCheck, case: Case, dates: Dates) -> Iterator[Said]:
    """What the newest review found lasts; the review itself must be newer than the last administration."""
    newest = max(
        case.chart.facts.allergy_review or (),
        key=lambda review: (review.on, ALLERGY_ORDER.index(review.finding)),
        default=None,
    )
    fact = (
        () if newest is None else (recorded("Allergy review", newest.finding.value, newest.on, newest.ref),)
    )
    wanted = f"a review since the last administration, at most {check.validity_days} days old"
    if newest is not None and newest.finding is AllergyFinding.CONTRAINDICATED:
        text = f"The allergy review of {day_words(newest.on)} found that treatment is contraindicated"
        release = "record a later review that finds otherwise"
        yield speaks(check, check.if_contraindicated, text, wanted, evidence=fact, release=release)
        return
    if newest is not None and newest.finding is AllergyFinding.PREMEDICATE:
        text = f"The allergy review of {day_words(newest.on)} asks for premedication"
        yield speaks(check, Action.PROCEED, text, wanted, evidence=fact)
    why = no_longer("no review is recorded", None if newest is None else newest.on, check.validity_days)
    if newest is not None and not _since_last(newest.on, dates):
        why = f"the newest review, of {day_words(newest.on)}, is not newer than the last administration"
    elif newest is not None and days_between(newest.on, dates.judged_for) <= check.validity_days:
        if newest.finding is AllergyFinding.NONE:
            yield content(check, f"the review of {day_words(newest.on)} found nothing")
        return
    earliest = day_words(add_days(dates.judged_for, -check.validity_days))
    resolve = f"review allergies and earlier reactions, not before {earliest}, and record it"
    due = due_on(check.due_days_before, dates)
    yield lacks(check, "allergy_review", "Allergy review", why, resolve, due=due, evidence=fact)


def _since_last(day: date, dates: Dates) -> bool:
    """Whether a record is newer than the last administration; one of the same day was made before it."""
    return dates.last is None or day > dates.last.on


def _heart_failure(check: HeartFailureCheck, case: Case) -> Iterator[Said]:
    flags = case.chart.facts.disease_flags
    found = None if flags is None else flags.nyha_class
    if found is None:
        resolve = "record the heart failure class (NYHA 1 to 4), 1 where there is none"
        yield lacks(check, "nyha_class", "Heart failure class", "it is not recorded", resolve)
    elif found >= check.stops_from_class:
        fact = Evidence(kind=EvidenceKind.FACT, name="Heart failure class (NYHA)", value=str(found))
        wanted = f"below class {check.stops_from_class}"
        text = f"Heart failure of class {found} (NYHA) is recorded, {check.stops_from_class} or worse"
        yield speaks(check, Action.STOP, text, wanted, evidence=(fact,))
    else:
        yield content(check, f"heart failure class {found} is recorded, below {check.stops_from_class}")


def _interruptions(check: InterruptionCheck, case: Case, dates: Dates) -> Iterator[Said]:
    found = sorted(
        case.chart.facts.interruptions or (), key=lambda i: (i.began_on, i.kind, str(i.ended_on), i.ref)
    )
    said: list[Said] = [
        reason for interruption in found for reason in _interrupts(check, interruption, case, dates)
    ]
    yield from said or [content(check, "no illness or operation stands in the way")]


def _interrupts(check: InterruptionCheck, found: Interruption, case: Case, dates: Dates) -> Iterator[Reason]:
    """Wait until it is over, and the protocol's days more; major surgery is over on its own day.

    An end that lies ahead is a plan: the thing is still open, and the day of release rests on that plan.
    """
    days = check.wait_days[found.kind]
    what = f"{_INTERRUPTIONS[found.kind]} from {day_words(found.began_on)}"
    wanted = f"it is over, and {days_words(days)} have passed"
    over = found.ended_on or (found.began_on if found.kind is InterruptionKind.MAJOR_SURGERY else None)
    value = "open" if over is None else f"over on {day_words(over)}"
    fact = recorded(capital(_INTERRUPTIONS[found.kind]), value, found.began_on, found.ref)
    if over is None:
        release = f"record the day on which {_INTERRUPTIONS[found.kind]} was over"
        text = f"{capital(what)} is not over"
        yield speaks(check, Action.DELAY, text, wanted, evidence=(fact,), release=release)
        return
    allowed = add_days(over, days)
    if case.today is not None and over > case.today:
        text = f"{capital(what)} is still open, its end is planned for {day_words(over)}"
        release = (
            f"record the day on which {_INTERRUPTIONS[found.kind]} was over; "
            f"as planned, the cycle may be given on or after {day_words(allowed)}"
        )
        yield speaks(check, Action.DELAY, text, wanted, evidence=(fact,), release=release, on=allowed)
    elif dates.judged_for < allowed:
        text = f"{capital(what)}, over on {day_words(over)}: treatment waits until {day_words(allowed)}"
        release = f"plan the cycle on or after {day_words(allowed)}"
        yield speaks(check, Action.DELAY, text, wanted, evidence=(fact,), release=release, on=allowed)

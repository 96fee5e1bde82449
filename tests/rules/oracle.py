"""A second, naive opinion on toxicity memory: written from the label's table, with lists and loops only.

It knows five laboratory families, the two transaminases with a normal baseline, and events graded by people.
It follows the label's table of dose modification and the protocols' README, and shares no rule with the core:
it imports only the words of a chart. It is slow and plain on purpose; its numbers are typed from the source.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from courses.rules.values import Action, AdverseEvent, Chart, Measurement, Sex, Status

FAMILY_OF_ANALYTE = {
    "PLT": "DM-PLT",
    "HGB": "DM-HEM",
    "ANC": "DM-HEM",
    "CREAT": "DM-REN",
    "BILI": "DM-HEP",
    "ALT": "DM-OTH",
    "AST": "DM-OTH",
}
FAMILY_OF_EVENT = {
    "Platelet count decreased": "DM-PLT",
    "Thrombocytopenia": "DM-PLT",
    "Anemia": "DM-HEM",
    "Anaemia": "DM-HEM",
    "Neutrophil count decreased": "DM-HEM",
    "Neutropenia": "DM-HEM",
    "Acute kidney injury": "DM-REN",
    "Hepatic failure": "DM-HEP",
    "Anaphylaxis": "DM-HSR",
    "Allergic reaction": "DM-HSR",
}
ORDER_OF_STATUS = ["preliminary", "final", "corrected", "cancelled", "entered-in-error"]


@dataclass
class Profile:
    """The choices of one protocol file that the memory depends on, typed from the file.

    `reopens`: whether a value between resolved and triggering, after a resolved one and before treatment went
    on, opens the toxicity again. The label does not say; it matters for bilirubin and creatinine only.
    """

    interval_days: int = 56
    window_first_day: int = 49
    first_stopping_day: int = 112
    full_gbq: str = "7.4"
    reduced_gbq: str = "3.7"
    reopens: bool = True


US = Profile()
EMA = Profile(first_stopping_day=113)


@dataclass
class Opinion:
    """What the oracle says: the action, the families that act with theirs, and where each family showed."""

    action: Action
    acting: dict[str, Action]
    intervals: dict[str, list[int]] = field(default_factory=dict)


def second_opinion(chart: Chart, *, today: date, profile: Profile = US) -> Opinion:
    """Action and acting rules of one chart; every other rule is taken to be content."""
    days = sorted(cycle.on for cycle in chart.cycles)
    results = usable_results(chart)
    acting: dict[str, Action] = {}
    intervals: dict[str, list[int]] = {}
    for family in ["DM-PLT", "DM-HEM", "DM-REN", "DM-HEP", "DM-OTH", "DM-HSR"]:
        story = family_story(family, chart, results, days, profile)
        intervals[family] = story.shown_in
        action = family_action(family, story, chart, days, profile)
        if action is not Action.PROCEED:
            acting[family] = action
        if stopped_by_limit(family, story, days, today, profile):
            acting["LIM-DELAY"] = Action.STOP
    for result in doubtful_results(chart, results, days):
        if triggers(result, chart, results):
            acting["EV-UNUSABLE"] = Action.HOLD
    planned = chart.planned_on or (days[-1] + timedelta(days=profile.interval_days))
    if max(planned, today) < days[-1] + timedelta(days=profile.window_first_day):
        acting["SCH-WINDOW"] = Action.DELAY
    action = Action.PROCEED
    for one in acting.values():
        action = max(action, one)
    return Opinion(action=action, acting=acting, intervals=intervals)


# ------------------------------------------------------------------------------------- which results count


def usable_results(chart: Chart) -> list[Measurement]:
    """Final, corrected or amended, reliable, with a number; oldest first."""
    found = []
    for result in newest_versions(chart):
        final = result.status in (Status.FINAL, Status.CORRECTED, Status.AMENDED)
        if final and not result.quality and result.value is not None:
            found.append(result)
    return sorted(found, key=lambda result: result.collected_at)


def newest_versions(chart: Chart) -> list[Measurement]:
    """Of one code and instant the version of the highest rank; nothing where that is a withdrawal."""
    chosen: dict[tuple[str, object], Measurement] = {}
    for result in chart.measurements:
        key = (result.code, result.collected_at)
        if key not in chosen or rank(result) > rank(chosen[key]):
            chosen[key] = result
    withdrawn = (Status.CANCELLED, Status.ENTERED_IN_ERROR)
    return [result for result in chosen.values() if result.status not in withdrawn]


def rank(result: Measurement) -> int:
    """The rank of the contract, amended like corrected."""
    word = "corrected" if result.status is Status.AMENDED else result.status.value
    return ORDER_OF_STATUS.index(word)


def doubtful_results(chart: Chart, results: list[Measurement], days: list[date]) -> list[Measurement]:
    """Preliminary or unreliable ones since the last administration that no later usable result settles."""
    found = []
    for result in newest_versions(chart):
        doubtful = result.status is Status.PRELIMINARY or bool(result.quality)
        if not doubtful or result.value is None or interval_of(result.collected_on, days) < len(days):
            continue
        settled = False
        for other in results:
            if other.analyte == result.analyte and other.collected_at > result.collected_at:
                settled = True
        if not settled:
            found.append(result)
    return found


def interval_of(day: date, days: list[date]) -> int:
    """A specimen of the day of an administration belongs to the interval before it."""
    count = 0
    for given in days:
        if given < day:
            count += 1
    return count


def interval_of_event(event: AdverseEvent, days: list[date]) -> int:
    """An event that begins on the day of an administration belongs to the interval after it."""
    count = 0
    for given in days:
        if given <= event.began_on:
            count += 1
    return count


# ---------------------------------------------------------------------------- what triggers, what resolves


COUNTS = {"PLT": Fraction(75), "HGB": Fraction(80), "ANC": Fraction(1)}
TIMES_UPPER_LIMIT = {"BILI": 3, "ALT": 5, "AST": 5}


def triggers(result: Measurement, chart: Chart, results: list[Measurement]) -> bool:
    """Whether one number asks for withholding: grade 2 platelets, other counts of grade 3, kidney, liver."""
    assert result.value is not None
    value = Fraction(result.value)
    if result.analyte in COUNTS:
        return value < COUNTS[result.analyte]
    if result.analyte in TIMES_UPPER_LIMIT:
        assert result.high is not None
        return value > TIMES_UPPER_LIMIT[result.analyte] * Fraction(result.high)
    return result.analyte == "CREAT" and renal(result, chart, results)


def renal(result: Measurement, chart: Chart, results: list[Measurement]) -> bool:
    """Clearance below 40, or creatinine 40 % above the baseline, or clearance 40 % below it."""
    assert result.value is not None
    base = baseline(chart, results, "CREAT")
    assert base is not None and base.value is not None
    now = clearance(Fraction(result.value), chart, result.collected_on)
    before = clearance(Fraction(base.value), chart, base.collected_on)
    risen = Fraction(result.value) >= Fraction(14, 10) * Fraction(base.value)
    return now < 40 or risen or now <= Fraction(6, 10) * before


def resolved_by(result: Measurement, chart: Chart, results: list[Measurement]) -> bool:
    """By grade: the milder one. Kidney, bilirubin: not triggering, and normal or within 10 % of baseline."""
    if triggers(result, chart, results):
        return False
    if result.analyte not in ("CREAT", "BILI"):
        return True
    assert result.value is not None and result.high is not None
    if result.value <= result.high:
        return True
    base = baseline(chart, results, result.analyte)
    if base is None or base.value is None:
        return False
    return Fraction(result.value) <= Fraction(11, 10) * Fraction(base.value)


def baseline(chart: Chart, results: list[Measurement], analyte: str) -> Measurement | None:
    """The newest usable result before the first administration."""
    first = min(cycle.on for cycle in chart.cycles)
    found = None
    for result in results:
        if result.analyte == analyte and result.collected_on < first:
            found = result
    return found


def clearance(creatinine: Fraction, chart: Chart, day: date) -> Fraction:
    """Cockcroft-Gault: (140 - age) x kg / (72 x mg/dL), times 0.85 for women; weight is constant here."""
    born = chart.birth_date
    assert born is not None
    age = day.year - born.year
    if (day.month, day.day) < (born.month, born.day):
        age -= 1
    mg_per_dl = creatinine / Fraction("88.42")
    value = (140 - age) * Fraction(chart.weights[0].kg) / (72 * mg_per_dl)
    return value * Fraction("0.85") if chart.sex is Sex.FEMALE else value


# --------------------------------------------------------------------------------------- memory of a family


@dataclass
class Sign:
    """One thing that showed a toxicity, and the day on which that thing was over (None: it is not)."""

    interval: int
    day: date
    over_on: date | None


@dataclass
class Story:
    """All signs of one family, and the intervals in which it showed."""

    signs: list[Sign]
    shown_in: list[int]

    def open_in(self, interval: int) -> bool:
        """Whether a sign of an interval, or an earlier one, is still not over."""
        return any(sign.over_on is None for sign in self.signs if sign.interval <= interval)


def family_story(
    family: str, chart: Chart, results: list[Measurement], days: list[date], profile: Profile
) -> Story:
    """Look at every result and every event; nothing before the first administration is a toxicity."""
    signs = []
    for analyte, of in FAMILY_OF_ANALYTE.items():
        if of == family:
            signs += laboratory_signs(analyte, chart, results, days, profile)
    for event in chart.adverse_events:
        if FAMILY_OF_EVENT.get(event.term, "DM-OTH") != family:
            continue
        least = 2 if family == "DM-PLT" else 3
        if event.grade < least or (family == "DM-OTH" and event.related is False):
            continue
        interval = interval_of_event(event, days)
        if interval > 0:
            signs.append(Sign(interval=interval, day=event.began_on, over_on=event.ended_on))
    return Story(signs=signs, shown_in=sorted({sign.interval for sign in signs}))


def laboratory_signs(
    analyte: str, chart: Chart, results: list[Measurement], days: list[date], profile: Profile
) -> list[Sign]:
    """One sign per result that triggers, and the day of the result that showed it resolved."""
    series = [r for r in results if r.analyte == analyte]
    signs = []
    for place, result in enumerate(series):
        interval = interval_of(result.collected_on, days)
        if interval == 0 or not triggers(result, chart, results):
            continue
        over_on = None
        for later in series[place + 1 :]:
            if over_on is not None and interval_of(later.collected_on, days) > interval_of(over_on, days):
                break
            if not resolved_by(later, chart, results):
                over_on = None if profile.reopens else over_on
            elif over_on is None:
                over_on = later.collected_on
        signs.append(Sign(interval=interval, day=result.collected_on, over_on=over_on))
    return signs


def family_action(family: str, story: Story, chart: Chart, days: list[date], profile: Profile) -> Action:
    """First: withhold, then half activity; full after a tolerated half cycle. A second interval: stop.

    Only a cycle given after the toxicity was over resumes the treatment; one given before is a deviation.
    """
    if not story.shown_in:
        return Action.PROCEED
    if family == "DM-HSR" or len(story.shown_in) > 1:
        return Action.STOP
    if story.open_in(len(days)):
        return Action.DELAY
    half_given = False
    for cycle in chart.cycles:
        resumed = all(sign.over_on is not None and sign.over_on <= cycle.on for sign in story.signs)
        if resumed and cycle.activity_gbq <= Decimal(profile.reduced_gbq):
            half_given = True
    return Action.PROCEED if half_given else Action.REDUCE


def stopped_by_limit(family: str, story: Story, days: list[date], today: date, profile: Profile) -> bool:
    """Whether a toxicity was open on the limit day of any administration, whatever was seen later.

    One that began after that day ends the course only while it is open.
    """
    if family == "DM-HSR":
        return False
    for number, given in enumerate(days, start=1):
        stopping = given + timedelta(days=profile.first_stopping_day)
        end = days[number] if number < len(days) else today
        if stopping > end:
            continue
        for sign in story.signs:
            if sign.interval > number:
                continue
            over_in_time = stopping if sign.day <= stopping else end + timedelta(days=1)
            if sign.over_on is None or sign.over_on >= over_in_time:
                return True
    return False

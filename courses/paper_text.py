"""Word the facts of a patient's paper in one language: lines, lists and tables, no number typed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from courses.models import PaperKind
from courses.paper_facts import Facts
from courses.paper_library import Words
from courses.rules.precautions import Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Something below a heading: lines, a list, rows of a table, or a line to write on."""

    kind: str
    lines: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    # The rows that must catch the eye, by their place.
    loud: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with what stands below it; the first section of a paper has none."""

    title: str
    blocks: tuple[Block, ...]
    is_loud: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A whole paper in one language."""

    title: str
    words: Words
    born: str
    sections: tuple[Section, ...]


def word_paper(kind: PaperKind, facts: Facts, words: Words) -> Paper:
    """The paper as the patient reads it."""
    make = {
        PaperKind.SCHEDULE: _schedule,
        PaperKind.DAY: _day,
        PaperKind.HOME: _home,
        PaperKind.CARD: _card,
    }[kind]
    body = tuple(make(facts, words))
    calls = () if kind is PaperKind.CARD else tuple(_calls(facts, words))
    return Paper(
        title=words.say(f"{kind.value}.title"),
        words=words,
        born=day(date.fromisoformat(facts["patient"]["born"]), words, weekday=False),
        sections=(*body, *calls),
    )


def day(value: date, words: Words, *, weekday: bool = True) -> str:
    """A day as the language writes it; a birth date without its weekday."""
    text = _in_form(value, words, "form.day")
    return text if weekday else text.partition(", ")[2]


def _in_form(value: date, words: Words, form: str) -> str:
    """A day in one of the language's ways to write it, each beginning with the weekday and a comma."""
    names = words.parts["form"]
    return words.say(
        form,
        weekday=names["weekdays"][value.weekday()],
        day=value.day,
        month=names["months"][value.month - 1],
        year=value.year,
    )


def number(text: object, words: Words) -> str:
    """A number with the language's decimal mark."""
    return str(text).replace(".", str(words.parts["form"]["decimal"]))


def _on(iso: str, words: Words) -> str:
    return day(date.fromisoformat(iso), words)


def _lines(*lines: str) -> Block:
    return Block(kind="lines", lines=lines)


def _list(*lines: str) -> Block:
    return Block(kind="list", lines=lines)


def _listed(title: str, *lines: str) -> Section:
    return Section(title=title, blocks=(_list(*lines),))


def _write(*lines: str) -> Block:
    return Block(kind="write", lines=lines)


def _place(facts: Facts, words: Words) -> Block:
    """Where it is, or a line on which the clinic writes it."""
    place = facts["clinic"]["place"]
    return _lines(words.say("call.place", place=place)) if place else _write(words.say("call.no_place"))


def _phone(facts: Facts, words: Words) -> Block:
    phone = facts["clinic"]["phone"]
    return _lines(words.say("call.phone", phone=phone)) if phone else _write(words.say("call.no_phone"))


def _calls(facts: Facts, words: Words) -> Iterator[Section]:
    """Whom to call, and when: on every paper that is more than a card."""
    say = words.say
    at_once = ("bleeding", "vomit", "flush", "belly", "urine", "breath")
    fever = say("call.fever", celsius=number(facts["fever_celsius"], words))
    yield Section(
        title=say("call.title"),
        is_loud=True,
        blocks=(
            _phone(facts, words),
            _lines(say("call.now")),
            _list(fever, *(say(f"call.{each}") for each in at_once)),
            _lines(say("call.emergency")),
            _lines(say("call.also")),
            _list(*(say(f"call.{each}") for each in ("cannot_come", "ill", "pregnant", "question"))),
        ),
    )


def _schedule(facts: Facts, words: Words) -> Iterator[Section]:
    say = words.say
    if not facts["visits"]:
        yield Section(title="", blocks=(_lines(say("schedule.none")), _place(facts, words)))
        return
    yield Section(title="", blocks=(_lines(say("schedule.lead")), _place(facts, words)))
    # One line of time, as in a diary: the next visit stands first.
    rows = tuple((_when(each, words), _visit(each, words)) for each in facts["visits"])
    head = (say("schedule.when"), say("schedule.what"))
    loud = frozenset(place for place, each in enumerate(facts["visits"]) if each["kind"] == "therapy")
    yield Section(title="", blocks=(Block(kind="table", head=head, rows=rows, loud=loud),))
    yield Section(title="", blocks=(_lines(say("schedule.bring")),))


def _when(visit: dict[str, Any], words: Words) -> str:
    first, last = date.fromisoformat(visit["first"]), date.fromisoformat(visit["last"])
    if first == last:
        return day(last, words)
    form = "form.day_of_year" if first.year == last.year else "form.day"
    return words.say("form.span", first=_in_form(first, words, form), last=day(last, words))


def _visit(visit: dict[str, Any], words: Words) -> str:
    told = {"cycle": visit.get("cycle"), "months": visit.get("months")}
    text = words.say(f"visit.{visit['kind']}", **told) + "."
    return f"{text} {words.say('schedule.if_asked')}" if visit["unknown"] else text


def _day(facts: Facts, words: Words) -> Iterator[Section]:
    say = words.say
    stop = facts["long_acting_stop"]
    lead = say("day.lead", cycle=facts["cycle"], day=_on(facts["on"], words))
    yield Section(title="", blocks=(_lines(lead),))
    start = say("day.start", time=facts["start"], hours=facts["stay_hours"])
    where = (_place(facts, words), _write(say("day.come")), _lines(start))
    yield Section(title=say("day.where_title"), blocks=where)
    yield _listed(
        say("day.before_title"),
        say("day.meal", hours=facts["full_meal_hours"]),
        say("day.water"),
        say("day.glasses", glasses=facts["glasses_per_hour"]),
        say("day.toilet"),
        say("day.sugar"),
    )
    yield _listed(
        say("day.medicine_title"),
        say("day.medicine"),
        say("day.short_acting", hours=number(facts["short_acting_off_hours"], words)),
        say("day.long_acting", day=_on(stop, words)) if stop else say("day.long_acting_unknown"),
    )
    yield from _day_itself(facts, words)


def _day_itself(facts: Facts, words: Words) -> Iterator[Section]:
    say = words.say
    lead, hours = number(facts["amino_lead_minutes"], words), number(facts["amino_hours"], words)
    yield _listed(
        say("day.amino_title"),
        say("day.amino", minutes=lead, hours=hours),
        say("day.sick"),
        say("day.stop_amino"),
    )
    yield _listed(
        say("day.after_title"),
        say("day.watch", minutes=number(facts["observation_minutes"], words)),
        say("day.measure"),
        say("day.drive"),
        say("day.visitor"),
    )


def _home(facts: Facts, words: Words) -> Iterator[Section]:
    say, ask = words.say, Ask(facts["ask"])
    lead: tuple[str, ...]
    if facts["on"] is None:
        lead = (say("home.lead_before", cycle=facts["cycle"]), say("home.not_given"))
    else:
        lead = (say("home.lead", cycle=facts["cycle"], day=_on(facts["on"], words)),)
    if ask is Ask.ACTIVITY:
        lead = (*lead, say("home.activity"))
    rows = tuple((_rule(each, words), _until(each, ask, words)) for each in facts["rules"])
    head = (say("home.rule"), say("home.until"))
    yield Section(title="", blocks=(_lines(*lead), Block(kind="table", head=head, rows=rows)))
    yield _listed(say("home.ask_title"), say("home.ask_home"), say("home.ask_work"), say("home.waste"))
    yield _listed(say("home.later_title"), *_later(facts, words))


def _rule(rule: dict[str, Any], words: Words) -> str:
    metres = number(rule["metres"], words) if rule["metres"] else ""
    return words.say(f"home.{rule['kind']}", metres=metres, minutes=rule["minutes"])


def _until(rule: dict[str, Any], ask: Ask, words: Words) -> str:
    """The last day; before the infusion how many days; beyond what is known, a place to write."""
    if rule["until"] is not None:
        return _on(rule["until"], words)
    if ask is Ask.ACTIVITY:
        return words.say("home.write")
    return words.say("home.days", days=rule["days"])


def _later(facts: Facts, words: Words) -> Iterator[str]:
    say, months, until = words.say, facts["birth_months"], facts["birth_until"]
    if facts["sex"]:
        last = _last(until[0] if until else None, words)
        yield say(f"home.birth_{facts['sex']}", months=months[0], until=last)
    else:
        yield say("home.birth_unknown", female=months[0], male=months[1])
    if facts["breast_days"] is not None:
        yield say("home.breast", days=facts["breast_days"], until=_last(facts["breast_until"], words))
    yield say("home.again")


def _last(iso: str | None, words: Words) -> str:
    return words.say("home.until_day", day=_on(iso, words)) if iso else words.say("home.until_unknown")


def _card(facts: Facts, words: Words) -> Iterator[Section]:
    say = words.say
    given = "; ".join(
        say("card.amount", gbq=number(each["gbq"], words), day=_on(each["on"], words))
        for each in facts["given"]
    )
    half_life = say("card.half_life", days=number(facts["half_life_days"], words))
    rows = [
        (say("card.medicine"), facts["product"]),
        (say("card.nuclide"), f"{facts['nuclide']}, {half_life}"),
        (say("card.given"), given),
        (say("card.rate"), _survey(facts["survey"], words)),
    ]
    for key in ("carry", "fluids", "near"):
        last = facts[{"carry": "carry_until", "fluids": "fluids_until", "near": "distance_until"}[key]]
        rows.append((say(f"card.{key}"), _on(last, words) if last else say("home.write")))
    yield Section(title="", blocks=(_lines(say("card.lead")), Block(kind="facts", rows=tuple(rows))))
    yield Section(
        title=say("card.clinic"),
        blocks=(
            _lines(facts["clinic"]["name"]),
            _phone(facts, words),
            _place(facts, words),
            _lines(say("card.gloves")),
        ),
    )


def _survey(survey: dict[str, str] | None, words: Words) -> str:
    if survey is None:
        return words.say("card.not_measured")
    at = datetime.fromisoformat(survey["at"])
    return words.say(
        "card.measured",
        rate=number(survey["rate"], words),
        metres=number(survey["metres"], words),
        day=day(at.date(), words),
        time=f"{at:%H:%M}",
    )

"""A physician's waiver is told word for word, by the days it really gives, and where it does not help."""

import copy
from dataclasses import replace
from datetime import date, timedelta

import pytest

from courses import library
from courses.rules.data_reader import DataError
from courses.rules.facts import WaivedThing, Waiver
from courses.rules.protocol import Protocol
from courses.rules.recommend import recommend
from courses.rules.values import Action, Evidence, EvidenceKind, Measurement, Recommendation
from tests.rules.test_protocol_reader import PROTOCOL as DATA
from tests.rules.test_protocol_reader import read
from tests.strategies import FIRST, chart, measurement, panel

US = library.protocol("lutathera_us_2024_04")
EMA = library.protocol("lutathera_ema_2024")
PLANNED = FIRST + timedelta(days=112)


def waiver(what: WaivedThing, days: int = 0, *, reason: str = "lost in transport.;") -> Waiver:
    return Waiver(analyte="PLT", what=what, cycle=3, on=PLANNED, by="Dr Bauer", reason=reason, days=days)


def drawn(platelets_days_before: int) -> tuple[Measurement, ...]:
    """A whole draw of the day before, with platelets of another day."""
    others = (each for each in panel(PLANNED - timedelta(days=1)) if each.analyte != "PLT")
    return (*others, measurement("PLT", "220", PLANNED - timedelta(days=platelets_days_before)))


def judged(protocol: Protocol, draws: tuple[Measurement, ...], *waivers: Waiver) -> Recommendation:
    return recommend(chart=chart(draws=draws, waivers=waivers), protocol=protocol, today=PLANNED)


def told(found: Recommendation) -> list[str]:
    return [each.sentence for each in found.reasons if each.rule == "EV-WAIVER"]


@pytest.mark.parametrize(("days", "words"), [(1, "1 day"), (6, "6 days"), (7, "7 days"), (30, "7 days")])
def test_a_longer_window_is_told_by_the_days_it_really_gives(days: int, words: str) -> None:
    window = US.lab("PLT").validity_days
    [said] = told(judged(US, drawn(window + 1), waiver(WaivedThing.WINDOW, days)))
    assert said.startswith(
        f"Platelets: its result may be up to {words} older than the protocol says for cycle 3, by Dr Bauer: "
        "lost in transport. Without it: "
    )


def test_days_that_would_make_the_earlier_draw_serve_as_the_last_one_are_not_told_as_given() -> None:
    rule, row = EMA.waiver, EMA.lab("PLT")
    assert rule is not None and row.earlier is not None
    # The earlier draw lies 14 days before at the latest, so that 13 days are the most.
    wide = replace(EMA, waiver=replace(rule, days=30))
    more = 13 - row.validity_days
    earlier = measurement("PLT", "220", PLANNED - timedelta(days=20))
    found = judged(wide, (*drawn(13), earlier), waiver(WaivedThing.WINDOW, 30))
    [said] = told(found)
    assert f"its result may be up to {more} days older than the protocol says" in said


def test_an_earlier_draw_that_is_waived_is_told_with_what_was_lacking() -> None:
    [said] = told(judged(EMA, drawn(1), waiver(WaivedThing.EARLIER_DRAW, reason="told by Dr. X")))
    assert said.startswith(
        "Platelets: its earlier draw is waived for cycle 3, by Dr Bauer: told by Dr. X. Without it: "
    )


def said_of(given: Waiver) -> Evidence:
    """The waiver as evidence."""
    what = "window" if given.what is WaivedThing.WINDOW else "earlier draw"
    return Evidence(kind=EvidenceKind.FACT, name="Waiver, Dr Bauer", value=what, on=PLANNED, ref="waiver:1")


def test_a_longer_window_rests_on_the_waiver_and_the_old_result_by_the_protocols_rule() -> None:
    given = replace(waiver(WaivedThing.WINDOW, 3), ref="waiver:1")
    [note] = (each for each in judged(US, drawn(15), given).reasons if each.rule == "EV-WAIVER")
    assert (note.action, note.threshold) == (Action.PROCEED, "at most 7 days more")
    assert note.source == (
        "our choice, a result may be one week older at most; the document names no window of its own "
        "(to be confirmed by the clinic)"
    )
    assert note.sentence.endswith(
        " Without it: the newest result, of 19 April 2026, could be used until 3 May 2026."
    )
    assert note.evidence[0] == said_of(given)
    assert [(each.name, each.on) for each in note.evidence[1:]] == [("Platelets", date(2026, 4, 19))]


def test_a_waived_earlier_draw_rests_on_the_waiver_by_the_rule_that_asks_for_the_draw() -> None:
    given = replace(waiver(WaivedThing.EARLIER_DRAW), ref="waiver:1")
    [note] = (each for each in judged(EMA, drawn(1), given).reasons if each.rule == "EV-WAIVER")
    assert (note.action, note.threshold) == (Action.PROCEED, "a usable result")
    assert note.source == (
        "Lutathera EU summary of product characteristics, 2024, "
        "4.4: at least once 2 to 4 weeks before (EU-06)"
    )
    assert note.sentence.endswith(
        " Without it: no usable result of the earlier draw, 28 to 14 days before the treatment, "
        "from 6 April 2026 to 20 April 2026."
    )
    assert note.evidence == (said_of(given),)


@pytest.mark.parametrize("days", [0, -1])
def test_a_protocol_that_lets_a_result_be_older_does_so_by_a_day_at_least(days: int) -> None:
    data = copy.deepcopy(DATA)
    data["waiver"]["waiver_days"] = 1
    rule = read(copy.deepcopy(data)).waiver
    assert rule is not None
    assert rule.days == 1
    data["waiver"]["waiver_days"] = days
    with pytest.raises(DataError) as refused:
        read(data)
    assert str(refused.value) == (
        "waiver.waiver_days: must be a whole number of at least 1; correct the number"
    )


def test_of_several_waivers_only_those_that_were_needed_are_told() -> None:
    needed = waiver(WaivedThing.WINDOW, 7)
    others = [replace(needed, analyte=analyte) for analyte in ("ALB", "GLU", "K")]
    assert US.lab("GLU") is None
    found = judged(US, drawn(US.lab("PLT").validity_days + 1), *others, needed)
    assert [each.partition(":")[0] for each in told(found)] == ["Platelets"]


def test_a_protocol_without_such_a_rule_gives_no_day() -> None:
    none = replace(US, waiver=None)
    found = judged(none, drawn(US.lab("PLT").validity_days + 1), waiver(WaivedThing.WINDOW, 7))
    [note] = (each for each in found.reasons if each.rule == "EV-WAIVER")
    assert note.sentence.startswith("Platelets: the waiver of Dr Bauer does not help, for ")
    assert (note.threshold, note.source) == ("a usable result", str(US.lab("PLT").source))
    assert found.action is Action.HOLD

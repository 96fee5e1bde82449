"""The pure alert rules: who must know, when the next step is due, how long to wait."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import (
    LEGAL_TRANSITIONS,
    UNNAMED_RULE,
    ActingRule,
    Judged,
    Kind,
    Outcome,
    Plan,
    State,
    Step,
    alerts_for,
    backoff,
    escalation_due,
    is_legal,
    strongest_rule,
)
from alerts.waking import HoursPolicy, Office
from labs.traffic import WorkingTime

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
TODAY = date(2026, 5, 4)
OPEN = Office(
    hours=HoursPolicy(
        working=WorkingTime(days=frozenset(range(5)), opens=8 * 60, closes=18 * 60),
        therapy_margin=timedelta(hours=24),
        vial_margin=timedelta(hours=4),
        longest_wait=timedelta(hours=120),
    ),
    zone=ZoneInfo("Europe/Berlin"),
)
PLAN = Plan(
    steps=(
        Step(audience=("on-call",), after=timedelta(0)),
        Step(audience=("physician", "on-call"), after=timedelta(minutes=15)),
    ),
    repeat=timedelta(minutes=30),
    decide_within=timedelta(hours=4),
)


def judged(action: str = "delay", **facts: object) -> Judged:
    given: dict[str, object] = {
        "awaiting_labs": False,
        "labs_due": None,
        "reasons": (ActingRule(rule="DM-PLT", action=action),),
        "today": TODAY,
    }
    return Judged(action=action, **{**given, **facts})  # type: ignore[arg-type]  # facts by name, as the test gives them


@pytest.mark.parametrize(
    ("action", "kind"),
    [("stop", Kind.STOP), ("delay", Kind.DELAY), ("hold", Kind.HOLD), ("reduce", Kind.REDUCE)],
)
def test_every_action_but_proceed_alerts_under_its_own_kind(action: str, kind: Kind) -> None:
    found = alerts_for(judged(action))
    assert (found.outcome, found.kind, found.rule) == (Outcome.ALERT, kind, "DM-PLT")


def test_proceed_needs_nobody_and_says_why() -> None:
    found = alerts_for(judged("proceed", reasons=()))
    assert found.outcome == Outcome.NONE
    assert "proceed" in found.reason


def test_an_action_nobody_taught_us_alerts_as_a_hold() -> None:
    assert alerts_for(judged("postpone")).kind == Kind.HOLD


def test_a_confirming_decision_is_no_news() -> None:
    found = alerts_for(judged("delay", confirms=True))
    assert (found.outcome, found.kind) == (Outcome.NONE, None)


@pytest.mark.parametrize(
    ("due", "outcome"),
    [
        (date(2026, 5, 5), Outcome.WAITING),
        (date(2026, 5, 4), Outcome.WAITING),
        (date(2026, 5, 3), Outcome.ALERT),
    ],
)
def test_awaited_labs_alert_nobody_until_the_due_day_is_over(due: date, outcome: Outcome) -> None:
    found = alerts_for(judged("hold", awaiting_labs=True, labs_due=due))
    assert found.outcome == outcome
    if outcome == Outcome.WAITING:
        assert found.review_on == due + timedelta(days=1)
    else:
        assert found.kind == Kind.LABS_OVERDUE


def test_labs_awaited_without_a_due_day_would_never_ripen_so_they_alert_now() -> None:
    assert alerts_for(judged("hold", awaiting_labs=True, labs_due=None)).kind == Kind.HOLD


def acting(*pairs: tuple[str, str]) -> tuple[ActingRule, ...]:
    return tuple(ActingRule(rule=rule, action=action) for rule, action in pairs)


LACKING = [("EV-MISSING", "hold"), ("EV-STALE", "hold"), ("EV-WEIGHT", "hold")]


@pytest.mark.parametrize("reasons", [LACKING, LACKING[:1], [*LACKING, ("EV-CONFLICT", "proceed")]])
def test_a_hold_for_evidence_that_has_not_come_is_overdue_labs(reasons: list[tuple[str, str]]) -> None:
    found = alerts_for(judged("hold", reasons=acting(*reasons)))
    late = alerts_for(judged("hold", reasons=acting(*reasons), awaiting_labs=True, labs_due=date(2026, 5, 1)))
    assert (found.kind, found.rule) == (late.kind, late.rule) == (Kind.LABS_OVERDUE, "labs-overdue")


@pytest.mark.parametrize("rule", ["EV-CONFLICT", "EV-UNUSABLE", "EV-BASELINE", "SOMETHING-NEW"])
def test_a_hold_with_any_other_rule_stays_a_hold(rule: str) -> None:
    assert alerts_for(judged("hold", reasons=acting(*LACKING, (rule, "hold")))).kind == Kind.HOLD


def test_a_hold_that_names_no_rule_stays_a_hold() -> None:
    assert alerts_for(judged("hold", reasons=())).kind == Kind.HOLD
    assert alerts_for(judged("hold", reasons=acting(("EV-MISSING", "proceed")))).kind == Kind.HOLD


def test_a_fault_of_the_service_is_its_own_kind_whatever_else_holds() -> None:
    found = alerts_for(judged("hold", reasons=acting(*LACKING, ("SYS-FAULT", "hold"))))
    assert (found.kind, found.rule) == (Kind.SYSTEM_FAULT, "SYS-FAULT")


@pytest.mark.parametrize("action", ["delay", "stop"])
def test_a_note_beside_a_verdict_that_withholds_does_not_make_it_a_technical_matter(action: str) -> None:
    reasons = acting(("DM-PLT", action), ("SYS-FAULT", "hold"), ("EV-MISSING", "hold"))
    assert alerts_for(judged(action, reasons=reasons)).kind == Kind(action)


def test_the_strongest_rule_names_the_condition() -> None:
    reasons = (
        ActingRule(rule="EV-MISSING", action="hold"),
        ActingRule(rule="DM-REN", action="delay"),
        ActingRule(rule="DM-PLT", action="delay"),
    )
    assert strongest_rule(reasons) == "DM-REN"
    assert strongest_rule(()) == UNNAMED_RULE


actions = st.sampled_from(["proceed", "reduce", "hold", "delay", "stop", "nonsense"])
facts = st.builds(
    Judged,
    action=actions,
    awaiting_labs=st.booleans(),
    labs_due=st.none() | st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    reasons=st.lists(st.builds(ActingRule, rule=st.text(max_size=8), action=actions), max_size=4).map(tuple),
    today=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    confirms=st.booleans(),
)


@given(facts)
def test_triage_always_says_why_and_is_whole(case: Judged) -> None:
    found = alerts_for(case)
    assert found.reason
    assert (found.kind is not None) == (found.outcome == Outcome.ALERT)
    assert (found.review_on is not None) == (found.outcome == Outcome.WAITING)


@given(facts)
def test_a_new_no_go_is_never_passed_over(case: Judged) -> None:
    found = alerts_for(case)
    if case.action in ("stop", "delay") and not case.confirms:
        assert found.outcome == Outcome.ALERT
    if case.action == "hold" and not case.confirms:
        assert found.outcome in (Outcome.ALERT, Outcome.WAITING)


@given(facts)
def test_a_day_to_look_again_lies_ahead(case: Judged) -> None:
    found = alerts_for(case)
    if found.review_on is not None:
        assert found.review_on > case.today


def test_the_first_step_is_due_at_once_and_the_second_after_its_minutes() -> None:
    first = escalation_due(office=OPEN, plan=PLAN, step=0, loop=1, next_step_at=NOW, now=NOW)
    assert first is not None
    assert (first.step, first.loop, first.audience, first.last) == (1, 1, ("on-call",), False)
    assert first.next_step_at == NOW + timedelta(minutes=15)


def test_a_step_is_never_taken_early() -> None:
    at = NOW + timedelta(microseconds=1)
    assert escalation_due(office=OPEN, plan=PLAN, step=1, loop=1, next_step_at=at, now=NOW) is None
    assert escalation_due(office=OPEN, plan=PLAN, step=1, loop=1, next_step_at=None, now=NOW) is None


def test_the_last_step_repeats_for_ever_each_time_in_a_new_round() -> None:
    step, loop, at = 1, 1, NOW
    rounds = []
    for _ in range(50):
        due = escalation_due(office=OPEN, plan=PLAN, step=step, loop=loop, next_step_at=at, now=at)
        assert due is not None
        assert due.last
        rounds.append((due.step, due.loop))
        assert due.next_step_at == at + timedelta(minutes=30)
        step, loop, at = due.step, due.loop, due.next_step_at
    assert rounds[:3] == [(2, 1), (2, 2), (2, 3)]
    assert len(set(rounds)) == 50


plans = st.builds(
    Plan,
    steps=st.lists(
        st.builds(
            Step, audience=st.just(("on-call",)), after=st.timedeltas(timedelta(0), timedelta(hours=2))
        ),
        min_size=1,
        max_size=4,
    ).map(tuple),
    repeat=st.timedeltas(timedelta(minutes=1), timedelta(days=1)),
    decide_within=st.just(timedelta(hours=1)),
)


@given(plans, st.integers(0, 6), st.integers(1, 9), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_whatever_was_missed_there_is_always_a_next_step(
    plan: Plan, step: int, loop: int, late: timedelta
) -> None:
    due = escalation_due(office=OPEN, plan=plan, step=step, loop=loop, next_step_at=NOW, now=NOW + late)
    assert due is not None
    assert due.next_step_at >= NOW + late
    assert 1 <= due.step <= len(plan.steps)
    assert (due.loop, due.step) > (loop, step) or due.loop > loop


def test_waiting_doubles_to_a_minute_and_never_ends() -> None:
    longest = [5, 10, 20, 40, 60, 60, 60]
    for attempt, seconds in enumerate(longest, start=1):
        wait = backoff(attempt, seed=attempt)
        assert timedelta(seconds=seconds * 4 / 5) <= wait <= timedelta(seconds=seconds)
    assert backoff(100_000) <= timedelta(seconds=60)


@given(st.integers(1, 10_000), st.integers(0, 10_000))
def test_waiting_is_the_same_for_the_same_mail_and_attempt(attempt: int, seed: int) -> None:
    assert backoff(attempt, seed=seed) == backoff(attempt, seed=seed)
    assert timedelta(seconds=4) <= backoff(attempt, seed=seed) <= timedelta(seconds=60)


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="counted from one"):
        backoff(0)


def test_nothing_leads_out_of_closed_and_everything_leads_to_it() -> None:
    assert set(LEGAL_TRANSITIONS) == set(State)
    assert LEGAL_TRANSITIONS[State.CLOSED] == ()
    for state in (State.OPEN, State.CLEARED_UNACKED, State.ACKED):
        assert is_legal(before=state, after=State.CLOSED)
    assert not is_legal(before=State.ACKED, after=State.CLEARED_UNACKED)


def test_a_hold_for_what_a_rule_asks_now_is_not_a_matter_of_waiting() -> None:
    reasons = (ActingRule(rule="EV-MISSING", action="hold"),)
    facts = {"awaiting_labs": False, "labs_due": None, "reasons": reasons, "today": date(2026, 5, 11)}
    draws = Judged(action="hold", **facts)  # type: ignore[arg-type]  # facts by name, for both
    asked = Judged(action="hold", only_draws=False, **facts)  # type: ignore[arg-type]  # the same
    assert alerts_for(draws).kind is Kind.LABS_OVERDUE
    assert alerts_for(asked).kind is Kind.HOLD


def test_a_record_that_was_due_comes_late_as_a_draw_does_and_another_rule_does_not() -> None:
    def held_by(*rules: str) -> Judged:
        reasons = tuple(ActingRule(rule=rule, action="hold") for rule in rules)
        return Judged(
            action="hold", awaiting_labs=False, labs_due=None, reasons=reasons, today=date(2026, 5, 11)
        )

    assert alerts_for(held_by("EV-STALE", "CHK-ALLERGY")).kind is Kind.LABS_OVERDUE
    assert alerts_for(held_by("CHK-ALLERGY", "EV-CONFLICT")).kind is Kind.HOLD


@pytest.mark.parametrize("rule", ["SYS-FAULT", "SYS-PROTOCOL"])
def test_what_the_service_could_not_judge_is_a_fault_of_the_system(rule: str) -> None:
    reasons = (ActingRule(rule=rule, action="hold"), ActingRule(rule="EV-MISSING", action="hold"))
    judged = Judged(
        action="hold", awaiting_labs=False, labs_due=None, reasons=reasons, today=date(2026, 5, 11)
    )
    assert (alerts_for(judged).kind, alerts_for(judged).rule) == (Kind.SYSTEM_FAULT, rule)

"""What an override of a rule would cover now: the action it overrides, and the values that rests on."""

from datetime import date

from courses.rules.facts import UsedValue
from courses.rules.overrides import acting, used_values
from courses.rules.protocol import Protocol
from courses.rules.recommend import case_of, recommend
from courses.rules.values import Action, Chart


def override_basis(
    *, rule: str, chart: Chart, protocol: Protocol, today: date
) -> tuple[Action, tuple[UsedValue, ...]] | None:
    """The most severe action that a rule asks for and its values; None where it asks for nothing."""
    reasons = acting(rule, recommend(chart=chart, protocol=protocol, today=today).reasons)
    if not reasons:
        return None
    case, dates = case_of(chart=chart, protocol=protocol, today=today)
    return max(reason.action for reason in reasons), used_values(reasons, case, dates)

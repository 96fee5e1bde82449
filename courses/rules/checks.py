"""Judge what is recorded of a patient beside results: pregnancy, imaging, wash-out, allergy, heart, illness."""

from courses.rules.protocol import InterruptionCheck, Protocol
from courses.rules.values import Chart

# The kinds of facts a situation may come without, by the names other programs see.
_ALWAYS_NAMED = ("pregnancy", "sstr_imaging", "analogue_injections", "allergy_review", "disease_flags")


def not_considered(chart: Chart, protocol: Protocol) -> tuple[str, ...]:
    """The kinds of facts this chart came without, so that nothing here was judged by them."""
    names = list(_ALWAYS_NAMED)
    if any(isinstance(check, InterruptionCheck) for check in protocol.checks):
        names.append("interruptions")
    return tuple(name for name in names if getattr(chart.facts, name) is None)

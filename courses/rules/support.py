"""Mark results taken so soon after a transfusion or growth factor that they may alarm but not clear."""

from collections.abc import Iterator
from dataclasses import replace

from courses.rules.evidence import History, Sample
from courses.rules.facts import Support, SupportKind
from courses.rules.protocol import Protocol, SupportRule
from courses.rules.values import Chart
from labs.clinic_days import days_between

SUPPORT_WORDS = {
    SupportKind.PLATELETS: "a platelet transfusion",
    SupportKind.RED_CELLS: "a red cell transfusion",
    SupportKind.GROWTH_FACTOR: "a growth factor",
}


def mark_supported(history: History, *, chart: Chart, protocol: Protocol) -> History:
    """The same history, with every reliable result under support marked so.

    The day of the support itself counts, as does the last day of the protocol's span. A result of an earlier
    day keeps its weight: it shows the marrow as it was without support.
    """
    if not chart.support:
        return history
    return replace(history, decisive=tuple(_marked(sample, chart, protocol) for sample in history.decisive))


def _marked(sample: Sample, chart: Chart, protocol: Protocol) -> Sample:
    """A sample marked with the nearest support before it, if one reaches it."""
    found = min(_reaching(sample, chart, protocol), default=None)
    if found is None:
        return sample
    days, kind = found
    when = "on the day of" if days == 0 else f"{days} {'day' if days == 1 else 'days'} after"
    why = f"it was collected {when} {SUPPORT_WORDS[kind]}: it may alarm but not clear"
    return replace(sample, supported=True, why=why)


def _reaching(sample: Sample, chart: Chart, protocol: Protocol) -> Iterator[tuple[int, SupportKind]]:
    """The supports whose span holds the sample: how many days before it, and which."""
    for rule in protocol.support:
        if sample.analyte in rule.analytes:
            yield from (
                (days_between(support.on, sample.day), rule.kind)
                for support in chart.support
                if _reaches(support, rule, sample)
            )


def _reaches(support: Support, rule: SupportRule, sample: Sample) -> bool:
    return support.kind is rule.kind and 0 <= days_between(support.on, sample.day) <= rule.days

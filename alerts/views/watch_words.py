"""Say in the policy's sentences what an alert is about, from its own facts; no patient stands in them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from alerts.frozen_wording import wording_of
from alerts.models import Alert
from alerts.rules import Kind
from alerts.wording import fill
from labs.clinic_days import clinic_day
from labs.templatetags.clinic_text import analyte_name, day, instant, visible
from labs.zones import clinic_zone

# One sentence: its name in the policy's words, and what stands for each name in it.
Said = tuple[str, Mapping[str, str]]


def about_sentences(alert: Alert) -> list[str]:
    """What this alert is about, one sentence each; nothing where its kind has no more to say."""
    write = _WRITERS.get(alert.kind)
    said = [*(write(alert.about) if write and alert.about else ()), *_labs_due(alert)]
    sentences = wording_of(alert).kind.sentences
    return [fill(sentences[name], stands_for) for name, stands_for in said]


def _labs_due(alert: Alert) -> Iterator[Said]:
    """Which labs of which cycle were due by which day and have not come."""
    if alert.kind not in {Kind.LABS_OVERDUE, Kind.HOLD} or alert.decision is None or alert.cycle is None:
        return
    raised_on = clinic_day(alert.raised_at, clinic_zone())
    late: dict[date, list[str]] = defaultdict(list)
    for gap in alert.decision.answer.get("missing", []):
        if gap.get("due_on") and date.fromisoformat(gap["due_on"]) < raised_on:
            late[date.fromisoformat(gap["due_on"])].append(analyte_name(gap["code"]))
    for due, names in sorted(late.items()):
        yield (
            "labs_due",
            {"cycle": str(alert.cycle.number), "day": day(due), "analytes": ", ".join(names)},
        )


def _silent(about: Mapping[str, Any]) -> Iterator[Said]:
    name = "stopped" if about["started"] else "never_began"
    yield name, {"source": visible(about["source"]), "since": instant(about["since"])}


def _unmapped(about: Mapping[str, Any]) -> Iterator[Said]:
    codes = ", ".join(visible(code) for code in about["codes"])
    source, since = visible(about["source"]), instant(about["since"])
    yield "codes", {"source": source, "codes": codes, "since": since}
    yield "waiting", {"items": str(about["items"])}


def _drift(about: Mapping[str, Any]) -> Iterator[Said]:
    facts = {"source": visible(about["source"]), "analyte": analyte_name(about["analyte"])}
    if "ratio" in about:
        yield "moved", {**facts, "ratio": str(about["ratio"])}
        return
    yield (
        "new_unit",
        {
            **facts,
            "unit": visible(about["unit"]) or "(no unit)",
            "since": instant(about["since"]),
            "before": ", ".join(visible(unit) or "(no unit)" for unit in about["before"]),
        },
    )


def _panel(about: Mapping[str, Any]) -> Iterator[Said]:
    yield (
        "lacks",
        {
            "panel": visible(about["panel"]),
            "source": visible(about["source"]),
            "since": instant(about["since"]),
            "analytes": ", ".join(analyte_name(short) for short in about["analytes"]),
        },
    )


def _ageing(about: Mapping[str, Any]) -> Iterator[Said]:
    yield "overdue", {"items": str(about["items"]), "since": instant(about["since"])}


def _broken(about: Mapping[str, Any]) -> Iterator[Said]:
    if about["stage"]:
        yield "stage", {"stage": str(about["stage"]), "since": instant(about["since"])}
    else:
        yield "last_passed", {"since": instant(about["since"])}
    yield "why", {"reason": visible(about["reason"])}


def _recall(about: Mapping[str, Any]) -> Iterator[Said]:
    yield "recalled", {"since": instant(about["since"]), "reason": visible(about["reason"])}


def _deviation(about: Mapping[str, Any]) -> Iterator[Said]:
    yield "recorded", {"since": instant(about["since"])}
    if not about["authorised"]:
        yield "not_authorised", {}


def _incident(about: Mapping[str, Any]) -> Iterator[Said]:
    facts = {"what": str(about["what"]), "day": day(about["by"]), "since": instant(about["since"])}
    yield "due", facts


def _critical(about: Mapping[str, Any]) -> Iterator[Said]:
    yield "low" if about["side"] == "low" else "high", {"analyte": analyte_name(about["analyte"])}
    if about["doubtful"]:
        yield "in_doubt", {}


def _limit(about: Mapping[str, Any]) -> Iterator[Said]:
    if about["limit"] == "delay":
        yield "delay", {"day": day(about["stops_on"])}
    else:
        yield "activity" if about["known"] else "unknown_activity", {}


def _mail_loop(about: Mapping[str, Any]) -> Iterator[Said]:
    yield "tried", {"since": instant(about["since"])}


_RUNNER_WORDS = {
    "celery": "Celery (beat, broker and workers)",
    "runner": "The second runner (manage.py runner)",
}


def _rule_broken(about: Mapping[str, Any]) -> Iterator[Said]:
    yield "broken", {"sentence": visible(about["sentence"]), "rule": visible(about["rule"])}
    for example in about["examples"]:
        yield "example", {"example": f"{visible(example)[:1].upper()}{visible(example)[1:]}"}


def _stuck(about: Mapping[str, Any]) -> Iterator[Said]:
    name = str(about["runner"])
    yield "silent", {"runner": _RUNNER_WORDS.get(name, visible(name)), "since": instant(about["since"])}


def _anomaly(about: Mapping[str, Any]) -> Iterator[Said]:
    yield (
        "burst",
        {
            "source": visible(about["source"]),
            "alerts": str(about["alerts"]),
            "minutes": str(about["minutes"]),
            "since": instant(about["since"]),
        },
    )


def _rota(about: Mapping[str, Any]) -> Iterator[Said]:
    span = _duty_span(about)
    known = f", since {instant(about['since'])}" if "since" in about else ""
    yield (
        ("cannot_be_told", {"why": f"{about['why']}{known}", **span}) if "why" in about else ("nobody", span)
    )
    if about["items"] > 1:
        yield "more", {"items": str(about["items"])}


def _hand_over(about: Mapping[str, Any]) -> Iterator[Said]:
    yield "duty", _duty_span(about)


def _duty_span(about: Mapping[str, Any]) -> dict[str, str]:
    return {"begins": instant(about["starts_at"]), "ends": instant(about["ends_at"])}


def _follow_up(about: Mapping[str, Any]) -> Iterator[Said]:
    yield "due", {"what": str(about["what"]), "day": day(about["by"])}


def _call_back(about: Mapping[str, Any]) -> Iterator[Said]:
    yield "due", {"who": about["who"].capitalize(), "time": instant(about["by"])}


_WRITERS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Said]]] = {
    Kind.FEED_SILENT: _silent,
    Kind.UNMAPPED_CODE: _unmapped,
    Kind.UNIT_DRIFT: _drift,
    Kind.PANEL_INCOMPLETE: _panel,
    Kind.QUARANTINE_AGEING: _ageing,
    Kind.UPLOAD_AGEING: _ageing,
    Kind.RECALL_UNANSWERED: _recall,
    Kind.DEVIATION: _deviation,
    Kind.INCIDENT_DUE: _incident,
    Kind.FOLLOW_UP_OVERDUE: _follow_up,
    Kind.CALL_BACK_OVERDUE: _call_back,
    Kind.CANARY_BROKEN: _broken,
    Kind.CRITICAL_VALUE: _critical,
    Kind.LIMIT_NEAR: _limit,
    Kind.MAIL_LOOP: _mail_loop,
    Kind.INVARIANT_BROKEN: _rule_broken,
    Kind.RUNNER_STUCK: _stuck,
    Kind.FEED_ANOMALY: _anomaly,
    Kind.ROTA_GAP: _rota,
    Kind.HAND_OVER: _hand_over,
}

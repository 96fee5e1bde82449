"""Say in sentences what an alert is about, from its own facts; no patient stands in them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from alerts.models import Alert
from alerts.rules import Kind
from labs.clinic_days import clinic_day
from labs.templatetags.clinic_text import analyte_name, day, instant, visible
from labs.zones import clinic_zone

# What happened, and what to do next.
WATCH_WORDS: Mapping[str, tuple[str, str]] = {
    Kind.FEED_SILENT: (
        "A laboratory has sent nothing for longer than expected.",
        "No news is not good news: results may be missing. Ask the laboratory whether it sends, and whoever "
        "runs the service whether the connection stands. The alert ends by itself when a message comes.",
    ),
    Kind.UNMAPPED_CODE: (
        "A laboratory uses a test code that nobody has mapped.",
        "Results under this code reach no chart and wait in the quarantine. Ask the laboratory what "
        "the code stands for; then have it mapped, or settle the waiting results. What a cycle lacks because "
        "of it counts as missing.",
    ),
    Kind.UNIT_DRIFT: (
        "A laboratory's unit is not the one it used before.",
        "Ask the laboratory whether it changed the unit or the method. Compare one result with its own "
        "report before anybody relies on the new values.",
    ),
    Kind.PANEL_INCOMPLETE: (
        "A panel came without results that it usually brings.",
        "What is missing counts as missing, never as normal. Ask the laboratory for the rest of this draw, "
        "or arrange another one.",
    ),
    Kind.QUARANTINE_AGEING: (
        "Laboratory results have waited for a person for too long.",
        "Open the quarantine, the oldest first. Match, map, confirm or reject each one, with the laboratory "
        "where it is not clear. The alert ends by itself when none is overdue.",
    ),
    Kind.UPLOAD_AGEING: (
        "A laboratory file that somebody handed in waits for a second person.",
        "Nothing of it has reached a chart. Open the laboratory files, the oldest first, read the preview, "
        "and commit or discard it; whoever handed it in may only discard it. The alert ends by itself when "
        "none is overdue.",
    ),
    Kind.RECALL_UNANSWERED: (
        "A unit that was dispensed must not be given, and pharmacy has not answered the recall.",
        "Do not give it. Find the unit, secure it or return it to pharmacy, and acknowledge the recall on "
        "the order's page in pharmacy: acknowledging this alert does not answer the recall. If it was given "
        "already, say so there and record the infusion. The alert ends by itself with that answer.",
    ),
    Kind.DEVIATION: (
        "Something was given otherwise than directed.",
        "See to the patient first. Read what departed from the directive, acknowledge, and review "
        "whether it is a medical event. It counts in every total as it was given.",
    ),
    Kind.INCIDENT_DUE: (
        "The regulator waits for word of an incident.",
        "Open the incident and record what was done: notified, reported, or reviewed and found no medical "
        "event. The alert ends by itself once that is recorded.",
    ),
    Kind.FOLLOW_UP_OVERDUE: (
        "A visit or a draw after a cycle has not come in time.",
        "Ring the patient and arrange it; late effects on marrow and kidneys show only here. Then record on "
        "the follow-up page what became of it. Only a physician closes a follow-up for good. The alert ends "
        "by itself with either.",
    ),
    Kind.CALL_BACK_OVERDUE: (
        "A patient waits to be rung back.",
        "Read the call, ring, and record the new call as the one that settles it: the alert ends by itself "
        "with that. An acknowledgement alone rings nobody.",
    ),
    Kind.CANARY: (
        "A synthetic result of the trial of the line arrived.",
        "Nothing is to be done: no patient is concerned.",
    ),
    Kind.CANARY_BROKEN: (
        "The trial of the whole line did not reach its end.",
        "Real results may not be read, judged or told either. Whoever runs the service looks at the stage "
        "named below and at the log. Until it is mended, read the results of today's patients from the "
        "laboratory's own reports. The alert ends by itself with the next trial that passes.",
    ),
    Kind.CRITICAL_VALUE: (
        "A laboratory value is critical.",
        "Read the value, acknowledge, and call whoever treats the patient now. Have the value read back to "
        "you, and record who was reached: only that ends the alert, neither an acknowledgement nor a later "
        "value.",
    ),
    Kind.LIMIT_NEAR: (
        "A limit of the protocol is near.",
        "Read which limit, and bring the case to a physician in time to decide. The alert ends by itself "
        "when the limit is no longer near.",
    ),
    Kind.MAIL_LOOP: (
        "No mail has left this service for minutes.",
        "Nobody reads of alerts in a mailbox now: look at the list of alerts itself, and tell those on call "
        "by telephone. Whoever runs the service looks at the mail server. The alert ends by itself with the "
        "next mail that is accepted.",
    ),
    Kind.INVARIANT_BROKEN: (
        "The service has found a fault in its own alerting.",
        "Somebody who should have been told may not have been. Look at the list of alerts and at the results "
        "of today's patients yourself, and tell whoever should know. Whoever runs the service reads what is "
        "named below and the log. The alert ends by itself when the rule holds again.",
    ),
    Kind.RUNNER_STUCK: (
        "One of the two processes that carry the alerts gives no sign of life.",
        "The other one still does all the work, within a minute; if it stops as well, nobody is told of "
        "anything. Whoever runs the service restarts the process named below. The alert ends by itself when "
        "it gives a sign of life.",
    ),
    Kind.FEED_ANOMALY: (
        "One source makes more alerts at once than a clinic's patients do.",
        "Look at a few of them: a wrong unit, old results sent again, or a fault of this service may stand "
        "behind all. Ask the laboratory. Each of these alerts counts as real until somebody has looked: "
        "acknowledge them one by one.",
    ),
    Kind.ROTA_GAP: (
        "The on-call rota names nobody, or somebody who could not be told.",
        "Open the rota: put somebody on call for that time, or mend what keeps the person from being told. "
        "Until then everybody with the on-call role is told of alerts. The alert ends by itself once it is "
        "mended.",
    ),
    Kind.HAND_OVER: (
        "A duty has begun: say that you are there.",
        "Acknowledge. That shows that mails of this service reach whoever is on call now. If the duty is not "
        "yours, tell whoever leads the rota. Unanswered, it goes to the person before and to the lead.",
    ),
}


def about_sentences(alert: Alert) -> list[str]:
    """What this alert is about, one sentence each; nothing where its kind has no more to say."""
    write = _WRITERS.get(alert.kind)
    return [*(write(alert.about) if write and alert.about else ()), *_labs_due(alert)]


def _labs_due(alert: Alert) -> Iterator[str]:
    """Which labs of which cycle were due by which day and have not come."""
    if alert.kind not in {Kind.LABS_OVERDUE, Kind.HOLD} or alert.decision is None or alert.cycle is None:
        return
    raised_on = clinic_day(alert.raised_at, clinic_zone())
    late: dict[date, list[str]] = defaultdict(list)
    for gap in alert.decision.answer.get("missing", []):
        if gap.get("due_on") and date.fromisoformat(gap["due_on"]) < raised_on:
            late[date.fromisoformat(gap["due_on"])].append(analyte_name(gap["code"]))
    for due, names in sorted(late.items()):
        yield f"Pre-cycle {alert.cycle.number} labs due by {day(due)} have not come: {', '.join(names)}."


def _silent(about: Mapping[str, Any]) -> Iterator[str]:
    source, since = visible(about["source"]), instant(about["since"])
    if about["started"]:
        yield f"No message from {source} since {since}."
    else:
        yield f"No message from {source} has ever come; it was set up on {since}."


def _unmapped(about: Mapping[str, Any]) -> Iterator[str]:
    codes = ", ".join(visible(code) for code in about["codes"])
    yield f"{visible(about['source'])} sends {codes}, first on {instant(about['since'])}."
    yield f"Results that wait because of it: {about['items']}."


def _drift(about: Mapping[str, Any]) -> Iterator[str]:
    source, name = visible(about["source"]), analyte_name(about["analyte"])
    if "ratio" in about:
        yield (
            f"In the middle, the newest {name} values of {source} are {about['ratio']} times its earlier "
            f"ones: the ratio of two units of {name}."
        )
    else:
        before = ", ".join(visible(unit) or "(no unit)" for unit in about["before"])
        yield (
            f"{source} sent {name} in {visible(about['unit']) or '(no unit)'} for the first time on "
            f"{instant(about['since'])}; before, it used {before}."
        )


def _panel(about: Mapping[str, Any]) -> Iterator[str]:
    names = ", ".join(analyte_name(short) for short in about["analytes"])
    yield (
        f"The panel {visible(about['panel'])} of {visible(about['source'])}, received on "
        f"{instant(about['since'])}, came without: {names}."
    )


def _ageing(about: Mapping[str, Any]) -> Iterator[str]:
    since = instant(about["since"])
    yield f"Overdue when this was noticed: {about['items']}; the oldest has waited since {since}."


def _broken(about: Mapping[str, Any]) -> Iterator[str]:
    if about["stage"]:
        yield f"Stage not reached: {about['stage']}. Noticed on {instant(about['since'])}."
    else:
        yield f"The last trial that passed began on {instant(about['since'])}."
    yield visible(about["reason"])


def _recall(about: Mapping[str, Any]) -> Iterator[str]:
    yield f"Recalled on {instant(about['since'])} (reason {visible(about['reason'])}), not answered since."


def _deviation(about: Mapping[str, Any]) -> Iterator[str]:
    yield f"Recorded on {instant(about['since'])}."
    if not about["authorised"]:
        yield "It was given without a valid authorisation."


def _incident(about: Mapping[str, Any]) -> Iterator[str]:
    yield f"{about['what']} by {day(about['by'])}. The incident was opened on {instant(about['since'])}."


def _critical(about: Mapping[str, Any]) -> Iterator[str]:
    side = "low" if about["side"] == "low" else "high"
    yield f"{analyte_name(about['analyte'])} is critically {side}. Who reads results reads the value here."
    if about["doubtful"]:
        yield "It is in doubt: preliminary, of a faulty specimen, kept apart, or told as a bound only."


def _limit(about: Mapping[str, Any]) -> Iterator[str]:
    if about["limit"] == "delay":
        yield f"A toxicity delays it; unless it resolves, the course stops on {day(about['stops_on'])}."
    elif about["known"]:
        yield "With the next cycle the administered activity would be more than the whole schedule foresees."
    else:
        yield "There was treatment of unknown activity: nobody can say how near the limit is."


def _mail_loop(about: Mapping[str, Any]) -> Iterator[str]:
    yield f"Tried in vain since {instant(about['since'])}."


_RUNNER_WORDS = {
    "celery": "Celery (beat, broker and workers)",
    "runner": "The second runner (manage.py runner)",
}


def _rule_broken(about: Mapping[str, Any]) -> Iterator[str]:
    yield f"Must hold, and does not: {visible(about['sentence'])} (rule {visible(about['rule'])})."
    for example in about["examples"]:
        yield f"{visible(example)[:1].upper()}{visible(example)[1:]}."


def _stuck(about: Mapping[str, Any]) -> Iterator[str]:
    name = str(about["runner"])
    yield f"{_RUNNER_WORDS.get(name, visible(name))}: no sign of life since {instant(about['since'])}."


def _anomaly(about: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{visible(about['source'])}: {about['alerts']} new alerts within {about['minutes']} minutes, from "
        f"{instant(about['since'])} on."
    )


def _rota(about: Mapping[str, Any]) -> Iterator[str]:
    span = f"from {instant(about['starts_at'])} to {instant(about['ends_at'])}"
    known = f", since {instant(about['since'])}" if "since" in about else ""
    who = f"The person named below {about['why']}{known}: on call" if "why" in about else "Nobody:"
    yield f"{who} {span}."
    if about["items"] > 1:
        yield f"That is the first of {about['items']} such times."


def _hand_over(about: Mapping[str, Any]) -> Iterator[str]:
    yield f"On call from {instant(about['starts_at'])} to {instant(about['ends_at'])}."


def _follow_up(about: Mapping[str, Any]) -> Iterator[str]:
    yield f"{about['what']}: due by {day(about['by'])}, and nothing recorded since."


def _call_back(about: Mapping[str, Any]) -> Iterator[str]:
    yield f"{about['who'].capitalize()}, by {instant(about['by'])}."


_WRITERS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
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

"""Say which texts an alert of each kind is told in, which names each may hold, and fill them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alerts.rules import Kind

# A name in braces, and nothing else: no attribute, no index, no format.
NAME = re.compile(r"\{([a-z_]+)\}")

Texts = Mapping[str, str]
# Each text of a table, with the names it holds.
Slots = Mapping[str, frozenset[str]]


def _slots(**texts: str) -> Slots:
    return {text: frozenset(names.split()) for text, names in texts.items()}


_LABS_DUE = _slots(labs_due="cycle day analytes")
_OVERDUE = _slots(overdue="items since")

# What the page of an alert says of its own case, by kind; a kind without an entry has no such sentence.
SENTENCES: Mapping[Kind, Slots] = {
    Kind.HOLD: _LABS_DUE,
    Kind.LABS_OVERDUE: _LABS_DUE,
    Kind.FEED_SILENT: _slots(stopped="source since", never_began="source since"),
    Kind.UNMAPPED_CODE: _slots(codes="source codes since", waiting="items"),
    Kind.UNIT_DRIFT: _slots(new_unit="source analyte unit since before", moved="source analyte ratio"),
    Kind.PANEL_INCOMPLETE: _slots(lacks="panel source since analytes"),
    Kind.QUARANTINE_AGEING: _OVERDUE,
    Kind.UPLOAD_AGEING: _OVERDUE,
    Kind.RECALL_UNANSWERED: _slots(recalled="since reason"),
    Kind.DEVIATION: _slots(recorded="since", not_authorised=""),
    Kind.INCIDENT_DUE: _slots(due="what day since"),
    Kind.FOLLOW_UP_OVERDUE: _slots(due="what day"),
    Kind.CALL_BACK_OVERDUE: _slots(due="who time"),
    Kind.CANARY_BROKEN: _slots(stage="stage since", last_passed="since", why="reason"),
    Kind.CRITICAL_VALUE: _slots(low="analyte", high="analyte", in_doubt=""),
    Kind.LIMIT_NEAR: _slots(delay="day", activity="", unknown_activity=""),
    Kind.MAIL_LOOP: _slots(tried="since"),
    Kind.INVARIANT_BROKEN: _slots(broken="sentence rule", example="example"),
    Kind.RUNNER_STUCK: _slots(silent="runner since"),
    Kind.FEED_ANOMALY: _slots(burst="source alerts minutes since"),
    Kind.ROTA_GAP: _slots(nobody="begins ends", cannot_be_told="why begins ends", more="items"),
    Kind.HAND_OVER: _slots(duty="begins ends"),
}

# A letter says the same of every kind, so that nobody reads from it what a patient has, and none of its names
# stands for anything of a patient. One letter tells of one alert, the other of many.
LETTER = _slots(
    subject="severity ref",
    opening="clinic",
    escalates="time",
    everybody_told="phone",
    everybody_told_no_phone="",
    to_do="",
    no_log_in="phone",
    no_log_in_no_phone="",
    closing="",
)
LETTER_TOGETHER = _slots(
    subject="severity alerts critical",
    opening="clinic alerts critical",
    escalates="time",
    explanation="",
    to_do="",
    no_log_in="phone",
    no_log_in_no_phone="",
    closing="",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindWords:
    """What people read of one kind: its name in lists, what it means, what to do next, and its case."""

    title: str
    meaning: str
    to_do: str
    sentences: Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterWords:
    """The texts of a letter about one alert, and of one about many."""

    alone: Texts
    together: Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Every word one alert is told in, frozen when it begins."""

    kind: KindWords
    letters: LetterWords
    severities: Mapping[int, str]


def fill(text: str, names: Texts) -> str:
    """The text with what stands for each name, in one pass: what was filled in is not read again.

    Raises KeyError for a name that is not given.
    """
    return NAME.sub(lambda found: names[found[1]], text)


def wording_as_data(wording: Wording) -> dict[str, Any]:
    """The words as plain data, to be frozen into the alert that is told in them."""
    return {
        "title": wording.kind.title,
        "meaning": wording.kind.meaning,
        "to_do": wording.kind.to_do,
        "sentences": dict(wording.kind.sentences),
        "letter": dict(wording.letters.alone),
        "letter_together": dict(wording.letters.together),
        "severities": {str(level): word for level, word in wording.severities.items()},
    }


def wording_from_data(data: Mapping[str, Any], *, missing: Wording) -> Wording:
    """The inverse of wording_as_data; a text that was not yet written then is that of `missing`."""
    kept = {**wording_as_data(missing), **data}
    return Wording(
        kind=KindWords(
            title=kept["title"],
            meaning=kept["meaning"],
            to_do=kept["to_do"],
            sentences={**missing.kind.sentences, **kept["sentences"]},
        ),
        letters=LetterWords(
            alone={**missing.letters.alone, **kept["letter"]},
            together={**missing.letters.together, **kept["letter_together"]},
        ),
        severities={
            **missing.severities,
            **{int(level): word for level, word in kept["severities"].items()},
        },
    )

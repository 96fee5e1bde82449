"""Match, judge and store what was parsed of one message or of several, inside the caller's transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from labs.formats.parsed import ParsedPatient, Problem
from labs.models import LabMessage, Patient
from labs.services.again import Again
from labs.services.identity import Trust, match_patients
from labs.services.measure import Known
from labs.services.opening import Opened
from labs.services.record import Recorder, Tally
from labs.services.site import Site
from labs.services.storing import store_all

Persons = Mapping[ParsedPatient, Patient | Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """One kept message with what its bytes say."""

    message: LabMessage
    opened: Opened


def record(
    message: LabMessage,
    opened: Opened,
    now: datetime,
    *,
    again: Again | None = None,
    site: Site | None = None,
) -> Tally:
    """Record one message; `again` where people have resolved what waited in it."""
    [tally] = record_all([Parsed(message=message, opened=opened)], now, again=again, site=site or Site())
    return tally


def record_all(
    messages: Sequence[Parsed], now: datetime, *, site: Site, again: Again | None = None
) -> list[Tally]:
    """Record these messages as if one after the other, with as few statements as that allows."""
    persons = _persons(messages, site)
    known: defaultdict[tuple[str, str], Known] = defaultdict(dict)
    recorders = []
    for each in messages:
        opened = each.opened
        recorder = Recorder(
            message=each.message,
            sender=opened.sender,
            site=site,
            local_codes=site.local_codes(opened.codes),
            confirmed={**opened.confirmed, **(again.confirmed if again else {})},
            again=again,
            now=now,
            known=known[opened.sender, opened.codes],
        )
        recorder.judge(
            opened.parsed,
            people={
                **persons[opened.bare_number_ok],
                **opened.people,
                **(again.patients if again else {}),
            },
        )
        recorders.append(recorder)
    return store_all(recorders)


def _persons(messages: Sequence[Parsed], site: Site) -> dict[bool, Persons]:
    """Everybody whom the messages name, as seen by senders whose bare numbers are ours, and by the others."""
    found: dict[bool, Persons] = {}
    for bare_number_ok in {each.opened.bare_number_ok for each in messages}:
        named = {
            report.patient
            for each in messages
            if each.opened.bare_number_ok is bare_number_ok
            for report in each.opened.parsed.reports
        }
        found[bare_number_ok] = match_patients(named, trust=Trust(bare_number_ok), merged=site.people)
    return found

"""Store what was judged of one message or of several, as if one after the other."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from labs.formats.parsed import Act
from labs.models import LabMessage, LabReport, Observation, Result
from labs.services.bulk import insert_rows, insert_tables, reserve_keys, update_values
from labs.services.doubted import note_changes_of_nobody
from labs.services.history import History, lock_histories
from labs.services.record import Entry, Recorder, Tally
from labs.services.stored_rows import report_columns
from labs.services.units_seen import note_units

# The row id of each report, by the message and its place there.
_Reports = Mapping[tuple[int, int], int]


def store_all(recorders: Sequence[Recorder]) -> list[Tally]:
    """Store what was judged fit in few statements, and what must wait; what each message came to."""
    for together in _rounds(recorders):
        _store(together)
    insert_rows([row for recorder in recorders for row in recorder.quarantined])
    note_changes_of_nobody(recorders)
    return [recorder.told() for recorder in recorders]


def _rounds(recorders: Sequence[Recorder]) -> Iterator[Sequence[Recorder]]:
    """The messages in order, as many at a time as speak of no result twice.

    So a correction of what another of these messages states meets that as it is stored, and every history
    belongs to one message while it grows.
    """
    if len(recorders) == 1:
        yield recorders
        return
    together: list[Recorder] = []
    spoken: set[Any] = set()
    for recorder in recorders:
        results = recorder.results()
        if not spoken.isdisjoint(results):
            yield together
            together, spoken = [], set()
        together.append(recorder)
        spoken |= results
    yield together


def _store(recorders: Sequence[Recorder]) -> None:
    """Lock the results of all these messages, add their versions, and write each table once."""
    filled = sorted((each for each in recorders if each.entries), key=lambda each: each.sender)
    if not filled:
        return
    reports, new_reports = _reports(filled)
    changed: list[History] = []
    # Sender by sender in one order, so that two workers cannot wait for each other.
    for _sender, theirs in groupby(filled, key=lambda each: each.sender):
        changed += _append(list(theirs), reports)
    versions = [row for history in changed for row in history.new]
    insert_tables((LabReport, new_reports), (Observation, versions))
    update_values(Result, [row for history in changed if (row := history.settled()) is not None])


def _append(recorders: Sequence[Recorder], reports: _Reports) -> list[History]:
    """Add the versions of one sender's messages to their results; those that have new ones."""
    entries = [entry for recorder in recorders for entry in recorder.entries]
    histories = lock_histories(
        {entry.identity for entry in entries},
        # A status-only update makes no result: without one it has nothing to promote.
        stating={entry.identity for entry in entries if entry.understood.act is not Act.PROMOTE},
        sender=recorders[0].sender,
        people=recorders[0].site.people,
    )
    for recorder in recorders:
        recorder.append(histories, reports)
    note_units(recorders)
    by_result = {history.result.id: history for history in histories.values()}
    return [history for history in by_result.values() if history.new or history.again]


def _reports(recorders: Sequence[Recorder]) -> tuple[_Reports, list[dict[str, Any]]]:
    """The row id of each report, and the columns of those to be stored."""
    known: dict[tuple[int, int], int] = {}
    missing: dict[tuple[int, int], tuple[LabMessage, Entry]] = {}
    for recorder in recorders:
        message = recorder.message
        sent = {entry.report.position: entry for entry in recorder.entries}
        if recorder.again is not None:
            rows = LabReport.objects.filter(message=message, position__in=sent.keys())
            known |= {(message.id, position): pk for position, pk in rows.values_list("position", "pk")}
        missing |= {
            (message.id, position): (message, entry)
            for position, entry in sent.items()
            if (message.id, position) not in known
        }
    [keys] = reserve_keys((LabReport, len(missing)))
    new = [
        report_columns(entry.report, key=key, patient_id=entry.patient.id, message=message)
        for key, (message, entry) in zip(keys, missing.values(), strict=True)
    ]
    return known | dict(zip(missing, keys, strict=True)), new

"""Directed walks: the acts of the machine in orders that lead deep into the day, each a list of acts."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import DatabaseError, connection, transaction

from tests.fuzz import treatment_acts as act
from tests.fuzz.treatment_acts import Clinic, perform, settle
from tests.fuzz.treatment_promises import always, mark, of_the_act, of_the_neighbour

Act = Callable[[Clinic], Any]


def do(clinic: Clinic, name: Callable[..., Any], **given: Any) -> str:
    """One act and what follows; raises AssertionError with what it breaks. Returns the refusal, if any.

    Where nothing was written nothing is looked at again.
    """
    if not clinic.last:
        mark(clinic)
    before, apart = _written(), of_the_neighbour(clinic)
    said = perform(clinic, name, **given)
    broken = list(of_the_act(clinic)) if _written() != before else []
    settle(clinic)
    if name is not act.change_beds and of_the_neighbour(clinic) != apart:
        broken.append("HZ-65 another patient's course was changed")
    if not broken and (_written() != before or name is act.wait):
        broken = list(always(clinic))
    assert not broken, "; ".join(broken[:3]) + "\nafter " + " > ".join(clinic.told[-12:])
    return said


def _written() -> object:
    """How many rows were written so far; of a database that does not count them, a new thing every time."""
    connection.ensure_connection()
    return getattr(connection.connection, "total_changes", object())


def quietly(clinic: Clinic, acts: Iterable[partial[Any]]) -> None:
    """Acts that lead to where a walk begins; nothing is looked at."""
    for each in acts:
        said = perform(clinic, each.func, **each.keywords)
        assert not said, f"{each.func.__name__}: {said}"
        clinic.now += timedelta(seconds=70)


@contextmanager
def undone(base: Clinic) -> Iterator[Clinic]:
    """A copy of the clinic whose acts leave nothing behind."""
    with transaction.atomic():
        yield deepcopy(base)
        transaction.set_rollback(True)


def found_by(clinic: Clinic, walk: Iterable[partial[Any]]) -> str:
    """What a walk finds broken: a promise, or an exception that is no refusal; empty when nothing is.

    Entries of the day are written without a look in between: the next act of another kind looks at all.
    """
    mark(clinic)
    try:
        for each in walk:
            if each.func in (act.record, act.look, act.open_day):
                before = perform(clinic, each.func, **each.keywords)
                broken = list(of_the_act(clinic))
                assert not broken, f"{broken[0]} {before}"
                clinic.now += timedelta(seconds=70)
            else:
                do(clinic, each.func, **each.keywords)
    except AssertionError as finding:
        return str(finding).splitlines()[0]
    except DatabaseError as refused:
        return f"the database refuses it: {str(refused).splitlines()[0]}"
    except Exception as raised:  # whatever is no refusal is a fault
        return f"{type(raised).__name__}: {raised}"
    return ""


def _record(kind: str, **given: Any) -> partial[Any]:
    return partial(act.record, kind=kind, **given)


_wait = partial(partial, act.wait)
_report = partial(partial, act.report)
PREPARED = [
    partial(act.accept),
    partial(act.accept, kind="amino_acids"),
    partial(act.prepare),
    partial(act.prepare, kind="amino_acids"),
]
DISPENSED = [*PREPARED, partial(act.hand_out), partial(act.hand_out_bag)]
READY = [partial(act.look), partial(act.sign_page)]
BEDSIDE = [
    partial(act.open_day),
    _record("identity"),
    _record("pregnancy"),
    _record("analogue"),
    _record("allergy"),
    _record("antiemetic"),
    _wait(minutes=31),
    _record("amino_start"),
    _wait(minutes=31),
    _record("unit_scanned"),
    _record("start_check"),
]
TIRED = [*BEDSIDE[:8], _wait(minutes=25), *BEDSIDE[9:]]
AT_START = [*DISPENSED, *BEDSIDE]
STARTED = [*AT_START, partial(act.authorise), _record("infusion_start"), _record("line_check")]
COMPLETE = [
    _wait(minutes=33),
    _record("infusion_end"),
    _wait(minutes=8),
    _record("residual"),
    partial(act.write_infusion),
]
PART = [
    _wait(minutes=12),
    _record("infusion_end", how="leak"),
    _record("residual", activity="4 GBq"),
    partial(act.write_infusion),
]
RELEASE = [_record("observation"), _record("release_survey"), _wait(minutes=130), partial(act.release)]
LOW, GOOD = "60", "228"
STOPPED = [partial(act.stop_for_good), *READY]

# Where a walk begins; each stage lies behind the one before it.
STAGES: dict[str, list[partial[Any]]] = {
    "signed": [],
    "prepared": PREPARED,
    "dispensed": [partial(act.hand_out), partial(act.hand_out_bag)],
    "at the bedside": BEDSIDE,
    "running": [partial(act.authorise), _record("infusion_start"), _record("line_check")],
}
# The name of a walk, the stage it begins at, and its acts.
WALKS: dict[str, tuple[str, list[partial[Any]]]] = {
    "a whole day": ("running", [*COMPLETE, *RELEASE]),
    "a late result at the start": (
        "at the bedside",
        [_report(value=LOW, unread=True), partial(act.authorise)],
    ),
    "a late result at the pharmacy": ("prepared", [_report(value=LOW, unread=True), partial(act.hand_out)]),
    "a late result on the desk": (
        "signed",
        [
            _report(value=LOW),
            partial(act.look),
            _report(value=GOOD, unread=True),
            partial(act.sign_page),
        ],
    ),
    "a page that lay open": (
        "signed",
        [
            partial(act.hold),
            partial(act.end_hold),
            partial(act.look),
            _report(value="229"),
            partial(act.sign_page),
            partial(act.look),
            partial(act.sign_page),
        ],
    ),
    "low platelets and back": (
        "dispensed",
        [
            _report(value=LOW),
            *READY,
            partial(act.correct, place=0, value=GOOD),
            *READY,
            partial(act.accept),
            partial(act.answer_recall),
            *READY,
            *DISPENSED,
        ],
    ),
    "a stop": (
        "prepared",
        [*STOPPED, partial(act.ask_rescission), partial(act.confirm_rescission, alone=True)],
    ),
    "a stop and back": (
        "dispensed",
        [
            *STOPPED,
            partial(act.ask_rescission),
            partial(act.confirm_rescission),
            *READY,
        ],
    ),
    "a hold and back": (
        "signed",
        [partial(act.accept), partial(act.hold), *READY, partial(act.end_hold), *READY],
    ),
    "low platelets, then reduced": (
        "signed",
        [
            _report(value=LOW),
            *READY,
            _wait(days=1),
            _report(value="160"),
            partial(act.confirm_occurrence),
            *READY,
        ],
    ),
    "another product": ("prepared", [partial(act.hand_out, code="00000-000-00")]),
    "an expired vial": ("prepared", [partial(act.hand_out, expired=True)]),
    "a fifth too much": ("prepared", [partial(act.hand_out, gbq="8.89"), partial(act.hand_out, gbq="8.88")]),
    "one name twice": ("prepared", [partial(act.hand_out, verified="p. pharma")]),
    "out of turn": ("signed", [partial(act.hand_out), partial(act.accept), partial(act.hand_out)]),
    "a past day": ("prepared", [_wait(days=1), partial(act.hand_out)]),
    "29 minutes": ("dispensed", [*TIRED, partial(act.authorise)]),
    "an interruption": (
        "dispensed",
        [
            *BEDSIDE[:8],
            _wait(minutes=10),
            _record("amino_paused"),
            _wait(minutes=10),
            _record("amino_resumed"),
            _wait(minutes=11),
            *BEDSIDE[9:],
            partial(act.authorise),
        ],
    ),
    "one person for two": ("dispensed", [partial(act.open_day), _record("identity", alone=True)]),
    "checked by the physician": (
        "dispensed",
        [
            *BEDSIDE[:-1],
            _record("start_check", by=act.physician),
            partial(act.authorise),
        ],
    ),
    "another label": (
        "dispensed",
        [
            *BEDSIDE[:-2],
            _record("unit_scanned", label="R1-OTHER"),
            BEDSIDE[-1],
            partial(act.authorise),
        ],
    ),
    "a recall at the start": (
        "at the bedside",
        [partial(act.hold), partial(act.end_hold), partial(act.authorise)],
    ),
    "a start that ran out": (
        "at the bedside",
        [
            partial(act.authorise),
            _wait(minutes=40),
            _record("infusion_start"),
            *COMPLETE,
        ],
    ),
    "stopped amino acids at the start": (
        "at the bedside",
        [
            partial(act.authorise),
            _record("amino_paused"),
            _wait(minutes=5),
            _record("infusion_start"),
            *COMPLETE,
        ],
    ),
    "a part and its remainder": (
        "running",
        [
            *PART,
            *READY,
            partial(act.judge, counts=True, remainder="9"),
            partial(act.judge, counts=True, remainder="2"),
            *READY,
            *PREPARED,
            partial(act.hand_out, same_vial=True),
            partial(act.hand_out),
            partial(act.write_what_happened, gbq="2", on_the_day=True, ago=5),
        ],
    ),
    "a part that counts": ("running", [*PART, partial(act.judge, counts=True), *READY]),
    "a part that does not count": ("running", [*PART, partial(act.judge, counts=False), *READY]),
    "a second infusion": (
        "running",
        [*PART, partial(act.write_what_happened, gbq="2", on_the_day=True, ago=5)],
    ),
    "a day late": ("signed", [_wait(days=1), partial(act.write_what_happened)]),
    "given all the same": ("signed", [partial(act.hold), partial(act.write_what_happened, gbq="7.4")]),
    "started all the same": (
        "dispensed",
        [
            partial(act.open_day),
            _record("infusion_start"),
            *COMPLETE,
        ],
    ),
    "far too little": ("running", [partial(act.write_what_happened, gbq="5.9", on_the_day=True, ago=3)]),
    "corrected afterwards": ("running", [*COMPLETE, partial(act.correct_infusion, gbq="5")]),
    "cancelled and signed anew": ("signed", [partial(act.accept), partial(act.cancel), *READY, *DISPENSED]),
    "not given and moved": (
        "at the bedside",
        [
            partial(act.end_not_given),
            *READY,
            partial(act.rebook, in_days=2),
            *READY,
        ],
    ),
    "overridden and worse": (
        "signed",
        [
            _report(value=LOW),
            partial(act.override),
            partial(act.confirm_override, alone=True),
            partial(act.confirm_override),
            *READY,
            _report(value="40"),
            *READY,
        ],
    ),
    "an old password": (
        "signed",
        [
            partial(act.hold),
            partial(act.end_hold),
            partial(act.look),
            partial(act.sign_page, old_password=True),
        ],
    ),
}
# Which walks lead to which fault, in the order in which they are tried.
FINDS: dict[str, tuple[str, ...]] = {
    "the start is authorised on the decision made before, not on a live one": ("a late result at the start",),
    "pharmacy dispenses on the decision made before, not on a live one": ("a late result at the pharmacy",),
    "a signature is put under the decision made before, not under a live one": ("a late result on the desk",),
    "what the signer saw is not compared with what stands": (
        "a page that lay open",
        "a late result on the desk",
    ),
    "a verdict that changed is not written down": ("low platelets, then reduced",),
    "the stored answer is not the one that was given": ("low platelets, then reduced",),
    "what is dispensed is not called back when its ground falls": ("low platelets and back",),
    "orders stay active when their verdict falls": ("a hold and back", "low platelets, then reduced"),
    "a stop leaves the orders as they are": ("a stop",),
    "an order of the day before is carried over when its cycle is moved": ("not given and moved",),
    "a directive survives the end of its order": ("cancelled and signed anew", "a stop"),
    "a new directive leaves the one before it valid": ("a hold and back", "low platelets, then reduced"),
    "a reduced cycle is directed with the whole activity": ("low platelets, then reduced",),
    "dispensing asks for neither a signed go nor a directive that holds": ("a past day",),
    "an order may be dispensed from any state": ("out of turn",),
    "any product code is handed out": ("another product",),
    "an expired vial is handed out": ("an expired vial",),
    "an assay more than a fifth off the directive is handed out": ("a fifth too much",),
    "who prepared a unit may verify it too": ("one name twice",),
    "a vial is handed out twice": ("a part and its remainder",),
    "a recall that nobody answered does not keep the cycle from being signed": ("low platelets and back",),
    "29 minutes of amino acids are enough": ("29 minutes",),
    "interruptions of the amino acids are not taken off": ("an interruption",),
    "whoever checked the start may authorise it": ("checked by the physician",),
    "the second person may be the same one": ("one person for two",),
    "the label in hand is not compared with the unit dispensed": ("another label",),
    "the start asks for neither decision, directive nor recall": ("a recall at the start",),
    "an authorised start never runs out": ("a start that ran out",),
    "an authorised start covers a second infusion too": ("a second infusion",),
    "what happens between the authorisation and the start is not looked at": (
        "stopped amino acids at the start",
    ),
    "a partial infusion counts as complete": ("a part that does not count",),
    "a part that waits for its judgement does not keep the cycle from being signed": (
        "a part and its remainder",
    ),
    "a remainder may be larger than what is left": ("a part and its remainder",),
    "a remainder is directed as a whole activity": ("a part and its remainder",),
    "the residual is not taken off": ("a whole day",),
    "activities decay backwards in time": ("a whole day",),
    "what was given without authorisation opens no review": ("started all the same",),
    "an activity far from the directive opens no review": ("far too little",),
    "a deviation is not marked in the administration of its cycle": ("started all the same",),
    "the administration counts only the last part of its cycle": ("a part and its remainder",),
    "the ledger forgets the parts of a cycle that is not completed": ("a part that does not count",),
    "the orders of a cycle that was given stay open": ("a whole day",),
    "the cycles that follow do not follow the day that was given": ("a day late",),
    "a person's hold is ignored": ("a hold and back",),
    "an override is never void": ("overridden and worse",),
    "one physician alone lifts a stop": ("a stop",),
    "the hash of a signature leaves out what was signed": ("low platelets, then reduced",),
    "the hash of an authorised start is of other fields": ("29 minutes", "a start that ran out"),
    "an old password is good enough to sign with": ("an old password",),
}

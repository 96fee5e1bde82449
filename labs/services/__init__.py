"""The only writers of labs, one module for each noun; callers use the names given here."""

from labs.services.answered import (
    KeyReused,
    StoredAnswer,
    answer_once,
    earlier_answer,
    forget_old_answers,
)
from labs.services.fhir import EntryAnswer, FhirReading
from labs.services.keep import (
    KeptMessage,
    announce_kept,
    keep_message,
    keep_messages,
    keep_refused,
    keep_request,
)
from labs.services.loop_keeper import LoopKeeper
from labs.services.merges import (
    MergeRefused,
    propose_merge,
    propose_reversal,
    review_merge,
    waiting_merges,
)
from labs.services.origins import Arrival
from labs.services.patients import record_weight, register_patient
from labs.services.read import note_repeated, read_waiting_messages, take_request
from labs.services.seals import seal_ripe_rows
from labs.services.setup import SetupRefused, SetupRow, load_setup

__all__ = [
    "Arrival",
    "EntryAnswer",
    "FhirReading",
    "KeptMessage",
    "KeyReused",
    "LoopKeeper",
    "MergeRefused",
    "SetupRefused",
    "SetupRow",
    "StoredAnswer",
    "announce_kept",
    "answer_once",
    "earlier_answer",
    "forget_old_answers",
    "keep_message",
    "keep_messages",
    "keep_refused",
    "keep_request",
    "load_setup",
    "note_repeated",
    "propose_merge",
    "propose_reversal",
    "read_waiting_messages",
    "record_weight",
    "register_patient",
    "review_merge",
    "seal_ripe_rows",
    "take_request",
    "waiting_merges",
]

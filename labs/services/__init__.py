"""The only writers of labs, one module for each noun; callers use the names given here."""

from labs.services.keep import KeptMessage, keep_message, keep_refused
from labs.services.merges import (
    MergeRefused,
    propose_merge,
    propose_reversal,
    review_merge,
    waiting_merges,
)
from labs.services.patients import record_weight, register_patient
from labs.services.read import read_waiting_messages
from labs.services.setup import SetupRefused, SetupRow, load_setup

__all__ = [
    "KeptMessage",
    "MergeRefused",
    "SetupRefused",
    "SetupRow",
    "keep_message",
    "keep_refused",
    "load_setup",
    "propose_merge",
    "propose_reversal",
    "read_waiting_messages",
    "record_weight",
    "register_patient",
    "review_merge",
    "waiting_merges",
]

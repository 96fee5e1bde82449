"""The only writers of labs, one module for each noun; callers use the names given here."""

from labs.services.keep import Arrival, KeptMessage, announce_kept, keep_message, keep_messages, keep_refused
from labs.services.patients import record_weight, register_patient
from labs.services.read import read_waiting_messages
from labs.services.setup import SetupRefused, SetupRow, load_setup

__all__ = [
    "Arrival",
    "KeptMessage",
    "SetupRefused",
    "SetupRow",
    "announce_kept",
    "keep_message",
    "keep_messages",
    "keep_refused",
    "load_setup",
    "read_waiting_messages",
    "record_weight",
    "register_patient",
]

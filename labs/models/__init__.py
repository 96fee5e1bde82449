"""The tables of labs, one module for each noun; Django finds models here, so this file names them."""

from labs.models.manual import ManualAct
from labs.models.message import LabMessage, MessageOutcome
from labs.models.patient import BodyWeight, Patient
from labs.models.quarantine import QuarantinedResult
from labs.models.resolution import (
    MessageReplay,
    OwnershipEvent,
    QuarantineResolution,
    ResolutionVerdict,
)
from labs.models.result import LabReport, Observation, Result
from labs.models.setup import CsvFeed, LocalCode, Sender, UnitSpelling

__all__ = [
    "BodyWeight",
    "CsvFeed",
    "LabMessage",
    "LabReport",
    "LocalCode",
    "ManualAct",
    "MessageOutcome",
    "MessageReplay",
    "Observation",
    "OwnershipEvent",
    "Patient",
    "QuarantineResolution",
    "QuarantinedResult",
    "ResolutionVerdict",
    "Result",
    "Sender",
    "UnitSpelling",
]

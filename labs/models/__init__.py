"""The tables of labs, one module for each noun; Django finds models here, so this file names them."""

from labs.models.message import LabMessage, MessageOutcome
from labs.models.patient import BodyWeight, Patient
from labs.models.quarantine import QuarantinedResult
from labs.models.result import LabReport, Observation, Result
from labs.models.setup import CsvFeed, LocalCode, Sender
from labs.models.traffic import ExpectedTraffic, UnitUse

__all__ = [
    "BodyWeight",
    "CsvFeed",
    "ExpectedTraffic",
    "LabMessage",
    "LabReport",
    "LocalCode",
    "MessageOutcome",
    "Observation",
    "Patient",
    "QuarantinedResult",
    "Result",
    "Sender",
    "UnitUse",
]

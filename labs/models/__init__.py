"""The tables of labs, one module for each noun; Django finds models here, so this file names them."""

from labs.models.contact import ContactDetails
from labs.models.fhir import AnsweredRequest, FhirKey, FhirPart, FhirResource, FhirWriting
from labs.models.files import CsvPreview, CsvUpload, CsvUploadEnd, FileRows
from labs.models.manual import ManualAct
from labs.models.merge import PatientMerge, PatientMergeReview
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
from labs.models.seal import Seal, SealMark
from labs.models.setup import CsvFeed, LocalCode, Sender, UnitSpelling
from labs.models.traffic import ExpectedTraffic, UnitUse

__all__ = [
    "AnsweredRequest",
    "BodyWeight",
    "ContactDetails",
    "CsvFeed",
    "CsvPreview",
    "CsvUpload",
    "CsvUploadEnd",
    "ExpectedTraffic",
    "FhirKey",
    "FhirPart",
    "FhirResource",
    "FhirWriting",
    "FileRows",
    "LabMessage",
    "LabReport",
    "LocalCode",
    "ManualAct",
    "MessageOutcome",
    "MessageReplay",
    "Observation",
    "OwnershipEvent",
    "Patient",
    "PatientMerge",
    "PatientMergeReview",
    "QuarantineResolution",
    "QuarantinedResult",
    "ResolutionVerdict",
    "Result",
    "Seal",
    "SealMark",
    "Sender",
    "UnitSpelling",
    "UnitUse",
]

"""The tables of courses, one module for each noun; Django finds models here, so this file names them."""

from courses.models.baseline import BaselineLock
from courses.models.call import (
    CallBackBy,
    CallChannel,
    CallFact,
    CallOutcome,
    CallSettled,
    PatientCall,
    SpokenWith,
)
from courses.models.course import (
    Administration,
    Course,
    CourseQuerySet,
    CourseStatus,
    Cycle,
    PeritonealDisease,
)
from courses.models.course_end import (
    CourseEnd,
    CourseEndUndo,
    CourseEndUndone,
    EndCause,
    FollowUpAct,
    FollowUpRecord,
    VisitOutcome,
)
from courses.models.decision import Decision, Directive, DirectiveVoid, Signature
from courses.models.dosimetry import AbsorbedDose, DoseSignOff, Organ
from courses.models.export import CohortExport, ExportFormat
from courses.models.fact import ChartFact, FactConfirmation, RecordKind
from courses.models.incident import (
    Incident,
    IncidentAct,
    IncidentActKind,
    IncidentKind,
)
from courses.models.order import Order, OrderEvent
from courses.models.paper import PaperKind, PaperNumbersApproval, PrintedPaper
from courses.models.plan_address import PlanAddress
from courses.models.protocol import ProtocolApproval, ProtocolMove
from courses.models.recall import Recall, RecallAnswer, RecallOutcome
from courses.models.saved_filter import SavedFilter
from courses.models.schedule import ClosedDay, CourseStart, CycleMove, MoveCause
from courses.models.therapy import (
    CycleJudgement,
    DayOutcome,
    Infusion,
    InfusionEnd,
    StartAuthorisation,
    StepKind,
    TherapyDay,
    TherapyStep,
)
from courses.models.vial import (
    AminoAcidBag,
    AssayDirection,
    BookingState,
    DispensedUnit,
    UnitForm,
    Vial,
    VialBooking,
    VialBookingEvent,
    VialEvent,
    VialFate,
)
from courses.models.webhook import Webhook, WebhookCall, WebhookEvent

__all__ = [
    "AbsorbedDose",
    "Administration",
    "AminoAcidBag",
    "AssayDirection",
    "BaselineLock",
    "BookingState",
    "CallBackBy",
    "CallChannel",
    "CallFact",
    "CallOutcome",
    "CallSettled",
    "ChartFact",
    "ClosedDay",
    "CohortExport",
    "Course",
    "CourseEnd",
    "CourseEndUndo",
    "CourseEndUndone",
    "CourseQuerySet",
    "CourseStart",
    "CourseStatus",
    "Cycle",
    "CycleJudgement",
    "CycleMove",
    "DayOutcome",
    "Decision",
    "Directive",
    "DirectiveVoid",
    "DispensedUnit",
    "DoseSignOff",
    "EndCause",
    "ExportFormat",
    "FactConfirmation",
    "FollowUpAct",
    "FollowUpRecord",
    "Incident",
    "IncidentAct",
    "IncidentActKind",
    "IncidentKind",
    "Infusion",
    "InfusionEnd",
    "MoveCause",
    "Order",
    "OrderEvent",
    "Organ",
    "PaperKind",
    "PaperNumbersApproval",
    "PatientCall",
    "PeritonealDisease",
    "PlanAddress",
    "PrintedPaper",
    "ProtocolApproval",
    "ProtocolMove",
    "Recall",
    "RecallAnswer",
    "RecallOutcome",
    "RecordKind",
    "SavedFilter",
    "Signature",
    "SpokenWith",
    "StartAuthorisation",
    "StepKind",
    "TherapyDay",
    "TherapyStep",
    "UnitForm",
    "Vial",
    "VialBooking",
    "VialBookingEvent",
    "VialEvent",
    "VialFate",
    "VisitOutcome",
    "Webhook",
    "WebhookCall",
    "WebhookEvent",
]

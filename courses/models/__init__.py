"""The tables of courses, one module for each noun; Django finds models here, so this file names them."""

from courses.models.baseline import BaselineLock
from courses.models.course import (
    Administration,
    Course,
    CourseQuerySet,
    CourseStatus,
    Cycle,
    PeritonealDisease,
)
from courses.models.decision import Decision, Directive, DirectiveVoid, Signature
from courses.models.fact import ChartFact, FactConfirmation, RecordKind
from courses.models.order import Order, OrderEvent
from courses.models.protocol import ProtocolApproval, ProtocolMove

__all__ = [
    "Administration",
    "BaselineLock",
    "ChartFact",
    "Course",
    "CourseQuerySet",
    "CourseStatus",
    "Cycle",
    "Decision",
    "Directive",
    "DirectiveVoid",
    "FactConfirmation",
    "Order",
    "OrderEvent",
    "PeritonealDisease",
    "ProtocolApproval",
    "ProtocolMove",
    "RecordKind",
    "Signature",
]

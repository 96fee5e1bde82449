"""The tables of alerts, one module for each noun; Django finds models here, so this file names them."""

from alerts.models.acts import Closing, HandOver, Suppression
from alerts.models.alert import Acknowledgement, Alert, AlertEvent
from alerts.models.canary import CanaryRun
from alerts.models.critical import CriticalFinding, with_patients
from alerts.models.heartbeat import Heartbeat
from alerts.models.line import Line
from alerts.models.notification import DeliveryAttempt, Notification
from alerts.models.push_address import PushAddress
from alerts.models.reach import ReachRecord
from alerts.models.read_back import ReadBack, ReadBackOutcome
from alerts.models.report import DeliveryReport
from alerts.models.rota import LocalHoliday, Rota, RotaAbsence, RotaEvent, RotaRule, RotaShift, RotaTurn
from alerts.models.rota_changes import CalendarAddress, RotaImport, RotaOverride, RotaSwap
from alerts.models.triage import Triage

__all__ = [
    "Acknowledgement",
    "Alert",
    "AlertEvent",
    "CalendarAddress",
    "CanaryRun",
    "Closing",
    "CriticalFinding",
    "DeliveryAttempt",
    "DeliveryReport",
    "HandOver",
    "Heartbeat",
    "Line",
    "LocalHoliday",
    "Notification",
    "PushAddress",
    "ReachRecord",
    "ReadBack",
    "ReadBackOutcome",
    "Rota",
    "RotaAbsence",
    "RotaEvent",
    "RotaImport",
    "RotaOverride",
    "RotaRule",
    "RotaShift",
    "RotaSwap",
    "RotaTurn",
    "Suppression",
    "Triage",
    "with_patients",
]

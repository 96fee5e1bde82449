"""The tables of alerts, one module for each noun; Django finds models here, so this file names them."""

from alerts.models.alert import Acknowledgement, Alert, AlertEvent
from alerts.models.canary import CanaryRun
from alerts.models.heartbeat import Heartbeat
from alerts.models.notification import DeliveryAttempt, Notification
from alerts.models.rota import LocalHoliday, Rota, RotaAbsence, RotaEvent, RotaRule, RotaShift, RotaTurn
from alerts.models.rota_changes import CalendarAddress, RotaImport, RotaOverride, RotaSwap
from alerts.models.triage import Triage

__all__ = [
    "Acknowledgement",
    "Alert",
    "AlertEvent",
    "CalendarAddress",
    "CanaryRun",
    "DeliveryAttempt",
    "Heartbeat",
    "LocalHoliday",
    "Notification",
    "Rota",
    "RotaAbsence",
    "RotaEvent",
    "RotaImport",
    "RotaOverride",
    "RotaRule",
    "RotaShift",
    "RotaSwap",
    "RotaTurn",
    "Triage",
]

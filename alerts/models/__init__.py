"""The tables of alerts, one module for each noun; Django finds models here, so this file names them."""

from alerts.models.alert import Acknowledgement, Alert, AlertEvent
from alerts.models.canary import CanaryRun
from alerts.models.critical import CriticalFinding
from alerts.models.heartbeat import Heartbeat
from alerts.models.line import Line
from alerts.models.notification import DeliveryAttempt, Notification
from alerts.models.push_address import PushAddress
from alerts.models.read_back import ReadBack, ReadBackOutcome
from alerts.models.report import DeliveryReport
from alerts.models.triage import Triage

__all__ = [
    "Acknowledgement",
    "Alert",
    "AlertEvent",
    "CanaryRun",
    "CriticalFinding",
    "DeliveryAttempt",
    "DeliveryReport",
    "Heartbeat",
    "Line",
    "Notification",
    "PushAddress",
    "ReadBack",
    "ReadBackOutcome",
    "Triage",
]

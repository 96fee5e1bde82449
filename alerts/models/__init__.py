"""The tables of alerts, one module for each noun; Django finds models here, so this file names them."""

from alerts.models.acts import Closing, HandOver, Suppression
from alerts.models.alert import Acknowledgement, Alert, AlertEvent
from alerts.models.canary import CanaryRun
from alerts.models.heartbeat import Heartbeat
from alerts.models.notification import DeliveryAttempt, Notification
from alerts.models.reach import ReachRecord
from alerts.models.triage import Triage

__all__ = [
    "Acknowledgement",
    "Alert",
    "AlertEvent",
    "CanaryRun",
    "Closing",
    "DeliveryAttempt",
    "HandOver",
    "Heartbeat",
    "Notification",
    "ReachRecord",
    "Suppression",
    "Triage",
]

"""The sidebar: each person sees what their roles may read, in the order of their work."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from alerts.inbox import RIGHTS
from prrt_clinic.reports import reports_for

Item = dict[str, Any]
Entry = tuple[str, str, str, str]

# Title, icon, address, and the right without which the entry does not exist; of several, any.
_COURSES = ("Courses", "event_repeat", "admin:courses_course_changelist", "courses.view_course")
_ORDERS = ("Orders", "assignment", "admin:courses_order_changelist", "courses.view_order")
_PHARMACY = ("Pharmacy", "local_pharmacy", "courses:pharmacy", "courses.handle_order")
_PATIENTS = ("Patients", "person", "admin:labs_patient_changelist", "labs.view_patient")
_DECISIONS = ("Decisions", "balance", "admin:courses_decision_changelist", "courses.view_decision")
_DOSIMETRY = (
    "Doses and residuals",
    "monitor_heart",
    "courses:dosimetry",
    "courses.view_absorbeddose",
)
_INCIDENTS = ("Incidents", "emergency_home", "courses:incidents", "courses.view_incident")
_SET_ASIDE = ("Set aside", "rule_settings", "courses:set_aside", "courses.view_signature")
# Whoever may read one of them finds the index.
# Shown to whoever may read one of the reports; that asks for several rights at once.
_REPORTS = ("Reports", "summarize", "reports", "")
_START = ("Start a course", "add_circle", "courses:start_choose", "courses.plan_cycle")
_WORK = ("Work list", "checklist", "courses:work", "labs.view_patient")
_CALENDAR = ("Calendar", "calendar_month", "courses:calendar", "courses.plan_cycle")
_CALLS = ("Calls", "call", "courses:calls", "courses.view_patientcall")
_FOLLOW_UP = ("Follow-up", "event_upcoming", "courses:follow_ups", "courses.plan_cycle")
_LABORATORY = (
    ("Results", "labs", "admin:labs_result_changelist", "labs.view_result"),
    ("Quarantine", "report", "labs:quarantine", "labs.view_quarantinedresult"),
    ("Merged numbers", "merge", "admin:labs_patientmerge_changelist", "labs.view_patientmerge"),
    ("Messages", "mail", "admin:labs_labmessage_changelist", "labs.view_labmessage"),
    ("Files", "upload_file", "lab_files:files", "labs.submit_file"),
    ("Try a sample", "science", "labs:sample", "labs.try_sample"),
    ("Expected traffic", "schedule", "admin:labs_expectedtraffic_changelist", "labs.view_expectedtraffic"),
    ("Senders", "dns", "admin:labs_sender_changelist", "labs.view_sender"),
    ("Codes", "qr_code_2", "admin:labs_localcode_changelist", "labs.view_localcode"),
    ("Units", "straighten", "admin:labs_unitspelling_changelist", "labs.view_unitspelling"),
    ("CSV feeds", "table_view", "admin:labs_csvfeed_changelist", "labs.view_csvfeed"),
)
# Whoever could take over some kind of alert finds those in the inbox.
_READS_ALERTS = " ".join(RIGHTS)
_ALERTS = (
    ("Alerts", "notifications", "alerts:inbox", _READS_ALERTS),
    (
        "Who would be told",
        "campaign",
        "alerts:readiness",
        "alerts.view_alert alerts.acknowledge_technical_alert",
    ),
    ("Alert budget", "query_stats", "alerts:budget", "alerts.view_alert"),
    ("Trials of the line", "route", "admin:alerts_canaryrun_changelist", "alerts.view_canaryrun"),
    ("Deliveries", "outgoing_mail", "alerts:deliveries", "alerts.view_deliveryattempt"),
    ("Returned mail", "reply_all", "admin:alerts_deliveryreport_changelist", "alerts.view_deliveryreport"),
)
_ROTA = (
    ("On call", "calendar_month", "alerts:rota", "alerts.view_rotashift"),
    ("My duties", "work_history", "alerts:rota_mine", "alerts.swap_duty"),
)
_PROTOCOLS = (("Protocols", "rule", "courses:protocols", "courses.view_protocolapproval"),)
_PAPERS = (
    ("Numbers on papers", "contact_page", "courses:paper_numbers", "courses.view_papernumbersapproval"),
)
_PEOPLE = (
    ("Users", "group", "admin:auth_user_changelist", "auth.view_user"),
    ("Push addresses", "send_to_mobile", "admin:alerts_pushaddress_changelist", "alerts.view_pushaddress"),
)


def clinic_name(request: HttpRequest) -> str:
    """The clinic's own name, at the top of every page."""
    return str(settings.CLINIC_NAME)


def environment(request: HttpRequest) -> list[str] | None:
    """The label that keeps a demonstration from being taken for the clinic."""
    return None if settings.PRRT_ENV == "production" else ["Demonstration, no real patients", "warning"]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the sidebar for this person; empty groups are left out."""
    patients: tuple[Entry, ...] = (
        _WORK,
        _CALENDAR,
        _COURSES,
        _START,
        _CALLS,
        _FOLLOW_UP,
        _PATIENTS,
        _DECISIONS,
        _ORDERS,
        _INCIDENTS,
        _SET_ASIDE,
        *((_REPORTS,) if reports_for(request.user.has_perm) else ()),
    )
    if request.user.has_perm("courses.handle_order"):
        patients = (_PHARMACY, _WORK, _CALENDAR, _ORDERS, _COURSES, _PATIENTS, _DECISIONS)
    if request.user.has_perm("courses.enter_absorbed_dose"):
        patients = (_DOSIMETRY, *patients)
    today: Item = {"title": "Today", "icon": "today", "link": reverse("admin:index")}
    groups = [
        {"title": "", "items": [today]},
        {"title": "Patients", "items": _allowed(request, patients)},
        {"title": "Laboratory", "items": _allowed(request, _LABORATORY)},
        {"title": "Alerts", "items": _allowed(request, (*_ALERTS, *_ROTA, *_mail()))},
        {"title": "Protocols", "items": _allowed(request, (*_PROTOCOLS, *_PAPERS))},
        {"title": "Administration", "items": _allowed(request, _PEOPLE)},
    ]
    return [group for group in groups if group["items"]]


def _mail() -> tuple[Entry, ...]:
    """Where no mail server is named, what would have been sent is read in the browser."""
    if settings.EMAIL_BACKEND != "prrt_clinic.maildir.EmailBackend":
        return ()
    return (("Sent mail", "drafts", "alerts:mail_list", "alerts.view_alert"),)


def _allowed(request: HttpRequest, entries: tuple[Entry, ...]) -> list[Item]:
    return [
        {"title": title, "icon": icon, "link": reverse(address), **_marked(request, address)}
        for title, icon, address, right in entries
        if not right or any(request.user.has_perm(each) for each in right.split())
    ]


def _marked(request: HttpRequest, address: str) -> Item:
    """The inbox lies above the other pages of alerts, so it is marked on its own page alone."""
    return {"active": request.path == reverse(address)} if address == "alerts:inbox" else {}

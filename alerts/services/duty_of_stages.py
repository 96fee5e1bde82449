"""What must hold of the stages before alerts: what came is read, and what was read is judged."""

from alerts.services.duty_rule import DutyRule
from courses.invariants_live import newest_evidence_not_judged
from courses.models import Course
from labs.invariants import Invariant, newest_unread
from labs.models import LabMessage

OF_STAGES: tuple[DutyRule, ...] = (
    DutyRule(
        name="message-unread",
        rule=Invariant(
            id="I-10",
            sentence="every message that was received is read within 90 seconds",
            of="messages",
            count=LabMessage.objects.count,
            find=newest_unread,
        ),
    ),
    DutyRule(
        name="evidence-not-judged",
        rule=Invariant(
            id="I-15",
            sentence="the evidence of every open course is judged within 90 seconds",
            of="open courses",
            count=Course.objects.open().real().count,
            find=newest_evidence_not_judged,
        ),
    ),
)

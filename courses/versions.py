"""Every protocol version with who approved it and whether a course may follow it, as pages list them."""

from collections.abc import Iterable
from dataclasses import dataclass

from courses.library import protocol, protocol_ids, protocol_sha256
from courses.models import Course, ProtocolApproval
from courses.rules.protocol import Protocol, Use
from courses.services.protocols import PEOPLE_NEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One protocol file as it is now; `courses` counts the open courses that follow exactly these bytes."""

    id: str
    plan: Protocol
    sha256: str
    approvals: tuple[ProtocolApproval, ...]
    courses: int
    is_followed: bool = False

    @property
    def is_research(self) -> bool:
        """Whether it is for research, which is never offered by itself."""
        return self.plan.use is Use.RESEARCH

    @property
    def missing_approvals(self) -> int:
        """How many physicians have still to approve it."""
        return max(0, PEOPLE_NEEDED - len(self.approvals))

    @property
    def is_usable(self) -> bool:
        """Whether a new course may follow it without a further word."""
        return not self.missing_approvals and not self.is_research

    @property
    def may_be_chosen(self) -> bool:
        """Whether the course at hand may move to it."""
        return self.is_usable and not self.is_followed


def versions() -> list[Version]:
    """Every version, in order of its id; two queries."""
    followed = Course.objects.open().values_list("protocol_id", "protocol_sha256")
    return _versions(ProtocolApproval.objects.order_by("pk"), list(followed), at_hand=None)


def versions_for(course: Course) -> list[Version]:
    """Every version, with the one that this course follows marked."""
    at_hand = (course.protocol_id, course.protocol_sha256)
    return _versions(ProtocolApproval.objects.order_by("pk"), [], at_hand=at_hand)


def _versions(
    approvals: Iterable[ProtocolApproval], followed: list[tuple[str, str]], *, at_hand: tuple[str, str] | None
) -> list[Version]:
    by_version: dict[tuple[str, str], list[ProtocolApproval]] = {}
    for approval in approvals:
        by_version.setdefault((approval.protocol_id, approval.protocol_sha256), []).append(approval)
    found = []
    for protocol_id in protocol_ids():
        key = (protocol_id, protocol_sha256(protocol_id))
        found.append(
            Version(
                id=protocol_id,
                plan=protocol(protocol_id),
                sha256=key[1],
                approvals=tuple(by_version.get(key, ())),
                courses=followed.count(key),
                is_followed=key == at_hand,
            )
        )
    return found

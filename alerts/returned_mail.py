"""Read a mail that came back: which letter of ours it speaks of, and what it says became of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

from alerts.models.report import ReportKind

# The address a letter comes back to ends in the letter's own token; so does its Message-ID begin.
_TOKEN = re.compile(r"\+([0-9a-f]{32})@")
_MESSAGE_ID = re.compile(r"<([0-9a-f]{32})@")
_RETURNED_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_OF_ACTION = {
    "failed": ReportKind.BOUNCED,
    "delayed": ReportKind.DELAYED,
    "delivered": ReportKind.DELIVERED,
    "relayed": ReportKind.PASSED_ON,
    "expanded": ReportKind.PASSED_ON,
}
_OF_CLASS = {"5": ReportKind.BOUNCED, "4": ReportKind.DELAYED, "2": ReportKind.DELIVERED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What a mail that came back says; the token is empty where it names no letter of ours."""

    kind: ReportKind
    token: str
    status: str = ""


def read_returned(raw: bytes) -> Returned:
    """What this mail says. Only a delivery report in the sense of RFC 3464 says that a letter came back."""
    mail = message_from_bytes(raw)
    token = _token(mail)
    if _is_report(mail):
        action, status = _verdict(mail)
        kind = _OF_ACTION.get(action) or _OF_CLASS.get(status[:1], ReportKind.OTHER)
        return Returned(kind=kind, token=token, status=status)
    return Returned(kind=ReportKind.AUTO_REPLY if _is_automatic(mail) else ReportKind.OTHER, token=token)


def _is_report(mail: Message) -> bool:
    wanted = mail.get_content_type() == "multipart/report"
    return wanted and str(mail.get_param("report-type", "")).lower() == "delivery-status"


def _verdict(mail: Message) -> tuple[str, str]:
    """What the server did for the recipient, and the status; each letter of ours has one recipient."""
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for block in _blocks(part):
            action = _said(block, "Action").lower()
            status = _STATUS.search(_said(block, "Status"))
            if action or status:
                return action, status[1] if status else ""
    return "", ""


def _blocks(part: Message) -> Iterator[Message]:
    """The groups of fields of a delivery status."""
    content = part.get_payload()
    if isinstance(content, list):
        yield from (block for block in content if isinstance(block, Message))


def _said(block: Message, name: str) -> str:
    return str(block.get(name, "")).strip()


def _token(mail: Message) -> str:
    """The letter's token: from the address the mail came back to, else from the letter it quotes."""
    for name in _RETURNED_TO:
        for value in mail.get_all(name, []):
            if found := _TOKEN.search(str(value).lower()):
                return found[1]
    said = [
        *(_said(quoted, "Message-ID") for quoted in _quoted(mail)),
        _said(mail, "In-Reply-To"),
        _said(mail, "References"),
    ]
    found = _MESSAGE_ID.search(" ".join(said).lower())
    return found[1] if found else ""


def _quoted(mail: Message) -> Iterator[Message]:
    """The letters, or their headers, that it brings back."""
    for part in mail.walk():
        if part.get_content_type() == "message/rfc822":
            yield from _blocks(part)
        elif part.get_content_type() == "text/rfc822-headers":
            headers = part.get_payload(decode=True)
            if isinstance(headers, bytes):
                yield message_from_bytes(headers)


def _is_automatic(mail: Message) -> bool:
    """Whether no person wrote it: out of office, and answers of other programs."""
    said = str(mail.get("Auto-Submitted", "no")).strip().lower()
    if not said.startswith("no"):
        return True
    if any(mail.get(name) for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress")):
        return True
    return str(mail.get("Precedence", "")).strip().lower() in {"auto_reply", "bulk", "junk"}

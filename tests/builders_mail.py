"""Mails that come back, as mail servers and people's mailboxes write them."""

_REPORT = """Return-Path: <>
Delivered-To: {to}
From: MAILER-DAEMON@relay.example (Mail Delivery System)
To: {to}
Subject: {subject}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain; charset=us-ascii

This is the mail system at host relay.example.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example
Arrival-Date: Mon, 4 May 2026 10:00:01 +0200

Final-Recipient: rfc822; oncall1@clinic.example
Original-Recipient: rfc822;oncall1@clinic.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 <oncall1@clinic.example>: Recipient address rejected

--b1
Content-Type: {quoted_type}

Message-ID: {message_id}
From: prrt-clinic@localhost
To: oncall1@clinic.example
Subject: [SAFETY 1] Action needed - ref 7F3K-2Q

--b1--
"""

OUT_OF_OFFICE = """From: oncall1@clinic.example
To: {to}
Subject: Out of office: [SAFETY 1] Action needed
In-Reply-To: {message_id}
References: {message_id}
Auto-Submitted: auto-replied
Content-Type: text/plain

I am away until Monday. Acknowledged.
"""

WRITTEN_BY_A_PERSON = """From: oncall1@clinic.example
To: {to}
Subject: Re: [SAFETY 1] Action needed
In-Reply-To: {message_id}
Content-Type: text/plain

Acknowledged, I am on my way.
"""


def report(
    message_id: str,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    to: str = "prrt-clinic@localhost",
    quoted_type: str = "text/rfc822-headers",
    subject: str = "Undelivered Mail Returned to Sender",
) -> bytes:
    """A delivery report in the form of RFC 3464, as Postfix writes it."""
    return _REPORT.format(
        message_id=message_id, action=action, status=status, to=to, quoted_type=quoted_type, subject=subject
    ).encode()


def answer(form: str, message_id: str, *, to: str = "prrt-clinic@localhost") -> bytes:
    """An answer from somebody's mailbox."""
    return form.format(message_id=message_id, to=to).encode()

"""Say whether mail may go to an address at all: only to domains that the clinic named."""

from django.conf import settings


def domain_fault(address: str) -> str:
    """Why nothing may be sent to this address, and what to do; empty where it may."""
    domain = address.rpartition("@")[2].strip().lower()
    if not settings.MAIL_DOMAINS or domain in settings.MAIL_DOMAINS:
        return ""
    allowed = ", ".join(settings.MAIL_DOMAINS)
    return (
        f"Alerts are mailed to addresses of {allowed} only, and this one is of {domain or 'no domain'}. Use "
        "an address of the clinic, or have the domain added to MAIL_DOMAINS."
    )

"""Template filters that write days, instants, numbers and foreign text so that people read them rightly."""

from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from django import template
from django.utils import timezone

from labs.formats.hidden import written_out
from labs.library import analytes, by_loinc

register = template.Library()

NOTHING = "–"
_LINE_ENDS = {"\r", "\n"}


@register.filter
def visible(text: object) -> str:
    """The text with every character that hides, reorders or breaks written out by its code point."""
    return written_out(str(text))


@register.filter
def visible_bytes(body: bytes | memoryview) -> str:
    """A message as it arrived: its text, with control characters written out and lines kept apart."""
    text = bytes(body).decode("utf-8", errors="backslashreplace")
    shown = []
    for position, character in enumerate(text):
        shown.append(written_out(character))
        followed = text[position + 1 : position + 2]
        if character in _LINE_ENDS and not (character == "\r" and followed == "\n"):
            shown.append("\n")
    return "".join(shown)


@register.filter
def day(value: date | str | None) -> str:
    """A calendar day with its weekday: `Mon 11 May 2026`."""
    if not value:
        return NOTHING
    found = value if isinstance(value, date) else date.fromisoformat(value)
    return f"{found:%a} {found.day} {found:%b %Y}"


@register.filter
def birth(value: date | str | None) -> str:
    """A birth date, without the weekday nobody needs: `2 Mar 1961`."""
    if not value:
        return NOTHING
    found = value if isinstance(value, date) else date.fromisoformat(value)
    return f"{found.day} {found:%b %Y}"


@register.filter
def instant(value: datetime | str | None, precision: str = "minute") -> str:
    """An instant on the clinic's clock, with the zone: `11 May 2026 08:00 CEST`."""
    if not value:
        return NOTHING
    found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    local = timezone.localtime(found)
    if precision == "day":
        return f"{local.day} {local:%b %Y} (time of day not known)"
    if precision == "hour":
        return f"{local.day} {local:%b %Y} {local:%H} h {local:%Z}"
    return f"{local.day} {local:%b %Y} {local:%H:%M} {local:%Z}"


@register.filter
def clock(value: datetime) -> str:
    """The time of day on the clinic's clock, with the zone: `08:00 CEST`."""
    return f"{timezone.localtime(value):%H:%M %Z}"


@register.filter
def iso(value: datetime) -> str:
    """The instant for programs, as `<time datetime>` wants it: `2026-05-11T08:00:00+02:00`."""
    return timezone.localtime(value).isoformat(timespec="seconds")


@register.filter
def number(value: Decimal | str | None) -> str:
    """A number with a point, a leading zero and no trailing ones: `0.5`, `60`, never `.5` or `60.000`."""
    if value is None or value == "":
        return NOTHING
    try:
        found = Decimal(value)
    except InvalidOperation:
        return visible(value)
    if not found.is_finite():
        return visible(value)
    text = f"{found:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@register.filter
def unit(text: str | None) -> str:
    """A unit as people write it; a bare ratio has none."""
    found = visible(text or "").replace("10*9/L", "×10^9/L").replace("umol", "µmol").replace("[IU]", "IU")
    return "" if found == "1" else found


@register.filter
def analyte_name(code: str) -> str:
    """An analyte's name from its short name or LOINC code; what is neither is shown as it stands."""
    analyte = analytes().get(code) or by_loinc(code)
    return analyte.name if analyte else visible(code).replace("_", " ")


@register.filter
def age(since: datetime, now: datetime) -> str:
    """How long ago an instant was, in the two units that matter: `3 d 4 h`, `25 min`."""
    minutes = max(0, int((now - since).total_seconds() // 60))
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"

"""Write results of one draw as a well-formed ORU^R01, as a laboratory would send them."""

from dataclasses import dataclass
from datetime import date, datetime

from labs.formats.hl7_syntax import Separators, escape

_MARKS = Separators(field="|", component="^", repetition="~", escape="\\", subcomponent="&", declared="^~\\&")
_SEXES = {"female": "F", "male": "M", "other": "O"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleResult:
    """One measured value with its unit and reference range, as text."""

    loinc: str
    name: str
    value: str
    unit: str
    low: str = ""
    high: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The results of one draw of one patient, and who says so."""

    application: str
    facility: str
    control_id: str
    order: str
    mrn: str
    authority: str
    id_type: str
    family: str
    given: str
    birth_date: date
    sex: str
    results: tuple[SampleResult, ...]
    status: str
    collected_at: datetime
    sent_at: datetime


def write_sample(sample: Sample) -> bytes:
    """The message's bytes, without a frame."""
    collected = sample.collected_at.strftime("%Y%m%d%H%M%S%z")
    sent = sample.sent_at.strftime("%Y%m%d%H%M%S%z")
    namespace, *universal = sample.authority.split("&")
    authority = "&".join(_safe(part) for part in (namespace, *universal))
    person = f"{_safe(sample.mrn)}^^^{authority}^{_safe(sample.id_type)}"
    name = f"{_safe(sample.family)}^{_safe(sample.given)}"
    first = sample.results[0]
    test = f"{first.loinc}^{_safe(first.name)}^LN"
    order = _safe(sample.order)
    segments = (
        f"MSH|^~\\&|{_safe(sample.application)}|{_safe(sample.facility)}|PRRT|CLINIC|{sent}||ORU^R01^ORU_R01|"
        f"{_safe(sample.control_id)}|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||{person}||{name}||{sample.birth_date:%Y%m%d}|{_SEXES.get(sample.sex, 'U')}",
        f"ORC|RE||{order}",
        f"OBR|1||{order}|{test}|||{collected}|||||||||||||||{sent}|||{sample.status}",
        *(
            _observation(position, result, status=sample.status, collected=collected)
            for position, result in enumerate(sample.results, start=1)
        ),
    )
    return ("\r".join(segments) + "\r").encode()


def _observation(position: int, result: SampleResult, *, status: str, collected: str) -> str:
    """One OBX segment."""
    limits = f"{result.low}-{result.high}" if result.low and result.high else ""
    test = f"{result.loinc}^{_safe(result.name)}^LN"
    return (
        f"OBX|{position}|NM|{test}||{_safe(result.value)}|{_safe(result.unit)}|{_safe(limits)}"
        f"||||{status}|||{collected}"
    )


def _safe(text: str) -> str:
    return escape(text, separators=_MARKS)

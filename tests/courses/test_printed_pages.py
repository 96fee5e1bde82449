"""A decision and a day on paper: the verdict reached by hand from the text, and what makes a page void."""

import re
import sys
from collections.abc import Mapping
from decimal import Decimal
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from django.urls import reverse
from pypdf import PdfReader

from courses.models import Decision, TherapyDay
from courses.pdf import PACKAGES, pdf_of
from courses.situation import judge, read_situation
from labs.clinic_days import add_days
from tests.builders_pages import decide, make_course, make_patient, sign, standing
from tests.builders_therapy_day import DAY, at, dispense, opened, ready_cycle, until_start
from tests.case_reader import EXTRA_PROTOCOLS, read_cases, situation

pytestmark = pytest.mark.django_db
SEVERITY = ("PROCEED", "REDUCE", "HOLD", "DELAY", "STOP")
COMPARED = re.compile(
    r"(?P<value>-?\d+(?:\.\d+)?)(?: (?P<unit>[^ ()]+(?: [^ ()\d][^ ()]*)?))?(?: \([^()]*\))? "
    r"(?P<test>below|at most|above|at least) (?P<limit>-?\d+(?:\.\d+)?): (?P<met>yes|no)\b"
)
HOLDS = {
    "below": lambda value, limit: value < limit,
    "at most": lambda value, limit: value <= limit,
    "above": lambda value, limit: value > limit,
    "at least": lambda value, limit: value >= limit,
}
PAYLOADS = [
    "<script>alert('x')</script>", '"><img src="file:///etc/passwd" onerror=alert(1)>',
    "<link rel=stylesheet href=http://10.0.0.1/x.css>", "{{ 7|add:7 }}", "\u202egnp.exe", "zero\u200bwidth",
    "bell\x07", "\U0001f9ea\U0001f469\u200d\u2695\ufe0f", "x" * 400, "]]><!--", "\ufffe\ud7ff",
]  # fmt: skip
# One of each verdict, with what makes it, as the case files tell it.
WANTED = ("proceed", "reduce", "hold", "delay", "stop")


def cases() -> list[dict[str, Any]]:
    """The first two cases of each verdict."""
    found: dict[str, list[dict[str, Any]]] = {action: [] for action in WANTED}
    for case in read_cases():
        action = case["expect"].get("action")
        if action in found and len(found[action]) < 2:
            found[action].append(case)
    return [case for each in found.values() for case in each]


def root_of(pdf: PdfReader) -> Any:
    """The catalogue of a PDF: its language, whether it is tagged, what it would do."""
    return pdf.trailer["/Root"]


def read(response: Any) -> tuple[str, PdfReader]:
    """The text of a PDF, its lines joined."""
    pdf = PdfReader(BytesIO(response.content))
    words = " ".join(page.extract_text() for page in pdf.pages)
    # The reader used here leaves a font as it is coded where it shows characters beyond two bytes.
    return " ".join(words.replace("\0", "").split()), pdf


def pdf_url(decision: Decision) -> str:
    return reverse("courses:decision_pdf", args=[decision.public_id])


@pytest.mark.pango
@pytest.mark.hazard("HZ-43")
def test_a_physician_reaches_the_verdict_by_hand_from_the_printed_page(enter):
    browser = enter("physician")
    for number, case in enumerate(cases(), start=1):
        found = judge(read_situation(situation(case), extra=EXTRA_PROTOCOLS), extra=EXTRA_PROTOCOLS)
        decision = _of(number, found)
        words, pdf = read(browser.get(pdf_url(decision)))
        # Every comparison that was made stands there and comes out the same when it is made again.
        made = list(COMPARED.finditer(words))
        for each in made:
            holds = HOLDS[each["test"]](Decimal(each["value"]), Decimal(each["limit"]))
            assert holds is (each["met"] == "yes"), each[0]
        asked = [
            item
            for line in (*found["reasons"], *found["silent"])
            for item in line.get("comparisons", [])
            if item["met"] is not None
        ]
        assert len(made) == len(asked), case["name"]
        # The strictest reason that acts is the verdict, each with rule, threshold and source.
        why = words.partition(" Why ")[2].partition(" Missing or not usable")[0]
        acting = [each for each in found["reasons"] if each["action"] != "proceed"]
        told = re.findall(r"\b(REDUCE|HOLD|DELAY|STOP) \[([A-Z0-9-]+)\]", why)
        assert told == [(each["action"].upper(), each["rule"]) for each in acting]
        strictest = max((action for action, _ in told), key=SEVERITY.index, default="PROCEED")
        assert re.search(rf"planned \w+ \d+ \w+ \d+ {strictest}\b", words), case["name"]
        for reason in found["reasons"]:
            for part in ("sentence", "threshold", "source"):
                assert _flat(reason[part]) in _flat(words), (case["name"], part)
        for text in (*found["release"], *(rule["rule"] for rule in found["silent"])):
            assert _flat(text).lower() in _flat(words).lower(), case["name"]
        assert decision.evidence_sha256 in words
        assert decision.protocol_sha256 in words
        assert f"Page 1 of {len(pdf.pages)}" in words


def _of(number: int, found: Mapping[str, Any]) -> Decision:
    course = make_course(number, action="hold")
    parts = ("action", "awaiting_labs", "cycle")
    answer = {key: value for key, value in found.items() if key not in parts}
    return decide(course, standing(course).cycle, action=found["action"], **answer)


def _flat(text: str) -> str:
    """Without spaces: a line of a PDF may break within a unit."""
    return "".join(text.split())


@pytest.mark.pango
def test_a_usual_decision_fits_one_page_and_names_nobody_in_its_file(enter, person):
    case = next(each for each in read_cases() if each["expect"].get("action") == "delay")
    found = judge(read_situation(situation(case), extra=EXTRA_PROTOCOLS), extra=EXTRA_PROTOCOLS)
    decision = _of(1, found)
    sign(decision, by=person("physician", username="Dr. Sign"))
    answer = enter("nurse").get(pdf_url(decision))
    words, pdf = read(answer)
    assert len(pdf.pages) == 1
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Sample" not in str(pdf.metadata) + answer.headers["Content-Disposition"]
    assert root_of(pdf)["/MarkInfo"]["/Marked"]  # tagged, for readers that read aloud
    assert str(root_of(pdf)["/Lang"]) == "en"
    assert "Allergies and earlier reactions: not recorded" in words
    assert "Not valid if a newer decision exists" in words
    assert "signed delay" in words
    assert "SUPERSEDED" not in words
    page = unescape(
        enter("nurse", username="n2").get(pdf_url(decision).replace(".pdf", "/print/")).content.decode()
    )
    assert "Open as PDF" in page

    decide(decision.course, decision.cycle, action="proceed")
    words, _ = read(enter("nurse", username="n3").get(pdf_url(decision)))
    assert "SUPERSEDED. A newer decision of" in words
    assert "Valid on" not in words


@pytest.mark.pango
@pytest.mark.hazard("HZ-83")
def test_foreign_text_is_inert_on_paper(enter):
    browser = enter("nurse")
    for number, payload in enumerate(PAYLOADS, start=1):
        course = make_course(number, patient=make_patient(number, family=payload[:128], given=payload[:128]))
        gap = {"code": payload, "why": payload, "resolve": payload, "rule": "X"}
        decision = decide(course, standing(course).cycle, action="hold", missing=[gap])
        words, pdf = read(browser.get(pdf_url(decision)))
        assert "Decision on cycle 2" in words
        assert not {"\u202e", "\u200b", "\x07"} & set(words)
        assert "/JavaScript" not in str(root_of(pdf))
        if payload.startswith("<"):
            assert _flat(payload) in _flat(words)


@pytest.mark.pango
def test_what_a_page_names_is_never_opened(tmp_path):
    secret = tmp_path / "secret.css"
    secret.write_text("@page { @top-left { content: 'opened' } }")
    page = f"<html lang=en><title>t</title><link rel=stylesheet href='{secret.as_uri()}'><p>kept</p></html>"
    words = PdfReader(BytesIO(pdf_of(page))).pages[0].extract_text()
    assert "kept" in words
    assert "opened" not in words


def test_where_nothing_lays_out_a_page_the_door_says_what_lacks(enter, monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)  # as where the package cannot be loaded
    decision = standing(make_course(1))
    browser = enter("nurse")
    answer = browser.get(pdf_url(decision))
    page = unescape(answer.content.decode())
    assert answer.status_code == 503
    assert PACKAGES in page
    html = reverse("courses:decision_print", args=[decision.public_id])
    assert html in page
    assert "Decision on cycle 2" in browser.get(html).content.decode()


@pytest.mark.pango
def test_a_role_without_names_prints_without_names(enter):
    decision = standing(make_course(1, family="Secretname"))
    words, _ = read(enter("auditor").get(pdf_url(decision)))
    assert "Secretname" not in words
    assert "Printed for a role that reads records without names." in words


@pytest.mark.pango
@pytest.mark.hazard("HZ-63")
def test_the_day_sheet_as_pdf_says_on_what_it_stands(enter, set_clock):
    set_clock(at(9))
    cycle = ready_cycle()
    dispense(cycle)
    until_start(opened(cycle))
    set_clock(at(11, 58))
    cycle.course.refresh_from_db()
    words, pdf = read(enter("nurse").get(reverse("courses:day_pdf", args=[cycle.course.public_id])))
    short = str(standing(cycle.course).public_id)[:8]
    assert f"Valid only while decision {short} stands." in words
    assert "also one printed the evening before" in words
    assert "directive revision 1 of Mon 4 May 2026" in words
    assert "Ahorn" not in str(pdf.metadata)


@pytest.mark.pango
@pytest.mark.hazard("HZ-63")
def test_the_day_sheet_is_printed_the_evening_before_without_opening_the_day(enter, set_clock):
    evening = at(18, on=add_days(DAY, -1))
    set_clock(evening)
    cycle = ready_cycle()
    nurse = enter("nurse")
    page = nurse.get(reverse("courses:day", args=[cycle.course.public_id])).content.decode()
    address = reverse("courses:day_pdf", args=[cycle.course.public_id]) + "?cycle=1"
    assert address in page
    words, _ = read(nurse.get(address))
    assert "Valid for directive revision 1 of Mon 4 May 2026, for a start on that day alone" in words
    assert "The day was not opened when this was printed." in words
    assert "Nobody has identified the patient yet." in words
    assert not TherapyDay.objects.exists()
    assert nurse.get(address.replace("cycle=1", "cycle=9")).status_code == 404
    for nonsense in ("x", "-1", "²", "9" * 5000):
        assert nurse.get(address.replace("cycle=1", f"cycle={nonsense}")).status_code == 404

"""Pharmacy's pages: the board, one order with its acts, vials and orders with the supplier."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from courses.models import (
    AminoAcidBag,
    AssayDirection,
    Course,
    DispensedUnit,
    Order,
    OrderEvent,
    Vial,
    VialBooking,
    VialEvent,
)
from courses.reason_words import why_sentence
from courses.rules.order_states import LEFT_OUT
from courses.rules.orders import (
    ACTIVITY_CHANGED,
    DATE_CHANGED,
    EVIDENCE_IN,
    NO_LONGER_ASKED,
    VERDICT_CHANGED,
    WINDOW_OPEN,
)
from courses.services.assess import assess_course
from courses.services.bookings import place_booking
from courses.services.day_end import NotGiven
from courses.services.ending import ENDED
from courses.services.orders import BY_HAND
from courses.services.pharmacy import CANCELLED, CANCELLED_BY_PHYSICIAN
from courses.services.sign import DRAWS_IN
from courses.services.vial_state import GONE
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone
from tests.builders import draw, give_cycle, make_course, make_patient, sign
from tests.builders_pharmacy import CODE, PRODUCT, order_of, pharmacist, physician, prepared

pytestmark = pytest.mark.django_db
Send = Callable[..., Any]
Enter = Callable[..., Client]


@pytest.fixture
def course() -> Course:
    """Cycle 1 given eight weeks ago; cycle 2 is signed for today, the day on which these pages are used."""
    today = clinic_day(database_now(), clinic_zone())
    by = physician()
    first = add_days(today, -56)
    course = make_course(make_patient(), first_on=first, by=by)
    give_cycle(course.cycles.get(number=1), by=by)
    draw(course.patient, add_days(today, -4))
    decision = assess_course(course_id=course.pk)
    assert decision is not None
    sign(decision, by=by, now=database_now())
    return course


def page(browser: Client, name: str, *args: Any) -> str:
    answer = browser.get(reverse(f"courses:{name}", args=args))
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def typed(minutes_ago: int) -> str:
    """A moment on the clinic's clock, as a browser sends it."""
    return f"{timezone.localtime(database_now() - timedelta(minutes=minutes_ago)):%Y-%m-%dT%H:%M:%S}"


def address(order: Order, act: str) -> str:
    return reverse("courses:pharmacy_act", args=[order.public_id, act])


def version_of(order: Order) -> dict[str, Any]:
    return {"version": Order.objects.get(pk=order.pk).version}


def label_form(**changes: Any) -> dict[str, Any]:
    return {
        "product": PRODUCT,
        "product_code": CODE,
        "lot": "L-2611",
        "calibrated_activity": "8.2 GBq",
        "calibrated_at": typed(24 * 60),
        "volume_ml": "22.5",
        "expires_at": typed(-24 * 60),
        "received_at": typed(30),
        **changes,
    }


def unit_form(vial: Vial, order: Order, **changes: Any) -> dict[str, Any]:
    return {
        "vial": str(vial.public_id),
        "form": "vial",
        "product_code": CODE,
        "lot": "L-2611",
        "activity": "7.42 GBq",
        "measured_at": typed(5),
        "volume_ml": "22.5",
        "prepared_by": "P. Pharma",
        "verified_by": "Q. Control",
        **version_of(order),
        **changes,
    }


def received(browser: Client, course: Course) -> Vial:
    answer = browser.post(reverse("courses:pharmacy_receive", args=[course.public_id, 2]), label_form())
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    return Vial.objects.latest("pk")


def test_a_nurse_asks_for_an_order_to_be_cancelled_and_pharmacy_answers_on_its_page(
    course: Course, enter: Enter
) -> None:
    sister, pharmacy, order = enter("nurse"), enter("pharmacist"), order_of(course)
    shown = page(sister, "pharmacy_order", order.public_id)
    assert "Ask for it to be cancelled" in shown
    assert "Cancel this order" not in shown
    hold = reverse("courses:record_fact", args=[course.public_id, "precautionary_holds"])
    assert f'<a href="{hold}">hold the course</a>' in shown
    said = {"reason": "Vomits since the morning."}
    refused = sister.post(address(order, "cancel"), said | version_of(order))
    assert refused.status_code == 403
    assert sister.post(address(order, "ask"), version_of(order)).status_code == 400
    before = version_of(order)
    assert sister.post(address(order, "ask"), said | before).status_code == 302
    assert sister.post(address(order, "ask"), said | before).status_code == 302  # the button pressed twice
    assert OrderEvent.objects.filter(reason_code="cancel-asked").count() == 1
    board = page(pharmacy, "pharmacy")
    assert "Asked to cancel" in board
    assert "Vomits since the morning." in board
    shown = page(pharmacy, "pharmacy_order", order.public_id)
    assert "Nobody has answered yet" in shown
    on = {"reason": "She is better."} | version_of(order)
    assert pharmacy.post(address(order, "decline"), on).status_code == 302
    assert "Asked to cancel" not in page(pharmacy, "pharmacy")
    assert "She is better." in page(sister, "pharmacy_order", order.public_id)


def test_pharmacy_plays_its_day_in_the_browser(
    course: Course, enter: Enter, send_with_password: Send
) -> None:
    browser, order = enter("pharmacist"), order_of(course)
    board = page(browser, "pharmacy")
    assert "To accept" in board
    assert reverse("courses:pharmacy_order", args=[order.public_id]) in board
    for act in ("accept", "prepare"):
        assert browser.post(address(order, act), version_of(order)).status_code == 302
    vial = received(browser, course)
    assert "7.4 GBq (200 mCi)" in page(browser, "pharmacy_order", order.public_id)
    send_with_password(browser, address(order, "dispense"), unit_form(vial, order))
    made = DispensedUnit.objects.get()
    told = page(browser, "pharmacy_order", order.public_id)
    assert made.label in told
    assert "7.42 GBq" in told
    assert "7.420" not in told
    assert "At the planned start" in told
    assert "Handed out, not yet given" in page(browser, "pharmacy")


def test_dispensing_without_the_password_hands_nothing_out(course: Course, enter: Enter) -> None:
    browser = enter("pharmacist")
    order, vial = prepared(course, now=database_now()), received(browser, course)
    answer: Any = browser.post(address(order, "dispense"), unit_form(vial, order))
    assert answer.url.startswith(reverse("account_reauthenticate"))
    assert not DispensedUnit.objects.exists()


def test_a_refusal_keeps_what_was_typed_and_stands_at_its_field(
    course: Course, enter: Enter, send_with_password: Send
) -> None:
    browser = enter("pharmacist")
    order, vial = prepared(course, now=database_now()), received(browser, course)
    form = unit_form(vial, order, activity="7400", lot="L-9999")
    unread = send_with_password(browser, address(order, "dispense"), form)
    assert unread.status_code == 409
    text = unread.content.decode()
    assert "has no unit" in text
    assert 'value="L-9999"' in text
    assert 'id="dispense-activity_error"' in text
    wrong = browser.post(address(order, "dispense"), {**form, "activity": "7.42 GBq"})
    assert "received as lot L-2611" in wrong.content.decode()
    empty = browser.post(address(order, "dispense"), {**form, "volume_ml": ""})
    assert (empty.status_code, "Fill this in." in empty.content.decode()) == (400, True)
    assert not DispensedUnit.objects.exists()


def test_a_page_that_is_stale_changes_nothing(course: Course, enter: Enter) -> None:
    browser, order = enter("pharmacist"), order_of(course)
    answer = browser.post(address(order, "accept"), {"version": order.version - 1})
    assert (answer.status_code, "has changed since" in answer.content.decode()) == (409, True)
    assert order_of(course).state == "active"


def hidden(told: str, name: str) -> str:
    """What a page's forms carry unseen."""
    found = re.search(rf'name="{name}" value="([^"]*)"', told)
    assert found is not None, name
    return found[1]


def changes(answer: Any) -> str:
    """The part of a page that says what changed."""
    assert answer.status_code == 409
    told = unescape(answer.content.decode())
    return told[told.index('id="changed"') : told.index("</section>", told.index('id="changed"'))]


@pytest.mark.hazard("HZ-38")
def test_a_stale_order_form_shows_both_versions_keeps_what_was_typed_and_goes_on_from_the_one_that_stands(
    course: Course, enter: Enter
) -> None:
    browser, order = enter("pharmacist"), order_of(course)
    read = page(browser, "pharmacy_order", order.public_id)
    form = {"version": hidden(read, "version"), "seen": hidden(read, "seen"), "reason": "Patient is away."}
    other = enter("pharmacist", username="another")
    assert other.post(address(order, "accept"), version_of(order)).status_code == 302
    stale = browser.post(address(order, "cancel"), form)
    told = changes(stale)
    assert told.index("You read") < told.index("Stands now")
    assert re.search(r"State</th><td>Active</td><td><strong>Accepted</strong> \(changed\)", told)
    assert re.search(
        r"Written directive</th><td>revision 1, 7.4 GBq \(200 mCi\) on [^<]+</td><td>revision 1", told
    )
    assert re.search(r"accepted, another", told)
    whole = stale.content.decode()
    assert "Patient is away." in whole
    cancel = whole[whole.index('id="act-cancel"') :]
    anew = {"version": hidden(cancel, "version"), "seen": hidden(cancel, "seen"), "reason": form["reason"]}
    assert int(anew["version"]) == order_of_key(order).version
    assert anew["seen"] != form["seen"]
    assert browser.post(address(order, "cancel"), anew).status_code == 302
    assert order_of_key(order).state == "cancelled"


def test_a_stale_order_form_that_does_not_say_what_it_was_read_from_is_told_what_stands(
    course: Course, enter: Enter
) -> None:
    browser, order = enter("pharmacist"), order_of(course)
    form = {"version": order.version - 1, "seen": "<script>"}
    told = changes(browser.post(address(order, "accept"), form))
    assert "not told by the page" in told
    assert "script" not in told


@pytest.mark.hazard("HZ-38")
def test_a_stale_vial_form_shows_what_was_said_of_it_since(course: Course, enter: Enter) -> None:
    browser = enter("pharmacist")
    vial = received(browser, course)
    fate = reverse("courses:pharmacy_fate", args=[vial.public_id])
    assert (
        enter("pharmacist", username="another")
        .post(fate, {"fate": "late", "reason": "traffic jam", "version": 1})
        .status_code
        == 302
    )
    answer = browser.post(fate, {"fate": "kept", "reason": "for Monday", "version": 1})
    told = changes(answer)
    assert re.search(r"<td>nothing is recorded</td><td><strong>arrived late</strong>", told)
    assert "traffic jam" in told
    assert "another" in told
    whole = answer.content.decode()
    assert "for Monday" in whole
    assert hidden(whole, "version") == "2"
    # Also what lacks something is told: it is sent for the newer version next.
    lacking = browser.post(fate, {"fate": "kept", "reason": "", "version": 1})
    assert lacking.status_code == 400
    assert "traffic jam" in lacking.content.decode()


@pytest.mark.parametrize("where", ["board", "order", "course", "first"])
def test_a_suspended_order_says_why_in_a_sentence_before_the_code(
    course: Course, enter: Enter, where: str
) -> None:
    draw(course.patient, add_days(clinic_day(database_now(), clinic_zone()), -1), PLT="60")
    assess_course(course_id=course.pk)
    order, browser = order_of(course), enter("pharmacist")
    assert (order.state, order.reason_code) == ("suspended", "DM-PLT")
    address_of = {
        "board": reverse("courses:pharmacy"),
        "order": reverse("courses:pharmacy_order", args=[order.public_id]),
        "course": reverse("admin:courses_course_change", args=[course.pk]),
        "first": "/admin/",
    }[where]
    told = unescape(browser.get(address_of).content.decode())
    assert re.search(
        r"Platelets 60 [^<]+ below 75[^<]+<small class=\"prrt-code\"><code>DM-PLT</code></small>", told
    )


def test_every_reason_that_is_no_rule_has_a_sentence_of_its_own() -> None:
    by_a_rule = why_sentence("SOME-RULE")
    for code in (
        *EVIDENCE_IN.values(), WINDOW_OPEN, ACTIVITY_CHANGED, DATE_CHANGED, VERDICT_CHANGED, LEFT_OUT,
        BY_HAND, CANCELLED, CANCELLED_BY_PHYSICIAN, DRAWS_IN, ENDED, *(f"vial-{fate}" for fate in GONE),
        NO_LONGER_ASKED, "placed", "recorded-on-the-day", "part-corrected", "superseded", "administered",
        "given-in-part", *(f"not-given-{why.value.replace('_', '-')}" for why in NotGiven),
    ):  # fmt: skip
        assert why_sentence(code) not in ("", by_a_rule), code


def test_a_bag_and_a_tablet_are_handed_out(course: Course, enter: Enter, send_with_password: Send) -> None:
    browser, now = enter("pharmacist"), database_now()
    bag, tablet = prepared(course, "amino_acids", now=now), prepared(course, "antiemetic", now=now)
    form = {
        "lot": "AA-77",
        "lysine_g": "25",
        "arginine_g": "25",
        "volume_ml": "1000",
        "expires_at": typed(-60),
        "prepared_by": "P. Pharma",
        "verified_by": "Q. Control",
        **version_of(bag),
    }
    send_with_password(browser, address(bag, "dispense"), form)
    assert AminoAcidBag.objects.get().label in page(browser, "pharmacy_order", bag.public_id)
    browser.post(address(tablet, "dispense"), version_of(tablet))
    assert order_of(course, "antiemetic").state == "dispensed"


@pytest.mark.hazard("HZ-46")
def test_a_recall_stands_first_and_is_the_one_thing_to_be_done(
    course: Course, enter: Enter, send_with_password: Send
) -> None:
    browser = enter("pharmacist")
    order, vial = prepared(course, now=database_now()), received(browser, course)
    send_with_password(browser, address(order, "dispense"), unit_form(vial, order))
    draw(course.patient, add_days(clinic_day(database_now(), clinic_zone()), -1), PLT="60")
    assess_course(course_id=course.pk)
    board = page(browser, "pharmacy")
    assert board.index("Called back: answer these first") < board.index("To dispense")
    told = page(browser, "pharmacy_order", order.public_id)
    assert "It must not be given" in told
    assert "The decision now: Platelets 60" in told
    assert address(order, "recall") in told
    assert address(order, "cancel") not in told
    unsaid = browser.post(address(order, "recall"), version_of(order))
    assert unsaid.status_code == 400
    form = {**version_of(order), "outcome": "secured", "note": "in the safe"}
    assert browser.post(address(order, "recall"), form).status_code == 302
    assert order_of_key(order).state == "void"
    assert "secured, not given" in page(browser, "pharmacy_order", order.public_id)


def order_of_key(order: Order) -> Order:
    order.refresh_from_db()
    return order


def test_an_authorised_user_directs_on_the_order_s_page(
    course: Course, enter: Enter, send_with_password: Send
) -> None:
    order = prepared(course, now=database_now())
    pharmacy, other = enter("pharmacist"), enter("physician")
    assert address(order, "direct") not in page(pharmacy, "pharmacy_order", order.public_id)
    assert address(order, "direct") not in page(other, "pharmacy_order", order.public_id)
    browser = enter("physician", "authorised-user")
    assert address(order, "direct") in page(browser, "pharmacy_order", order.public_id)
    form = {**version_of(order), "activity": "9 GBq", "measured_at": typed(5), "reason": "the only vial"}
    assert pharmacy.post(address(order, "direct"), form).status_code == 403
    send_with_password(browser, address(order, "direct"), form)
    assert AssayDirection.objects.get().reason == "the only vial"
    assert "the only vial" in page(pharmacy, "pharmacy_order", order.public_id)


def test_a_physician_cancels_an_order_on_its_page_with_a_reason(course: Course, enter: Enter) -> None:
    order, browser = order_of(course), enter("physician")
    told = page(browser, "pharmacy_order", order.public_id)
    assert address(order, "cancel") in told
    assert address(order, "accept") not in told
    assert browser.post(address(order, "cancel"), version_of(order)).status_code == 400
    form = {**version_of(order), "reason": "The patient is unwell."}
    assert browser.post(address(order, "cancel"), form).status_code == 302
    assert order_of_key(order).state == "cancelled"


def test_who_handles_no_orders_sees_no_board_and_changes_none(course: Course, enter: Enter) -> None:
    order = order_of(course)
    nurse = enter("nurse")
    assert nurse.get(reverse("courses:pharmacy")).status_code == 403
    told = page(nurse, "pharmacy_order", order.public_id)
    acts = ("accept", "prepare", "dispense", "cancel", "recall", "decline", "direct")
    assert not [act for act in acts if address(order, act) in told]
    assert address(order, "ask") in told
    for act in acts:
        assert nurse.post(address(order, act), version_of(order)).status_code == 403
    assert nurse.get(address(order, "accept")).status_code == 403
    assert (
        enter("administrator").get(reverse("courses:pharmacy_order", args=[order.public_id])).status_code
        == 403
    )
    assert nurse.post(address(order, "explode"), version_of(order)).status_code == 404
    assert order_of(course).state == "active"


def test_a_get_changes_nothing(course: Course, enter: Enter) -> None:
    browser, vial = enter("pharmacist"), received(enter("pharmacist", username="another"), course)
    booking = place_booking(cycle=course.cycles.get(number=2), supplier="x", by=pharmacist())
    before = [(each.pk, each.version) for each in Order.objects.order_by("pk")]
    page(browser, "pharmacy")
    page(browser, "pharmacy_order", order_of(course).public_id)
    page(browser, "pharmacy_vial", vial.public_id)
    page(browser, "pharmacy_correct", vial.public_id)
    page(browser, "pharmacy_receive", course.public_id, 2)
    page(browser, "pharmacy_book", course.public_id, 3)
    page(browser, "pharmacy_booking", booking.public_id)
    assert [(each.pk, each.version) for each in Order.objects.order_by("pk")] == before


def test_a_vial_s_page_shows_its_decay_and_takes_its_fate_and_its_correction(
    course: Course, enter: Enter
) -> None:
    browser = enter("pharmacist")
    vial = received(browser, course)
    told = page(browser, "pharmacy_vial", vial.public_id)
    assert "8.2 GBq (221.6 mCi)" in told
    # 24 hours later: 8.2 × 0.90097 (dossier, 7.2).
    assert "7.388 GBq" in told
    fate = reverse("courses:pharmacy_fate", args=[vial.public_id])
    assert browser.post(fate, {"fate": "late", "version": 1}).status_code == 400
    assert browser.post(fate, {"fate": "late", "reason": "traffic", "version": 1}).status_code == 302
    assert VialEvent.objects.get().fate == "late"
    correct = reverse("courses:pharmacy_correct", args=[vial.public_id])
    assert 'value="L-2611"' in browser.get(correct).content.decode()
    assert browser.post(correct, label_form(lot="L-2612")).status_code == 400
    assert browser.post(correct, label_form(lot="L-2612", reason="misread")).status_code == 302
    newest = Vial.objects.latest("pk")
    assert (newest.lot, newest.corrects) == ("L-2612", vial)
    assert "This label was written anew" in page(browser, "pharmacy_vial", vial.public_id)
    assert [each.lot for each in Vial.objects.effective()] == ["L-2612"]


@pytest.mark.hazard("HZ-39")
def test_of_two_corrections_at_once_the_second_shows_both_labels_and_goes_on_from_the_one_that_counts(
    course: Course, enter: Enter
) -> None:
    browser = enter("pharmacist")
    vial = received(browser, course)
    correct = reverse("courses:pharmacy_correct", args=[vial.public_id])
    for lot, why in (("L-2612", "misread"), ("L-2613", "misread again")):
        newest = Vial.objects.effective().get()
        told = reverse("courses:pharmacy_correct", args=[newest.public_id])
        assert browser.post(told, label_form(lot=lot, reason=why)).status_code == 302
    newest = Vial.objects.effective().get()
    told = reverse("courses:pharmacy_correct", args=[newest.public_id])
    rewritten = label_form(lot="L-2613", calibrated_activity="7.04 GBq", reason="of the certificate")
    assert browser.post(told, rewritten).status_code == 302
    newest = Vial.objects.effective().get()
    refused = browser.post(correct, label_form(lot="L-2699", reason="typed meanwhile"))
    assert refused.status_code == 400
    shown = refused.content.decode()
    assert "corrected already" in shown
    assert "<td>L-2611</td><td><strong>L-2613</strong> (changed)</td>" in shown
    assert shown.index("misread</li>") < shown.index("misread again</li>")
    assert 'value="L-2699"' in shown
    # What was not touched is that of the label that counts: nobody's correction is undone unseen.
    assert 'value="7.04 GBq"' in shown
    assert "What you typed stands below" not in browser.get(correct).content.decode()
    anew = reverse("courses:pharmacy_correct", args=[newest.public_id])
    assert f'action="{anew}"' in shown
    assert Vial.objects.effective().get() == newest
    typed_on = label_form(lot="L-2699", calibrated_activity="7.04 GBq", reason="typed meanwhile")
    assert browser.post(anew, typed_on).status_code == 302
    assert Vial.objects.effective().get().lot == "L-2699"


def test_a_correction_sent_twice_is_made_once_and_neither_answer_says_that_nothing_was_done(
    course: Course, enter: Enter
) -> None:
    browser = enter("pharmacist")
    vial = received(browser, course)
    correct = reverse("courses:pharmacy_correct", args=[vial.public_id])
    answers = [browser.post(correct, label_form(lot="L-2612", reason="misread")) for _ in range(2)]
    newest = Vial.objects.effective().get()
    told = reverse("courses:pharmacy_vial", args=[newest.public_id])
    assert [(each.status_code, each.headers.get("Location")) for each in answers] == [(302, told)] * 2
    assert Vial.objects.count() == 2
    another = enter("pharmacist", username="another")
    assert another.post(correct, label_form(lot="L-2612", reason="misread")).status_code == 400


def in_hand(browser: Client) -> str:
    """What the board lists as vials in hand."""
    told = page(browser, "pharmacy")
    start = told.index('id="vials"')
    return told[start : told.index("</section>", start)]


def test_a_vial_handed_out_as_a_whole_is_no_longer_in_hand_and_one_that_came_back_is(
    course: Course, enter: Enter, send_with_password: Send
) -> None:
    browser = enter("pharmacist")
    order, vial = prepared(course, now=database_now()), received(browser, course)
    assert vial.lot in in_hand(browser)
    send_with_password(browser, address(order, "dispense"), unit_form(vial, order))
    assert "No vial is in hand" in in_hand(browser)
    assert "Handed out or gone" in page(browser, "pharmacy_order", order.public_id)
    said = {"reason": "Patient unwell.", **version_of(order)}
    assert browser.post(address(order, "cancel"), said).status_code == 302
    assert vial.lot in in_hand(browser)


def test_a_vial_of_which_a_part_is_out_is_still_in_hand(
    course: Course, enter: Enter, send_with_password: Send
) -> None:
    browser = enter("pharmacist")
    order, vial = prepared(course, now=database_now()), received(browser, course)
    send_with_password(
        browser, address(order, "dispense"), unit_form(vial, order, form="part", volume_ml="11")
    )
    assert DispensedUnit.objects.get().form == "part"
    assert vial.lot in in_hand(browser)


def test_a_vial_that_was_spilled_stays_gone_when_its_label_is_corrected(course: Course, enter: Enter) -> None:
    browser = enter("pharmacist")
    vial = received(browser, course)
    fate = reverse("courses:pharmacy_fate", args=[vial.public_id])
    assert browser.post(fate, {"fate": "spilled", "reason": "dropped", "version": 1}).status_code == 302
    correct = reverse("courses:pharmacy_correct", args=[vial.public_id])
    assert browser.post(correct, label_form(lot="L-2612", reason="misread")).status_code == 302
    assert Vial.objects.effective().get().lot == "L-2612"
    assert "No vial is in hand" in in_hand(browser)


@pytest.mark.hazard("HZ-39")
def test_what_became_of_a_vial_is_told_of_the_one_that_counts_as_it_was_read(
    course: Course, enter: Enter
) -> None:
    browser = enter("pharmacist")
    vial = received(browser, course)
    fate = reverse("courses:pharmacy_fate", args=[vial.public_id])
    assert 'name="version" value="1"' in page(browser, "pharmacy_vial", vial.public_id)
    said = {"fate": "late", "reason": "traffic", "version": 1}
    assert browser.post(fate, {**said, "version": ""}).status_code == 400
    assert browser.post(fate, said).status_code == 302
    stale = browser.post(fate, {**said, "fate": "kept"})
    assert stale.status_code == 409
    assert "has changed since you read it" in stale.content.decode()
    assert 'name="version" value="2"' in stale.content.decode()
    correct = reverse("courses:pharmacy_correct", args=[vial.public_id])
    assert browser.post(correct, label_form(lot="L-2612", reason="misread")).status_code == 302
    superseded = browser.post(fate, {**said, "version": 2})
    assert superseded.status_code == 409
    assert "written anew" in superseded.content.decode()
    assert 'name="fate"' not in page(browser, "pharmacy_vial", vial.public_id)
    assert list(VialEvent.objects.values_list("fate", flat=True)) == ["late"]


@pytest.mark.parametrize(("role", "status"), [("nurse", 302), ("physician", 302), ("physicist", 403)])
def test_who_sees_a_vial_without_handling_it_says_nothing_of_it_unless_at_the_bedside(
    course: Course, enter: Enter, role: str, status: int
) -> None:
    vial = received(enter("pharmacist"), course)
    said = {"fate": "spilled", "reason": "dropped", "version": 1}
    answer = enter(role).post(reverse("courses:pharmacy_fate", args=[vial.public_id]), said)
    assert answer.status_code == status


def test_a_label_that_cannot_be_is_shown_at_its_field(course: Course, enter: Enter) -> None:
    browser = enter("pharmacist")
    where = reverse("courses:pharmacy_receive", args=[course.public_id, 2])
    answer = browser.post(where, label_form(product_code="69488-010-61"))
    assert answer.status_code == 400
    assert "is not the product of this protocol" in answer.content.decode()
    assert 'value="69488-010-61"' in answer.content.decode()
    assert not Vial.objects.exists()


def test_a_nurse_orders_moves_and_calls_off_a_vial(course: Course, enter: Enter) -> None:
    browser = enter("nurse")
    where = reverse("courses:pharmacy_book", args=[course.public_id, 3])
    third = course.cycles.get(number=3)
    assert f'value="{third.planned_on.isoformat()}"' in browser.get(where).content.decode()
    form = {"supplier": "the manufacturer", "needed_on": third.planned_on.isoformat()}
    assert browser.post(where, form).status_code == 302
    booking = VialBooking.objects.get()
    assert "ordered for this cycle already" in browser.post(where, form).content.decode()

    def act(name: str, **said: Any) -> int:
        booking.refresh_from_db()
        url = reverse("courses:pharmacy_booking_act", args=[booking.public_id, name])
        return int(browser.post(url, {"version": booking.version, **said}).status_code)

    assert act("confirm", reference="R-1", cut_off_at=typed(60)) == 302
    later = add_days(third.planned_on, 1).isoformat()
    assert act("move", needed_on=later) == 409  # the cut-off has passed
    assert act("move", needed_on=later, supplier_agreed="on") == 302
    assert act("cancel") == 409
    assert act("cancel", reason="not needed") == 302
    assert act("cancel", reason="not needed") == 409
    booking.refresh_from_db()
    assert (booking.state, booking.events.count()) == ("cancelled", 4)
    assert "not needed" in page(browser, "pharmacy_booking", booking.public_id)


def test_the_pharmacist_finds_the_board_in_the_sidebar(enter: Enter) -> None:
    assert reverse("courses:pharmacy") in enter("pharmacist").get(reverse("admin:index")).content.decode()
    assert reverse("courses:pharmacy") not in enter("nurse").get(reverse("admin:index")).content.decode()


def test_a_time_that_the_clocks_leave_out_is_refused(course: Course, enter: Enter) -> None:
    browser = enter("pharmacist")
    where = reverse("courses:pharmacy_receive", args=[course.public_id, 2])
    answer = browser.post(where, label_form(calibrated_at="2026-03-29T02:30"))
    assert "clocks jump over" in answer.content.decode()


def test_the_board_costs_the_same_for_one_order_and_for_many(
    course: Course, enter: Enter, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    browser = enter("pharmacist")
    page(browser, "pharmacy")
    with django_assert_max_num_queries(16):
        page(browser, "pharmacy")

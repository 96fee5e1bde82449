"""What came by one door, as people meet it at another: merges over HL7, and FHIR in the queue."""

from html import unescape

import pytest
from django.urls import reverse

from labs.formats.fhir_json import dump
from labs.models import PatientMerge, QuarantinedResult
from labs.services import keep_message, keep_request, read_waiting_messages, take_request
from tests.builders_fhir import fhir_patient, observation, quantity
from tests.builders_labs import make_patient, make_sender, pid
from tests.labs.test_merges import NEW, OLD, merge_message

pytestmark = pytest.mark.django_db


def test_a_merge_is_acknowledged_at_the_door_and_becomes_a_proposal() -> None:
    make_sender()
    survivor, retired = make_patient(), make_patient(mrn="900")
    kept = keep_message(body=merge_message((pid(NEW), OLD)), door="mllp")
    assert kept.ack_code == "AA"
    assert b"|ACK^A40^ACK|" in kept.acks[0]
    read_waiting_messages()
    proposed = PatientMerge.objects.get()
    assert (proposed.retired, proposed.survivor) == (retired, survivor)
    assert QuarantinedResult.objects.get().reason_code == "merge-proposed"


def test_another_event_of_that_type_is_refused() -> None:
    make_sender()
    body = merge_message((pid(NEW), OLD)).replace(b"ADT^A40", b"ADT^A08")
    assert keep_message(body=body, door="mllp").ack_code == "AR"


@pytest.mark.parametrize("kind", ["proposed merge", "FHIR result of before"])
def test_the_page_of_an_item_that_is_not_read_again_here_opens_and_says_so(kind: str, enter) -> None:
    make_sender()
    if kind == "FHIR result of before":
        # Kept without the address of this door, as every request was at first.
        fhir_patient()
        body = dump(observation(valueQuantity=quantity(unit="furlong"))).encode()
        asked = {"method": "POST", "target": "Observation"}
        take_request(message_id=keep_request(body=body, sender="central-lab", peer="", request=asked))
    else:
        make_patient()
        make_patient(mrn="900")
        keep_message(body=merge_message((pid(NEW), OLD)), door="mllp")
        read_waiting_messages()
    item = QuarantinedResult.objects.get()
    page = reverse("labs:quarantine_item", args=[item.public_id])
    nurse = enter("nurse")
    assert nurse.get(page).status_code == 200
    answer = nurse.post(reverse("labs:quarantine_again", args=[item.public_id]), follow=True)
    assert answer.status_code in (200, 409)
    words = "Merged numbers" if kind == "proposed merge" else "send the resource again"
    assert words in unescape(answer.content.decode())
    item.refresh_from_db()
    assert item.state == "open"

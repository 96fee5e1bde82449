"""What a laboratory and people at its pages write into a clinic, each text hostile."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from django.contrib.auth.models import User

from courses.models import Course
from labs.clock import database_now
from labs.models import LabMessage, Patient, QuarantinedResult
from labs.models.patient import Sex
from labs.services import propose_merge
from labs.services.files import submit_file
from labs.services.keep import keep_message
from labs.services.manual import enter_result
from labs.services.patients import register_patient
from labs.services.quarantine import state_resolution, take
from labs.services.read import read_waiting_messages
from labs.zones import clinic_zone
from tests.builders_labs import csv_row, long_csv, make_feed
from tests.hostile import Hostile


def write_laboratory(typed: Course, sent: Course, *, people: Mapping[str, User], hostile: Hostile) -> None:
    """A typed result, a file, a merge, results kept apart with what was said about them."""
    patient, now = typed.patient, database_now()
    enter_result(
        patient=patient,
        by=people["nurse"],
        entry=uuid4(),
        analyte="K",
        value="4.1",
        unit="mmol/L",
        collected=(now - timedelta(hours=4)).astimezone(clinic_zone()).replace(tzinfo=None),
        source="phoned",
        caller=hostile("caller", most=200),
        called_at=now - timedelta(hours=2),
        read_back=True,
    )
    make_feed()
    row = csv_row(mrn=patient.mrn, comment='"' + hostile("csv comment").replace('"', '""') + '"')
    submit_file(
        feed="csv-lab",
        file_name=hostile("file_name", most=200),
        body=long_csv(row),
        by=people["nurse"],
        most_bytes=10**6,
    )
    twin = register_patient(
        mrn="DEMO-TWIN",
        assigning_authority="DEMO",
        family=hostile.name("family"),
        given="Twin",
        birth_date=patient.birth_date,
        sex=Sex.FEMALE,
    )
    propose_merge(
        retired=twin,
        survivor=patient,
        reason=hostile("merge reason"),
        proposed_by=hostile("proposed_by", most=150),
    )
    _message(sent.patient, people=people, hostile=hostile, now=now)


def _message(patient: Patient, *, people: Mapping[str, User], hostile: Hostile, now: datetime) -> None:
    """A message whose every text attacks: an unknown unit and an unknown code, each with a comment."""

    def say(field: str, most: int = 100) -> str:
        return _hl7(hostile.name(field, most=most))

    name, sex = f"{_hl7(patient.family)}^{_hl7(patient.given)}", patient.sex[:1].upper()
    sent = f"{now - timedelta(hours=2):%Y%m%d%H%M%S}+0000"
    lines = (
        f"MSH|^~\\&|DEMOLIS|DEMOLAB|PRRT|CLINIC|{sent}||ORU^R01^ORU_R01|HOSTILE1|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||{patient.mrn}^^^DEMO^MR||{name}||{patient.birth_date:%Y%m%d}|{sex}",
        f"OBR|1||{say('order number', 60)}|CBC^{say('panel')}^L|||{sent}|||||||||||||||{sent}||LAB|F",
        f"OBX|1|NM|777-3^Platelets^LN||201|{say('unit', 50)}|150-400||||F|||{sent}",
        f"NTE|1||{say('comment of a unit')}",
        f"OBX|2|NM|718-7^Hb^LN||13.1|g/dL^^UCUM|{say('reference range')}||||F|||{sent}",
        f"NTE|1||{say('comment')}",
        f"OBX|3|NM|{say('code', 60)}^{say('name of a code', 60)}^L||1|g/dL^^UCUM|||||F|||{sent}",
        "",
    )
    kept = keep_message(body="\r".join(lines).encode(), door=LabMessage.Door.MLLP, peer="10.0.0.1")
    read_waiting_messages(ids=[kept.message_id])
    row = QuarantinedResult.objects.filter(state="open", message_id=kept.message_id).first()
    assert row is not None
    take(item=row, by=people["physician"], seen_owner_id=None)
    state_resolution(
        item=row,
        kind="reject",
        data={},
        reason=hostile("resolution reason"),
        by=people["physician"],
        authenticated_at=database_now(),
    )


def _hl7(text: str) -> str:
    """A text as it stands in a field of a message."""
    for mark, code in (("\\", "E"), ("|", "F"), ("^", "S"), ("&", "T"), ("~", "R")):
        text = text.replace(mark, f"\\{code}\\")
    return text

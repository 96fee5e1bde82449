"""Laboratory facts for tests: plain functions, fixed values, no randomness."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from labs.models import CsvFeed, LabMessage, LocalCode, Patient, Sender
from labs.services import keep_message, read_waiting_messages, register_patient

COLLECTED = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)
COLLECTED_HL7 = "20260504080000+0200"


def make_patient(**facts: Any) -> Patient:
    """Maria Müller, born 2 March 1961, number 1001 of CLINIC."""
    given: dict[str, Any] = {
        "mrn": "1001",
        "assigning_authority": "CLINIC",
        "family": "Müller",
        "given": "Maria",
        "birth_date": date(1961, 3, 2),
        "sex": "female",
    }
    return register_patient(**(given | facts))


def make_sender(**facts: Any) -> Sender:
    """The laboratory whose header says LAB and HOSPITAL, in Berlin's time."""
    given = {
        "name": "central-lab",
        "msh3": "LAB",
        "msh4": "HOSPITAL",
        "zone": "Europe/Berlin",
        "default_charset": "UTF-8",
        "bare_mrn_ok": False,
    }
    return Sender.objects.create(**(given | facts))


def make_local_code(**facts: Any) -> LocalCode:
    """The laboratory's own code for platelets."""
    given = {"sender": "central-lab", "code": "THRO", "coding_system": "L", "analyte": "PLT"}
    return LocalCode.objects.create(**(given | facts))


def make_feed(**facts: Any) -> CsvFeed:
    """A long feed in plain UTF-8 with commas, points and ISO times."""
    given = {
        "name": "csv-lab",
        "layout": "long",
        "encoding": "utf-8",
        "delimiter": "comma",
        "decimal": ".",
        "datetime_format": "iso",
        "date_format": "iso",
        "zone": "Europe/Berlin",
        "codes": "LOINC",
    }
    return CsvFeed.objects.create(**(given | facts))


def msh(control_id: str = "M1", *, at: str = "20260504083000+0200", **fields: str) -> str:
    """A header; keywords f3 to f18 replace fields."""
    values = {3: "LAB", 4: "HOSPITAL", 5: "PRRT", 6: "CLINIC", 7: at, 9: "ORU^R01^ORU_R01", 10: control_id}
    values |= {11: "P", 12: "2.5.1"}
    values |= {int(name[1:]): value for name, value in fields.items()}
    return "MSH|^~\\&|" + "|".join(values.get(number, "") for number in range(3, 19)).rstrip("|")


def pid(
    number: str = "1001^^^CLINIC^MR", *, name: str = "Müller^Maria", born: str = "19610302", sex: str = "F"
) -> str:
    """Maria Müller as a laboratory names her."""
    return f"PID|1||{number}||{name}||{born}|{sex}"


def obr(order: str = "F1", *, collected: str = COLLECTED_HL7, changed: str = "") -> str:
    """One order; `changed` is OBR-22, when the laboratory gave the report its status."""
    return f"OBR|1|P1|{order}|58410-2^Blood count^LN|||{collected}|||||||||||||||{changed}|||F"


def obx(
    value: str = "60",
    *,
    code: str = "777-3^Platelets^LN",
    unit: str = "10*9/L",
    kind: str = "NM",
    limits: str = "150-400",
    status: str = "F",
    sub_id: str = "",
    collected: str = "",
) -> str:
    """One result: platelets 60."""
    return f"OBX|1|{kind}|{code}|{sub_id}|{value}|{unit}|{limits}||||{status}|||{collected}".rstrip("|")


def message(*segments: str, control_id: str = "M1", at: str = "20260504083000+0200") -> bytes:
    """A whole message of these segments behind a header and Maria Müller."""
    lines = list(segments) or [obr(), obx()]
    if not lines[0].startswith(("MSH", "PID")):
        lines.insert(0, pid())
    if not lines[0].startswith("MSH"):
        lines.insert(0, msh(control_id, at=at))
    return ("\r".join(lines) + "\r").encode()


def receive(*bodies: bytes, door: str = "mllp", feed: str = "") -> LabMessage:
    """Keep and read messages as the door and the worker do; the last one's row."""
    kept = [keep_message(body=body, door=door, peer="test", feed=feed) for body in bodies]
    read_waiting_messages()
    return LabMessage.objects.get(pk=kept[-1].message_id)


def long_csv(*rows: Sequence[str], header: str = "") -> bytes:
    """A long file of these rows."""
    columns = (
        "mrn,family,given,dob,sex,order_no,test_code,test_name,value,unit,ref_range,flag,status,"
        "collected_at,reported_at,comment"
    )
    return "\r\n".join([header or columns, *(",".join(row) for row in rows), ""]).encode()


def csv_row(value: str = "60", *, unit: str = "10*9/L", **cells: str) -> list[str]:
    """One row: Maria Müller's platelets."""
    given = {
        "mrn": "1001",
        "family": "Müller",
        "given": "Maria",
        "dob": "1961-03-02",
        "sex": "F",
        "order_no": "C1",
        "test_code": "777-3",
        "test_name": "Platelets",
        "value": value,
        "unit": unit,
        "ref_range": "150-400",
        "flag": "",
        "status": "F",
        "collected_at": "2026-05-04T08:00:00+02:00",
        "reported_at": "2026-05-04T09:00:00+02:00",
        "comment": "",
    }
    return list((given | cells).values())

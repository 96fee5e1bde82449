"""A blood panel of twelve results as an HL7 message, a different one for each number."""

from datetime import UTC, datetime, timedelta

RESULTS = (
    ("777-3", "10*9/L", "150-400", 180),
    ("751-8", "10*9/L", "1.8-7.5", 3.2),
    ("6690-2", "10*9/L", "4-10", 5.1),
    ("718-7", "g/L", "120-160", 131),
    ("2160-0", "umol/L", "45-84", 66),
    ("1975-2", "umol/L", "5-21", 9),
    ("1751-7", "g/L", "35-52", 41),
    ("1742-6", "U/L", "10-35", 22),
    ("1920-8", "U/L", "10-35", 24),
    ("6301-6", "{INR}", "0.9-1.2", 1),
    ("2823-3", "mmol/L", "3.5-5.1", 4.2),
    ("6768-6", "U/L", "35-105", 70),
)
PATIENTS = 200
START = datetime(2025, 6, 2, 6, 0, tzinfo=UTC)


def mrn(number: int) -> str:
    """The patient a message of this number is about."""
    return f"B{number % PATIENTS:05d}"


def panel(number: int, *, control_id: str = "") -> bytes:
    """One message: twelve results of one draw; a new draw for each number."""
    drawn = f"{START + timedelta(minutes=number):%Y%m%d%H%M%S}+0000"
    lines = [
        f"MSH|^~\\&|BENCHLIS|BENCHLAB|PRRT|CLINIC|{drawn}||ORU^R01^ORU_R01|{control_id or f'B{number}'}"
        "|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||{mrn(number)}^^^CLINIC^MR||Beispiel^Berta||19610302|F",
        f"OBR|1|P{number}|F{number}|58410-2^Panel^LN|||{drawn}|||||||||||||||{drawn}||LAB|F",
    ]
    for position, (code, unit, limits, value) in enumerate(RESULTS, start=1):
        lines.append(
            f"OBX|{position}|NM|{code}^Test {position}^LN^T{position}^Local name^L||{value}|{unit}^^UCUM"
            f"|{limits}|N|||F|||{drawn}"
        )
    lines.append("NTE|1||measured twice")
    return ("\r".join(lines) + "\r").encode()

"""Messages in the manner of laboratory systems in the field, made up for these tests."""

from collections.abc import Sequence


def lines(*segments: str) -> str:
    """A message with the segment ends of the standard."""
    return "\r".join(segments) + "\r"


PERSON = "PID|1||1001^^^CLINIC^MR||Müller^Maria^Anna||19610302|F"
# Name of the sample: the message and the acknowledgement code of its (last) answer.
SAMPLES: dict[str, tuple[str, str]] = {
    "blood count, version 2.3": (
        lines(
            "MSH|^~\\&|LAB|HOSPITAL|PRRT|CLINIC|20260504083000||ORU^R01|I23|P|2.3||||||ASCII",
            PERSON.replace("ü", "ue"),
            "OBR|1|P1|F1|CBC^Complete blood count^L|||20260504080000|||||||||||||||20260504081500||HM|F",
            "OBX|1|NM|THRO^Platelets^L||212|x10*9/L|[ 150 - 450 ]|N|||F|||20260504080000",
            "OBX|2|NM|HB^Haemoglobin^L||12.8|g/dL|12.0 - 16.0|N|||F|||20260504080000",
            "NTE|1|L|Sample slightly lipaemic",
        ),
        "AA",
    ),
    "chemistry, version 2.5.1": (
        lines(
            "MSH|^~\\&|LAB|HOSPITAL|PRRT|CLINIC|20260504083000+0200||ORU^R01^ORU_R01|I251|P|2.5.1"
            "||||||UNICODE UTF-8",
            "SFT|Example LIS|7.1|LIS|1",
            PERSON,
            "PV1|1|O",
            "ORC|RE|P2|F2||CM",
            "OBR|1|P2|F2|24323-8^Metabolic panel^LN|||20260504080000+0200|||||||||||||||20260504082000+0200"
            "||CH|F",
            "OBX|1|NM|2160-0^Creatinine^LN^KREA^Kreatinin^L||71|umol/L^^UCUM|45-84|N|||F"
            "|||20260504080000+0200",
            "OBX|2|SN|1975-2^Bilirubin^LN||<^3|umol/L|5-21||||F|||20260504080000+0200",
            "OBX|3|ST|2823-3^Potassium^LN||4.1|mmol/L|3.5-5.1|N|||F|||20260504080000+0200",
            "SPM|1|S1||SER|||||||||||||20260504080000+0200",
        ),
        "AA",
    ),
    "a test message": (
        lines(
            "MSH|^~\\&|LAB|HOSPITAL|PRRT|CLINIC|20260504083000||ORU^R01^ORU_R01|ITEST|T|2.4",
            PERSON,
            "OBR|1||F3|CBC^Blood count^L|||20260504080000",
            "OBX|1|NM|777-3^Platelets^LN||60|10*9/L||||F",
        ),
        "AR",
    ),
    "no patient": (
        lines(
            "MSH|^~\\&|LAB|HOSPITAL|PRRT|CLINIC|20260504083000||ORU^R01^ORU_R01|INOPID|P|2.5",
            "OBR|1||F4|CBC^Blood count^L|||20260504080000",
            "OBX|1|NM|777-3^Platelets^LN||60|10*9/L||||F",
        ),
        "AE",
    ),
    "a large attachment": (
        lines(
            "MSH|^~\\&|LAB|HOSPITAL|PRRT|CLINIC|20260504083000||ORU^R01^ORU_R01|IBIG|P|2.5.1",
            PERSON,
            "OBR|1||F5|REP^Report^L|||20260504080000",
            "OBX|1|NM|777-3^Platelets^LN||188|10*9/L|150-400|N|||F",
            "OBX|2|ED|PDF^Report^L||^AP^PDF^Base64^" + "QUJD" * 20_000,
        ),
        "AA",
    ),
}
ENHANCED = SAMPLES["chemistry, version 2.5.1"][0].replace("|I251|P|2.5.1||||||", "|IENH|P|2.5.1|||AL|NE||")


def numbered(names: Sequence[str], tag: str) -> list[tuple[str, str, str]]:
    """Samples with control ids of one client's own: name, message, wanted code."""
    found = []
    for name in names:
        text, code = SAMPLES[name]
        fields = text.split("|")
        fields[9] = f"{tag}-{fields[9]}"
        found.append((name, "|".join(fields), code))
    return found

"""Random result messages and random damage to them, from a seed."""

import random

from tests.builders_labs import message, msh, obr, obx, pid

CODES = (
    ("777-3^Platelets^LN", "10*9/L", "150-400"),
    ("718-7^Haemoglobin^LN", "g/dL", "12.0-16.0"),
    ("2160-0^Creatinine^LN^CREA^Kreatinin^L", "umol/L", "45-84"),
    ("2823-3^Potassium^LN", "mmol/L", "3.5-5.1"),
    ("6301-6^INR^LN", "", "0.9-1.2"),
    ("1742-6^ALT^LN", "U/L", "<35"),
)
VALUES = ("60", "8.1", "4.12", "0.9", "<10", ">400", "210", "1.1", "30", "07.5")
STATUSES = "FFFFFFCPXWDUIA"
ODD_BYTES = (
    b"|", b"^", b"~", b"\\", b"&", b"\r", b"\n", b"\r\n", b"\0", b"\x0b", b"\x1c", b"\xff", b"\xc3", b" ",
    b".", b"-", b"+", b"<", b"0", b"9", b"E", b",", b'""', b"\\E\\", b"\\F\\", b"\\X41\\", b"\\.br\\", b"OBX",
    b"MSH|^~\\&|",
)  # fmt: skip


def random_message(chance: random.Random, *, mrn: str = "1001") -> bytes:
    """A well-formed message of one to six results, now and then with its own delimiters."""
    segments = [pid(f"{mrn}^^^CLINIC^MR")]
    for order in range(chance.randint(1, 3)):
        segments.append(obr(f"F{chance.randint(1, 9)}{order}"))
        for _ in range(chance.randint(1, 2)):
            code, unit, limits = chance.choice(CODES)
            value, kind = chance.choice(VALUES), chance.choice(("NM", "NM", "ST", "SN", ""))
            if kind == "SN":
                value = f"{value[0]}^{value[1:]}" if value[0] in "<>" else f"^{value}"
            segments.append(
                obx(value, code=code, unit=unit, limits=limits, kind=kind, status=chance.choice(STATUSES))
            )
            if chance.random() < 0.3:
                segments.append(f"NTE|1||note {chance.randint(1, 99)} a\\F\\b")
    body = message(msh(f"R{chance.getrandbits(40)}"), *segments)
    if chance.random() < 0.2:
        body = body.translate(bytes.maketrans(b"|^~\\&", b"!@*$%"))
    return body


def damaged(body: bytes, chance: random.Random) -> bytes:
    """The same with one to six bytes changed, taken out, put in, or a segment doubled, lost or moved."""
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(body) or 1)
        kind = chance.randrange(6)
        if kind == 0:
            body = body[:place] + chance.choice(ODD_BYTES) + body[place + 1 :]
        elif kind == 1:
            body = body[:place] + body[place + chance.randint(1, 4) :]
        elif kind == 2:
            body = body[:place] + chance.choice(ODD_BYTES) + body[place:]
        elif kind == 3:
            body = body[:place] + bytes([chance.randrange(32, 127)]) + body[place + 1 :]
        else:
            lines = body.split(b"\r")
            chosen = chance.randrange(len(lines))
            if kind == 4:
                lines.insert(chance.randrange(len(lines) + 1), lines[chosen])
            else:
                lines.pop(chosen)
            body = b"\r".join(lines)
    return body

"""Find specimen faults in a laboratory's words and codes; a doubt about a negation keeps the fault."""

import re
from functools import lru_cache

_FAULTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (fault, re.compile(pattern, re.IGNORECASE))
    for fault, pattern in (
        (
            "haemolysed",
            r"\bh(?:a?e|ä)moly[sz]\w*|\bh(?:a?e|ä)molyti\w*(?!\s+(?:ana?emi|anämi|ura?emi|urämi|disease))\b",
        ),
        (
            "clotted",
            r"\b(?:micro-?)?clot(?:s|ted)?\b|\bfibrin strands?\b|\bgerinnsel\b|\bgeronnen\w*|\bkoagel\w*",
        ),
        ("platelet clumps", r"\bclump\w*|\w*aggregat\w*"),
        ("lipaemic", r"\blip(?:a?e|ä)mi\w*"),
        ("icteric", r"\bi[ck]ter\w*"),
        ("insufficient", r"\binsufficient\b|\bqns\b"),
        (
            "aged",
            r"\baged (?:specimen|sample)\b|\b(?:specimen|sample) (?:is |was )?(?:too )?(?:aged|old)\b",
        ),
        ("contaminated", r"\bcontaminat\w*"),
        ("drip arm", r"\bdrip[- ]arm\b"),
        ("unlabelled", r"\bun-?label\w*"),
        ("mislabelled", r"\bmis-?label\w*"),
    )
)
# HL7 tables 0490 (reject reason) and 0493 (condition); a code for the room or the cold says nothing of worth.
_CODES = {
    "HEM": "haemolysed",
    "CLOT": "clotted",
    "CON": "contaminated",
    "AUT": "autolysed",
    "RH": "haemolysed",
    "RC": "clotted",
    "RN": "contaminated",
    "QS": "insufficient",
    "EX": "aged",
    "RR": "badly stored",
    "RM": "mislabelled",
    "RI": "mislabelled",
    "RA": "unlabelled",
    "RE": "unlabelled",
    "RS": "mislabelled",
}
_REJECTED = "rejected"
_CLAUSE_END = re.compile(
    r"[.;!?,\n]|\b(?:but|however|although|though|except|and sample|and specimen)\b", re.I
)
_LONGEST_REMEMBERED = 400
_REACH = 80  # characters either side of a word in which a negation can stand
_BEFORE = re.compile(
    r"\b(?:no|not|non|keine?|nicht|ohne|without|nil|free of|free from|negative for|absence of|none)\b[\s-]*"
    r"(?:(?!\b(?:only|longer|just)\b)[\w/-]+[\s-]+){0,5}$",
    re.I,
)
_AFTER = re.compile(
    r"^[\s:=-]*(?:(?:was|were|is|are|check|index|seen)\s*[:=-]?\s*)?"
    r"(?:none|nil|absent|negative|not\s+(?:seen|present|detected|observed|found|noted)|no)\b",
    re.I,
)


def faults_in_text(text: str) -> tuple[str, ...]:
    """Every fault the words state and do not deny."""
    if not text or text.isspace():
        return ()
    return _faults_remembered(text) if len(text) <= _LONGEST_REMEMBERED else _faults(text)


def _faults(text: str) -> tuple[str, ...]:
    found = [fault for fault, pattern in _FAULTS if any(_stated(text, m) for m in pattern.finditer(text))]
    return tuple(found)


# Laboratories write the same remarks again and again.
_faults_remembered = lru_cache(maxsize=1024)(_faults)


def faults_in_codes(codes: tuple[str, ...], *, rejects: bool = False) -> tuple[str, ...]:
    """The faults that condition or rejection codes stand for; an unknown reason to reject rejects as well."""
    return tuple(_CODES.get(code, _REJECTED) for code in codes if rejects or code in _CODES)


def _stated(text: str, match: re.Match[str]) -> bool:
    before = _CLAUSE_END.split(text[max(0, match.start() - _REACH) : match.start()])[-1]
    after = _CLAUSE_END.split(text[match.end() : match.end() + _REACH])[0]
    return not (_BEFORE.search(before) or _AFTER.search(after))

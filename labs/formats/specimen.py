"""Find specimen faults in a laboratory's words and codes; a doubt about a negation keeps the fault."""

import re
from functools import lru_cache

# The beginnings of the words for each fault; only "aggregat" may stand inside a word.
_WORDS = {
    "haemolysed": (
        r"\bh(?:a?e|ä)moly[sz]"
        r"|\bh(?:a?e|ä)molyti\w{0,30}(?!\s+(?:ana?emi|anämi|ura?emi|urämi|disease))\b"
    ),
    "clotted": r"\b(?:micro-?)?clot(?:s|ted)?\b|\bfibrin strands?\b|\bgerinnsel|\bgeronnen|\bkoagel",
    "platelet clumps": r"\bclump|aggregat",
    "lipaemic": r"\blip(?:a?e|ä)mi",
    "icteric": r"\bi[ck]ter",
    "insufficient": r"\binsufficient\b|\bqns\b",
    "aged": r"\baged (?:specimen|sample)\b|\b(?:specimen|sample) (?:is |was )?(?:too )?(?:aged|old)\b",
    "contaminated": r"\bcontaminat",
    "drip arm": r"\bdrip[- ]arm\b",
    "unlabelled": r"\bun-?(?:label|beschriftet|etikettiert)",
    "mislabelled": r"\bmis-?label",
}
# Faults that are themselves a negation, so no other negation can deny them.
_MISSING = {
    "unlabelled": (
        r"\bno[nt][\s-]+(?:been\s+)?label|\bnicht\s+(?:beschriftet|etikettiert|gekennzeichnet)"
        r"|\b(?:no|without)\s+(?:(?:an?|any|patient|name)\s+)?labels?\b"
        r"(?!\s+(?:error|problem|issue|discrepanc|mismatch|missing))"
        r"|\b(?:ohne|keine?)\s+(?:beschriftung|etikett(?:en)?)\b"
    ),
    "mislabelled": (
        r"\b(?:not|nicht)\s+(?:properly|correctly|korrekt|richtig)\s+(?:label|beschriftet|etikettiert)"
    ),
}
_FAULTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (fault, re.compile("|".join(filter(None, (words, _MISSING.get(fault)))), re.I))
    for fault, words in _WORDS.items()
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
_LONGEST_REMEMBERED = 400
_REACH = 80  # characters either side of a denial in which a doubt about it can stand

# What a denial is made of. Nothing else may stand between a negation and a fault: any other word, a
# preposition of cause or a dash means that the negation is about something else. Every repetition is bounded,
# so that a text takes the time of its length.
_GAP = r"[ \t\xa0]+"
_STEMS = "|".join((*_WORDS.values(), r"\b\w{1,30}aggregat"))
_FAULT = rf"(?:{_STEMS})(?!\w{{0,30}}-?fre[ei])\w{{0,30}}\b"  # "not clot-free" denies no clot
_FAULT_NOUN = (
    r"\b(?:h(?:a?e|ä)molys[ei]s?|lip(?:a?e|ä)mi[ae]|i[ck]terus|clots?|gerinnseln?|clump(?:s|ing)"
    r"|\w{0,30}aggregat(?:es?|en|ion)|contamination)\b"
)
_NOT = r"not|nicht|non|neither|weder"
_NONE_OF = (
    r"no|nil|without|free (?:of|from)|negative for|absence of|keine?[nrsm]?|ohne|frei von|negativ (?:für|auf)"
)
# "Further" and "longer" are left out on purpose: they say that there was a fault.
_QUALIFIER = (
    r"(?:(?:evidence|signs?|traces?|indications?) (?:of|for)"
    r"|(?:hinweise?|anhalt|anzeichen|zeichen|nachweis|spuren) (?:auf|für|von|einer|eines)"
    r"|(?:visibl|obvious|apparent|significant|gross|macroscopic)(?:e|y|ly|ally)?"
    r"|(?:sichtbar|erkennbar|nennenswert|wesentlich|relevant|signifikant|offensichtlich|makroskopisch)\w{0,2}"
    r"|any|an?|platelet|thrombozyten|edta|fibrin|blood)"
)
_ITEM = rf"(?:{_QUALIFIER}(?:{_GAP}|-)){{0,5}}{_FAULT}"
# A slash between spaces may begin a statement, as in "no clots / haemolysed", so it joins nouns only.
_OR = (
    rf"(?:(?:,?{_GAP}(?:or|nor|and/or|oder|und/oder)|{_GAP}noch){_GAP}"
    rf"|/|{_GAP}/{_GAP}(?={_FAULT_NOUN}(?! present| vorhanden)))"
)
# A bare comma continues a denial only where an "or" follows: "no clots, clumps" may well state clumps.
_LIST = rf"{_ITEM}(?:(?:,{_GAP}{_ITEM}){{0,5}}{_OR}{_ITEM}){{0,5}}"
# So may "and", as in "not haemolysed and clotted".
_AND_NOUN = (
    rf"(?:{_GAP}(?:and|und){_GAP}{_FAULT_NOUN}"
    rf"(?!{_GAP}(?:seen|present|found|noted|detected|observed|visible|vorhanden|sichtbar|nachweisbar)))?"
)
_GRADE = rf"(?:{_GAP})?(?:[:=]|\(?[+\d]|(?:yes|ja|positiv)\b)"  # "no haemolysis: 2+" is two fields in a row
_HEADING = r"(?:\b(?P<topic>\w{4})\w{0,30}(?: check)?: ?(?=(?:no|keine?) [^.,:;\n]{0,40}\b(?P=topic)))?"
_NEGATION_FIRST = re.compile(  # "no clots", and "Clots: no clots" as a whole
    rf"{_HEADING}\b(?:(?:{_NOT})(?:{_GAP}|(?<=non)[-\u2010\u2011]){_LIST}"
    rf"|(?:{_NONE_OF}){_GAP}{_LIST}{_AND_NOUN})(?!{_GRADE})",
    re.I,
)
_ZERO = r"0(?:[.,]0+)?(?![.,/]?\d)"
_ANSWER_ENDS = rf"(?=[ \t\xa0]*(?:$|[.,;!)/|\r\n]|(?:and|but|und|aber)\b|{_FAULT}[ \t\xa0]*[:=]))"
_SEEN = (
    r"(?:seen|present|detected|observed|found|noted|visible"
    r"|nachweisbar|nachgewiesen|sichtbar|erkennbar|vorhanden|gesehen|gefunden|festgestellt)\b"
)
# After an adjective a dash begins another clause: "haemolysed - not detected" has lost a result.
_COLON = r"(?:[ \t\xa0:=]{1,5}|(?<!ed)(?<!ic)(?<!isch)(?<!iert)(?<!nnen)[ \t\xa0]?[–—-][ \t\xa0]?)"
_NEGATION_LAST = re.compile(
    rf"{_FAULT}(?:{_OR}{_ITEM}){{0,3}}{_COLON}"
    rf"(?:(?:was|were|is|are|ist|sind|war|waren|wurden?|check|index|{_SEEN})[ \t\xa0:=-]{{1,3}}){{0,2}}"
    rf"(?:(?:none|absent|negative?|nein|{_ZERO})\b(?:{_ANSWER_ENDS}|(?={_GAP}(?:(?:in|on|at|by|im)\b|{_FAULT})))"
    rf"|(?:no|nil|keine?s?)\b{_ANSWER_ENDS}"
    rf"|(?:not|none|nil|nicht|keine){_GAP}{_SEEN})",
    re.I,
)
# A denial that is itself denied, doubted, asked about or asked for is none. The doubt is looked for from the
# beginning of the clause, or from the last fault in it, to the end of the clause and of a "but" behind it.
_CLAUSE_BEGINS = re.compile(rf"[.;:!?,\n]|\b(?:and|or|but|und|oder|aber)\b|{_FAULT}", re.I)
_CLAUSE_ENDS = re.compile(r"[.;!\n]|,(?! ?(?:but|however|aber|jedoch)\b)", re.I)
_DOUBT_BEFORE = re.compile(
    rf"\b(?:{_NOT}|{_NONE_OF}|cannot|\w+n't|unable|unclear|uncertain|unklar|fraglich|whether|if|unless|until|ob"
    r"|falls|wenn|sofern|possibl[ey]|probabl[ey]|presumabl[ey]|likely|perhaps|maybe|vermutlich|wahrscheinlich"
    r"|möglicherweise|eventuell|wohl|please(?! note)|bitte|send|ensure|requires?|requests?|needs?|must|should"
    r"|repeat (?:with|on|in|using))\b",
    re.I,
)
_DOUBT_AFTER = re.compile(
    r"\?|\b(?:cannot|can not|not (?:confirmed|certain|sure)|exclu|ruled out|auszuschl|ausgeschl|ausschl"
    r"|uncertain|unclear|questionable|fraglich|unsicher|unklar|initial|previous|earlier|any ?more"
    r"|zuvor|required|requested|needed|erforderlich|benötigt|erbeten|einsenden)",
    re.I,
)


def faults_in_text(text: str) -> tuple[str, ...]:
    """Every fault the words state and do not deny."""
    if not text or text.isspace():
        return ()
    return _faults_remembered(text) if len(text) <= _LONGEST_REMEMBERED else _faults(text)


def _faults(text: str) -> tuple[str, ...]:
    named = [(fault, pattern) for fault, pattern in _FAULTS if pattern.search(text)]
    if not named:
        return ()
    for denial in (_NEGATION_FIRST, _NEGATION_LAST):
        text = _without(denial, text)
    return tuple(fault for fault, pattern in named if pattern.search(text))


def _without(denial: re.Pattern[str], text: str) -> str:
    """The text without what it denies beyond doubt."""
    rest, read = [], 0
    for match in denial.finditer(text):
        if not _doubted(text, match, since=read):
            rest.append(text[read : match.start()])
            read = match.end()
    return ";".join((*rest, text[read:]))


def _doubted(text: str, denial: re.Match[str], *, since: int) -> bool:
    start, end = denial.span()
    before = _CLAUSE_BEGINS.split(text[max(since, start - _REACH) : start])[-1]
    after = _CLAUSE_ENDS.split(text[end : end + _REACH], maxsplit=1)[0]
    return bool(_DOUBT_BEFORE.search(before) or _DOUBT_AFTER.search(after))


# Laboratories write the same remarks again and again.
_faults_remembered = lru_cache(maxsize=1024)(_faults)


def faults_in_codes(codes: tuple[str, ...], *, rejects: bool = False) -> tuple[str, ...]:
    """The faults that condition or rejection codes stand for; an unknown reason to reject rejects as well."""
    return tuple(_CODES.get(code, _REJECTED) for code in codes if rejects or code in _CODES)

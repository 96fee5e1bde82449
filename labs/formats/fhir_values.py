"""Read FHIR's value[x], units and reference ranges; what is not one number stays words."""

from decimal import Decimal

from labs.formats.fhir_tree import Node
from labs.formats.numbers import MOST_DIGITS, read_text
from labs.formats.parsed import ParsedNumber, ParsedRange, Problem
from labs.formats.ranges import read_range
from labs.units import fold_unit

UCUM = "http://unitsofmeasure.org"
_KINDS = (
    "Quantity", "CodeableConcept", "String", "Boolean", "Integer", "Range", "Ratio", "SampledData", "Time",
    "DateTime", "Period",
)  # fmt: skip
_COMPARATORS = frozenset({"<", "<=", ">=", ">"})
_QUANTITY = frozenset({"value", "comparator", "unit", "system", "code"})
_RANGE = frozenset({"low", "high", "type", "appliesTo", "age", "text", "modifierExtension"})
_USUAL = "normal"


def read_value(node: Node) -> tuple[ParsedNumber | Problem | None, str]:
    """The number in value[x] or why it is none, and the value as sent; nothing where there is no value."""
    kind = node.one_of("value", _KINDS).removeprefix("value")
    if not kind:
        return None, ""
    if kind == "Quantity":
        quantity = node.node("valueQuantity")
        assert quantity is not None  # `one_of` found it
        return _read_quantity(quantity)
    if kind == "Integer":
        number = node.number("valueInteger")
        return (_bounded(number, ""), str(number)) if number is not None else (None, "")
    if kind == "String":
        text = node.text("valueString")
        return read_text(text), text
    reason = f"A value of type {kind} is not a number."
    if kind in {"Range", "Ratio", "SampledData"}:
        reason = f"A value of type {kind} is not a single number."
    sent = node.node(f"value{kind}").text("text") if kind == "CodeableConcept" else ""  # type: ignore[union-attr]
    return Problem(code="not-a-number", reason=reason), sent


def _read_quantity(quantity: Node) -> tuple[ParsedNumber | Problem, str]:
    quantity.only(_QUANTITY)
    comparator, value = quantity.text("comparator"), quantity.number("value")
    if comparator and comparator not in _COMPARATORS:
        reason = f"The comparator {comparator[:20]!r} is none of <, <=, >=, >."
        raise quantity.breach(reason, key="comparator", code="code-invalid")
    if quantity.text("code") and not quantity.text("system"):
        raise quantity.breach("A unit's code needs its system (qty-3).", key="system")
    if value is None:
        return Problem(code="no-value", reason="The quantity carries no value."), comparator
    return _bounded(value, comparator), f"{comparator}{value}"


def _bounded(value: Decimal, comparator: str) -> ParsedNumber | Problem:
    _sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # JSON has no infinity
    if len(digits) > MOST_DIGITS or abs(exponent) > MOST_DIGITS:
        return Problem(code="not-a-number", reason="The value has more digits than a measurement can have.")
    return ParsedNumber(value=value, comparator=comparator)


def unit_spellings(quantity: Node) -> tuple[str, ...]:
    """The unit's spellings in the order to believe them: the UCUM code, then the words."""
    code = quantity.text("code") if quantity.text("system") == UCUM else ""
    return tuple(dict.fromkeys(filter(None, (code, quantity.text("unit")))))


def read_range_of(node: Node, *, units: tuple[str, ...], sex: str) -> tuple[ParsedRange, str]:
    """The one reference range that is meant for this value, and its words; of several none is chosen."""
    ranges = node.nodes("referenceRange")
    for each in ranges:
        each.only(_RANGE)
    usual = [each for each in ranges if _is_usual(each)]
    texts = "; ".join(filter(None, (each.text("text") for each in ranges)))
    if len(usual) != 1:
        return ParsedRange(), texts or "; ".join(_words(each) for each in ranges)
    [chosen] = usual
    if not (chosen.has("low") or chosen.has("high")):
        return read_range(texts, sex=sex), texts
    low, high = _bound(chosen, "low", units), _bound(chosen, "high", units)
    words = texts or _words(chosen)
    if low is not None and high is not None and low > high:
        return ParsedRange(), words
    return ParsedRange(low=low, high=high), words


def _is_usual(reference: Node) -> bool:
    """Whether a range is the normal one of everybody: others, such as therapeutic ones, grade nothing."""
    kind = reference.node("type")
    codes = {coding.text("code") for coding in kind.nodes("coding")} if kind is not None else set()
    return codes <= {_USUAL} and not reference.has("appliesTo") and not reference.has("age")


def _bound(reference: Node, key: str, units: tuple[str, ...]) -> Decimal | None:
    """A bound in the value's own unit; one in another unit, or with a comparator, bounds nothing here."""
    quantity = reference.node(key)
    if quantity is None:
        return None
    quantity.only(_QUANTITY)
    spellings = {fold_unit(spelling) for spelling in unit_spellings(quantity)}
    if quantity.has("comparator") or (spellings and not spellings & {fold_unit(unit) for unit in units}):
        return None
    value = quantity.number("value")
    number = None if value is None else _bounded(value, "")
    return number.value if isinstance(number, ParsedNumber) else None


def _words(reference: Node) -> str:
    """Both bounds as they were sent."""

    def words(key: str) -> str:
        quantity = reference.node(key)
        value = None if quantity is None else quantity.number("value")
        return "" if quantity is None or value is None else f"{value} {quantity.text('unit')}".strip()

    return " - ".join(filter(None, (words("low"), words("high"))))

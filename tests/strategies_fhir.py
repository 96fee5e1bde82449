"""Hypothesis strategies for JSON as FHIR requests carry it."""

from hypothesis import strategies as st

NUMBERS = st.decimals(
    allow_nan=False, allow_infinity=False, places=None, min_value=-(10**12), max_value=10**12
).filter(lambda number: len(str(number)) <= 60)  # a longer one is refused, which has a test of its own
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXTS, below, max_size=3),
    max_leaves=12,
)

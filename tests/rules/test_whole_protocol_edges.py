"""What a protocol and a criteria file say is what the rules get: every field, each with its own value."""

import copy
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from courses.rules.criteria_reader import _bound_keys, read_criteria
from courses.rules.facts import InterruptionKind, SupportKind
from courses.rules.order_states import OrderKind
from courses.rules.protocol import (
    AllergyCheck,
    AnalogueCheck,
    Bound,
    CalciumCorrection,
    ClockStart,
    CockcroftGault,
    Condition,
    Criteria,
    Criterion,
    DelayLimit,
    EarlierDraw,
    Exemption,
    Floor,
    GradeBound,
    GradeRow,
    HeartFailureCheck,
    ImagingCheck,
    InterruptionCheck,
    LabRow,
    OrderedWhen,
    OrderRow,
    PregnancyCheck,
    RecurrenceBy,
    Reference,
    Schedule,
    SupportRule,
    Surrogate,
    Test,
    ToxicityCriterion,
    ToxicityFamily,
    Use,
    WeightRule,
    When,
)
from courses.rules.protocol_reader import read_protocol
from courses.rules.values import Action, Source

NAMES = {"PLT": "Platelets", "CREAT": "Creatinine", "INR": "INR", "PTR": "Prothrombin ratio"}
UNITS = {"PLT": "10*9/L", "CREAT": "umol/L", "INR": "1", "PTR": "%"}
CHECKED = date(2026, 11, 21)


def cites(section: str, *, confidence: str = "V") -> dict[str, object]:
    """A citation as a file writes it, a section of its own for each row."""
    return {"document": "the document", "section": section, "confidence": confidence, "checked": CHECKED}


def source(section: str, *, confidence: str = "V") -> Source:
    """The same citation as the rules hold it."""
    return Source(
        document="the document",
        section=section,
        confidence=confidence,
        checked=CHECKED,
        to_be_confirmed=confidence == "GK",
    )


def bound(quantity: str, test: Test, limit: str, reference: Reference | None = None) -> Bound:
    """A bound with its exact limit."""
    number = Decimal(limit)
    return Bound(quantity=quantity, test=test, limit=number, exact=Fraction(number), reference=reference)


CRITERIA_FILE: dict[str, Any] = {
    "ctcae_version": "5.0",
    "title": "Criteria for a test",
    "criterion": [
        {
            "term": "Few platelets",
            "also_reported_as": ["Thrombopenia"],
            "quantity": "PLT",
            "unit": "10*9/L",
            "published": {"1": "<LLN - 75", "2": "<75", "3": "transfusion indicated"},
            "rows": [{"grade": 2, "below": 75}, {"grade": 1, "below_lln": 1}],
            "graded_by_people": [3],
            "source": cites("few platelets"),
        },
        {
            "term": "Much creatinine",
            "quantity": "CREAT",
            "unit": "umol/L",
            "published": {
                "1": ">ULN - 3.0 x ULN if baseline normal; 1.5 - 3.0 x baseline if baseline abnormal",
                "2": ">ULN - 3.0 x ULN if baseline normal",
                "3": ">3.0 x ULN if baseline normal; >3.0 x baseline if baseline abnormal",
                "4": ">200 if anticoagulated",
            },
            "rows": [
                {"grade": 4, "when_anticoagulated": True, "above": 200},
                {"grade": 3, "when_baseline": "normal", "above_uln": Decimal("3.0")},
                {"grade": 3, "when_baseline": "abnormal", "above_baseline": Decimal("3.0")},
                {"grade": 1, "grade_to": 2, "when_baseline": "normal", "above_uln": 1},
                {"grade": 1, "when_baseline": "abnormal", "at_least_baseline": Decimal("1.5")},
            ],
            "source": cites("much creatinine", confidence="GK"),
        },
    ],
}
FEW_PLATELETS = Criterion(
    term="Few platelets",
    quantity="PLT",
    unit="10*9/L",
    published={1: "<LLN - 75", 2: "<75", 3: "transfusion indicated"},
    rows=(
        GradeRow(grade=2, grade_to=2, bound=bound("PLT", Test.BELOW, "75")),
        GradeRow(grade=1, grade_to=1, bound=bound("PLT", Test.BELOW, "1", Reference.LLN)),
    ),
    source=source("few platelets"),
    graded_by_people=(3,),
    also_reported_as=("Thrombopenia",),
)
MUCH_CREATININE = Criterion(
    term="Much creatinine",
    quantity="CREAT",
    unit="umol/L",
    published={
        1: ">ULN - 3.0 x ULN if baseline normal; 1.5 - 3.0 x baseline if baseline abnormal",
        2: ">ULN - 3.0 x ULN if baseline normal",
        3: ">3.0 x ULN if baseline normal; >3.0 x baseline if baseline abnormal",
        4: ">200 if anticoagulated",
    },
    rows=(
        GradeRow(
            grade=4,
            grade_to=4,
            bound=bound("CREAT", Test.ABOVE, "200"),
            condition=Condition.ANTICOAGULATED,
        ),
        GradeRow(
            grade=3,
            grade_to=3,
            bound=bound("CREAT", Test.ABOVE, "3.0", Reference.ULN),
            condition=Condition.BASELINE_NORMAL,
        ),
        GradeRow(
            grade=3,
            grade_to=3,
            bound=bound("CREAT", Test.ABOVE, "3.0", Reference.BASELINE),
            condition=Condition.BASELINE_ABNORMAL,
        ),
        GradeRow(
            grade=1,
            grade_to=2,
            bound=bound("CREAT", Test.ABOVE, "1", Reference.ULN),
            condition=Condition.BASELINE_NORMAL,
        ),
        GradeRow(
            grade=1,
            grade_to=1,
            bound=bound("CREAT", Test.AT_LEAST, "1.5", Reference.BASELINE),
            condition=Condition.BASELINE_ABNORMAL,
        ),
    ),
    source=source("much creatinine", confidence="GK"),
)
CRITERIA = Criteria(
    version="5.0",
    title="Criteria for a test",
    by_term={"Few platelets": FEW_PLATELETS, "Much creatinine": MUCH_CREATININE},
    names={
        "few platelets": "Few platelets",
        "thrombopenia": "Few platelets",
        "much creatinine": "Much creatinine",
    },
)
OTHER = Criteria(version="6.0", title="Others", by_term={}, names={})

PROTOCOL_FILE: dict[str, Any] = {
    "id": "for_a_test",
    "title": "A protocol for a test",
    "use": "research",
    "in_force_from": date(2024, 4, 23),
    "product": "a product",
    "route": "a route",
    "ctcae": "5.0",
    "compare_grades_with": "6.0",
    "schedule": {
        "cycles": 5,
        "activity_gbq": Decimal("5.5"),
        "interval_days": 35,
        "source": cites("schedule"),
        "window": {"first_day": 30, "last_day": 40, "source": cites("window")},
        "reduced": {"activity_gbq": Decimal("2.2"), "counts_as_cycle": True, "source": cites("reduced")},
    },
    "patient": {"minimum_age": 17, "source": cites("age")},
    "delay_limit": {
        "days": 90,
        "counted_from": "nominal_day",
        "stops": "after_limit_day",
        "subtract_other_delay": True,
        "warn_days": [70, 80],
        "source": cites("limit"),
    },
    "interim_occurrences": {"count": True, "source": cites("interim")},
    "weight": {
        "validity_days": 21,
        "due_days_before": 6,
        "nearest_for_baseline": True,
        "source": cites("weight"),
    },
    "derived": {
        "creatinine_clearance": {
            "age_constant": 141,
            "divisor": 73,
            "female_factor": Decimal("0.84"),
            "umol_per_l_in_mg_per_dl": Decimal("88.4"),
            "source": cites("clearance"),
        },
        "corrected_calcium": {
            "mmol_per_g": Decimal("0.025"),
            "albumin_g_per_l": 41,
            "source": cites("calcium"),
        },
    },
    "lab": [
        {
            "analyte": "PLT",
            "needed": "always",
            "validity_days": 14,
            "due_days_before": 7,
            "earlier_draw": {"from_days_before": 28, "to_days_before": 15, "source": cites("earlier")},
            "source": cites("platelets"),
        },
        {
            "analyte": "PTR",
            "needed": "when_a_rule_asks",
            "validity_days": 13,
            "due_days_before": 5,
            "source": cites("prothrombin"),
        },
    ],
    "toxicity": [
        {
            "id": "T-1",
            "name": "graded",
            "terms": ["Thrombopenia"],
            "reported_terms": ["Bleeding"],
            "trigger_grade": 2,
            "on_first": "delay",
            "on_recurrence": "stop",
            "recurrence_by": "term",
            "other_events": True,
            "milder_note": "look again",
            "spare_baseline_grade": True,
            "exemption": [
                {
                    "term": "Thrombopenia",
                    "explained_by": [{"term": "Much creatinine", "at_least": 1, "at_most": 3}],
                }
            ],
            "source": cites("graded"),
            "resolution": {"grade": 1, "source": cites("graded back")},
        },
        {
            "id": "T-2",
            "name": "bounded",
            "criteria": "all",
            "trigger_grade": 3,
            "on_first": "note",
            "on_recurrence": "note",
            "recurrence_by": "family",
            "criterion": [
                {
                    "name": "one",
                    "bounds": [{"quantity": "CREAT", "rises_percent": 40}],
                    "resolves_by": [
                        {"quantity": "CREAT", "pushed": "up"},
                        {"quantity": "PLT", "pushed": "down"},
                    ],
                },
                {
                    "name": "other",
                    "bounds": [{"quantity": "creatinine_clearance", "at_most": 39, "unit": "mL/min"}],
                    "resolves_by": [{"quantity": "CREAT", "pushed": "up"}],
                },
            ],
            "source": cites("bounded"),
            "resolution": {"tolerance_percent": 12, "source": cites("bounded back")},
        },
        {
            "id": "T-3",
            "name": "any of two",
            "criteria": "any",
            "trigger_grade": 3,
            "on_first": "delay",
            "on_recurrence": "delay",
            "recurrence_by": "family",
            "criterion": [
                {
                    "name": "fall",
                    "bounds": [
                        {"quantity": "PLT", "falls_percent": 30},
                        {"quantity": "INR", "above": 2, "unit": "1"},
                    ],
                    "resolves_by": [{"quantity": "PLT", "pushed": "down"}],
                }
            ],
            "source": cites("any"),
            "resolution": {"tolerance_percent": 9, "source": cites("any back")},
        },
    ],
    "floor": [
        {
            "id": "F-1",
            "name": "floor",
            "when": "every_cycle",
            "bounds": [{"quantity": "PLT", "below": 75, "unit": "10*9/L"}],
            "explained_by": [{"term": "Thrombopenia", "at_least": 0, "at_most": 2}],
            "action": "note",
            "source": cites("floor"),
        },
        {
            "id": "F-2",
            "name": "ceiling",
            "when": "first_cycle",
            "bounds": [{"quantity": "CREAT", "above_uln": 3}],
            "action": "stop",
            "source": cites("ceiling"),
        },
    ],
    "check": [
        {
            "id": "C-1",
            "name": "pregnancy",
            "about": "pregnancy",
            "when": "every_cycle",
            "from_age": 11,
            "to_age": 56,
            "validity_days": 8,
            "due_days_before": 3,
            "if_pregnant": "stop",
            "hcg_at_least": {"value": 6, "unit": "[IU]/L"},
            "source": cites("pregnancy"),
        },
        {
            "id": "C-2",
            "name": "imaging",
            "about": "sstr_imaging",
            "when": "first_cycle",
            "least_uptake": 2,
            "note_uptake": 3,
            "if_below": "note",
            "source": cites("imaging"),
        },
        {
            "id": "C-3",
            "name": "analogues",
            "about": "analogue_injections",
            "when": "every_cycle",
            "long_acting_days": 27,
            "long_acting_note_days": 29,
            "short_acting_days": 2,
            "due_days_before": 4,
            "source": cites("analogues"),
        },
        {
            "id": "C-4",
            "name": "allergies",
            "about": "allergy_review",
            "when": "first_cycle",
            "validity_days": 26,
            "due_days_before": 9,
            "if_contraindicated": "delay",
            "source": cites("allergies"),
        },
        {
            "id": "C-5",
            "name": "heart",
            "about": "heart_failure",
            "when": "every_cycle",
            "stops_from_class": 3,
            "source": cites("heart"),
        },
        {
            "id": "C-6",
            "name": "illness",
            "about": "interruptions",
            "when": "first_cycle",
            "wait_days": {"intercurrent_illness": 1, "surgery": 2, "major_surgery": 84},
            "source": cites("illness"),
        },
    ],
    "support": [
        {
            "kind": "growth_factor",
            "analytes": ["PLT", "INR"],
            "days": 15,
            "source": cites("support"),
        }
    ],
    "prothrombin_surrogate": {
        "use": True,
        "quantity": "PTR",
        "bound": {"quantity": "INR", "above": Decimal("1.4"), "unit": "1"},
        "source": cites("surrogate"),
    },
    "order": [
        {
            "kind": "radiopharmaceutical",
            "when": "always",
            "source": cites("order"),
            "items": [{"product": "a product", "text": "slowly"}, {"product": "another"}],
        },
        {
            "kind": "steroid_cover",
            "when": "peritoneal_or_mesenteric_disease",
            "source": cites("cover"),
            "items": [{"text": "cover"}],
        },
    ],
}


def test_a_criteria_file_is_read_field_by_field() -> None:
    assert read_criteria(copy.deepcopy(CRITERIA_FILE), units=UNITS) == CRITERIA


def read() -> Any:
    criteria = {"5.0": CRITERIA, "6.0": OTHER}
    return read_protocol(copy.deepcopy(PROTOCOL_FILE), criteria=criteria, names=NAMES, units=UNITS)


def test_the_head_of_a_protocol_is_read_field_by_field() -> None:
    found = read()
    assert (found.id, found.title, found.use) == ("for_a_test", "A protocol for a test", Use.RESEARCH)
    assert (found.in_force_from, found.product, found.route) == (date(2024, 4, 23), "a product", "a route")
    assert found.criteria == CRITERIA
    assert found.other_criteria == OTHER
    derived = {"creatinine_clearance": "Creatinine clearance", "corrected_calcium": "Corrected calcium"}
    assert found.names == NAMES | derived
    assert found.units == UNITS
    assert (found.minimum_age, found.minimum_age_source) == (17, source("age"))
    assert (found.count_interim_occurrences, found.interim_source) == (True, source("interim"))


def test_schedule_limit_and_weight_are_read_field_by_field() -> None:
    found = read()
    assert found.schedule == Schedule(
        cycles=5,
        activity_gbq=Decimal("5.5"),
        reduced_activity_gbq=Decimal("2.2"),
        interval_days=35,
        window_first_day=30,
        window_last_day=40,
        reduced_counts_as_cycle=True,
        source=source("schedule"),
        window_source=source("window"),
        reduced_source=source("reduced"),
    )
    assert found.delay_limit == DelayLimit(
        days=90,
        counted_from=ClockStart.NOMINAL_DAY,
        stops_on_limit_day=False,
        subtract_other_delay=True,
        warn_days=(70, 80),
        source=source("limit"),
    )
    assert found.weight == WeightRule(
        validity_days=21, due_days_before=6, nearest_for_baseline=True, source=source("weight")
    )


def test_the_constants_of_derived_values_are_read_exactly() -> None:
    found = read()
    assert found.clearance == CockcroftGault(
        age_constant=Fraction(141),
        divisor=Fraction(73),
        female_factor=Fraction(84, 100),
        umol_per_l_in_mg_per_dl=Fraction(884, 10),
        source=source("clearance"),
    )
    assert found.calcium == CalciumCorrection(
        mmol_per_g=Fraction(25, 1000), albumin_g_per_l=Fraction(41), source=source("calcium")
    )


def test_the_evidence_needed_is_read_field_by_field() -> None:
    found = read()
    earlier = EarlierDraw(from_days_before=28, to_days_before=15, source=source("earlier"))
    platelets = LabRow(
        analyte="PLT",
        always=True,
        validity_days=14,
        due_days_before=7,
        source=source("platelets"),
        earlier=earlier,
    )
    prothrombin = LabRow(
        analyte="PTR", always=False, validity_days=13, due_days_before=5, source=source("prothrombin")
    )
    assert found.labs == (platelets, prothrombin)
    assert found.lab("PTR") == prothrombin
    assert found.lab("INR") is None


def test_toxicity_families_are_read_field_by_field() -> None:
    graded, bounded, any_of_two = read().families
    assert graded == ToxicityFamily(
        id="T-1",
        name="graded",
        terms=("Few platelets",),
        reported_terms=("Bleeding",),
        trigger_grade=2,
        resolved_grade=1,
        criteria=(),
        tolerance_percent=Decimal(0),
        on_first=Action.DELAY,
        on_recurrence=Action.STOP,
        recurrence_by=RecurrenceBy.TERM,
        other_events=True,
        milder_note="look again",
        spare_baseline_grade=True,
        exemptions=(
            Exemption(
                term="Few platelets",
                explained_by=(GradeBound(term="Much creatinine", at_least=1, at_most=3),),
            ),
        ),
        source=source("graded"),
        resolution_source=source("graded back"),
    )
    both = ToxicityCriterion(
        name="one and other",
        bounds=(
            bound("CREAT", Test.AT_LEAST, "1.4", Reference.BASELINE),
            bound("creatinine_clearance", Test.AT_MOST, "39"),
        ),
        resolves_by=(("CREAT", False), ("PLT", True)),
    )
    assert bounded == ToxicityFamily(
        id="T-2",
        name="bounded",
        terms=(),
        reported_terms=(),
        trigger_grade=3,
        resolved_grade=2,
        criteria=(both,),
        tolerance_percent=Decimal(12),
        on_first=Action.PROCEED,
        on_recurrence=Action.PROCEED,
        recurrence_by=RecurrenceBy.FAMILY,
        other_events=False,
        milder_note="",
        spare_baseline_grade=False,
        exemptions=(),
        source=source("bounded"),
        resolution_source=source("bounded back"),
    )
    assert any_of_two.criteria == (
        ToxicityCriterion(
            name="fall",
            bounds=(
                bound("PLT", Test.AT_MOST, "0.7", Reference.BASELINE),
                bound("INR", Test.ABOVE, "2"),
            ),
            resolves_by=(("PLT", True),),
        ),
    )
    assert (bounded.never_acts, any_of_two.never_acts) == (True, False)


def test_floors_are_read_field_by_field() -> None:
    assert read().floors == (
        Floor(
            id="F-1",
            name="floor",
            when=When.EVERY_CYCLE,
            bounds=(bound("PLT", Test.BELOW, "75"),),
            explained_by=(GradeBound(term="Few platelets", at_least=0, at_most=2),),
            action=Action.PROCEED,
            source=source("floor"),
        ),
        Floor(
            id="F-2",
            name="ceiling",
            when=When.FIRST_CYCLE,
            bounds=(bound("CREAT", Test.ABOVE, "3", Reference.ULN),),
            explained_by=(),
            action=Action.STOP,
            source=source("ceiling"),
        ),
    )


def test_checks_are_read_field_by_field() -> None:
    every, first = When.EVERY_CYCLE, When.FIRST_CYCLE
    waits = {
        InterruptionKind.INTERCURRENT_ILLNESS: 1,
        InterruptionKind.SURGERY: 2,
        InterruptionKind.MAJOR_SURGERY: 84,
    }
    assert read().checks == (
        PregnancyCheck(
            id="C-1",
            name="pregnancy",
            when=every,
            source=source("pregnancy"),
            from_age=11,
            to_age=56,
            validity_days=8,
            due_days_before=3,
            if_pregnant=Action.STOP,
            hcg_at_least=Decimal(6),
        ),
        ImagingCheck(
            id="C-2",
            name="imaging",
            when=first,
            source=source("imaging"),
            least_uptake=2,
            note_uptake=3,
            if_below=Action.PROCEED,
        ),
        AnalogueCheck(
            id="C-3",
            name="analogues",
            when=every,
            source=source("analogues"),
            long_acting_days=27,
            long_acting_note_days=29,
            short_acting_days=2,
            due_days_before=4,
        ),
        AllergyCheck(
            id="C-4",
            name="allergies",
            when=first,
            source=source("allergies"),
            validity_days=26,
            due_days_before=9,
            if_contraindicated=Action.DELAY,
        ),
        HeartFailureCheck(id="C-5", name="heart", when=every, source=source("heart"), stops_from_class=3),
        InterruptionCheck(id="C-6", name="illness", when=first, source=source("illness"), wait_days=waits),
    )


def test_support_surrogate_and_orders_are_read_field_by_field() -> None:
    found = read()
    assert found.support == (
        SupportRule(
            kind=SupportKind.GROWTH_FACTOR, analytes=("PLT", "INR"), days=15, source=source("support")
        ),
    )
    assert found.prothrombin_surrogate == Surrogate(
        quantity="PTR", bound=bound("INR", Test.ABOVE, "1.4"), source=source("surrogate")
    )
    assert found.orders == (
        OrderRow(
            kind=OrderKind.RADIOPHARMACEUTICAL,
            when=OrderedWhen.ALWAYS,
            items=((("product", "a product"), ("text", "slowly")), (("product", "another"),)),
            source=source("order"),
        ),
        OrderRow(
            kind=OrderKind.STEROID_COVER,
            when=OrderedWhen.PERITONEAL,
            items=((("text", "cover"),),),
            source=source("cover"),
        ),
    )


def test_every_comparison_a_file_may_use_has_its_test_its_reference_and_its_direction() -> None:
    below, at_most, above, at_least = Test.BELOW, Test.AT_MOST, Test.ABOVE, Test.AT_LEAST
    lln, uln, baseline = Reference.LLN, Reference.ULN, Reference.BASELINE
    assert _bound_keys() == {
        "below": (below, None, 0),
        "at_most": (at_most, None, 0),
        "above": (above, None, 0),
        "at_least": (at_least, None, 0),
        "below_lln": (below, lln, 0),
        "below_uln": (below, uln, 0),
        "below_baseline": (below, baseline, 0),
        "at_most_lln": (at_most, lln, 0),
        "at_most_uln": (at_most, uln, 0),
        "at_most_baseline": (at_most, baseline, 0),
        "above_lln": (above, lln, 0),
        "above_uln": (above, uln, 0),
        "above_baseline": (above, baseline, 0),
        "at_least_lln": (at_least, lln, 0),
        "at_least_uln": (at_least, uln, 0),
        "at_least_baseline": (at_least, baseline, 0),
        "rises_percent": (at_least, baseline, 1),
        "falls_percent": (at_most, baseline, -1),
    }

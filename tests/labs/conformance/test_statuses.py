"""Every letter of the result status table, alone and after what came before it."""

from itertools import permutations

import pytest

from labs.models import Patient
from tests.builders_labs import make_patient, obr, obx, pid
from tests.labs.conformance.doors import held, only, results, send_result, send_segments

HOURS = [f"202605041{hour}0000+0200" for hour in range(10)]

ALONE = [
    ("F", "final", True),
    ("C", "corrected", True),
    ("A", "amended", True),
    ("V", "final", True),
    ("B", "final", True),
    ("P", "preliminary", False),
    ("R", "preliminary", False),
    ("S", "preliminary", False),
]


@pytest.mark.parametrize(("letter", "status", "usable"), ALONE)
def test_a_reported_result_is_shown_and_only_verified_ones_count(
    letter: str, status: str, usable: bool, patient: Patient
) -> None:
    send_result(status=letter)
    assert (only()["status"], only()["usable"], only()["value"]) == (status, usable, "60")


@pytest.mark.parametrize("letter", ["I", "O", "N"])
def test_pending_ordered_and_not_asked_are_no_results_and_wait_for_nobody(
    letter: str, patient: Patient
) -> None:
    taken = send_result("", status=letter)
    assert (taken.state, taken.outcome.held) == ("read", 0)
    assert results(history=True) == []


@pytest.mark.parametrize(
    ("letter", "word"), [("X", "cancelled"), ("D", "entered-in-error"), ("W", "entered-in-error")]
)
def test_a_withdrawal_alone_leaves_no_result_even_with_a_value_beside_it(
    letter: str, word: str, patient: Patient
) -> None:
    send_result("60", status=letter)
    assert results() == []
    [row] = results(history=True)
    assert (row["status"], row["value"], row["state"]) == (word, None, "voided")


@pytest.mark.parametrize(
    "letter", ["", " ", "f", "FF", "Z", "E", "G", "H", "J", "K", "L", "M", "Q", "T", "Y", "1", "?", "final"]
)
def test_any_other_letter_waits(letter: str, patient: Patient) -> None:
    send_result(status=letter)
    assert (results(), held()) == ([], ["unknown-status"])


def test_a_status_only_update_without_anything_to_promote_waits(patient: Patient) -> None:
    send_result("", status="U")
    assert (results(), held()) == ([], ["nothing-to-promote"])


def step(number: int, letter: str, value: str = "60", *, dated: bool = False) -> None:
    """The next message of one result, an hour after the one before."""
    segments = obr(changed=HOURS[number] if dated else ""), obx(value, status=letter)
    send_segments(*segments, control_id=f"M{number}", at=HOURS[number])


# what was sent, hour by hour; status, value and whether it is usable in the end; why something waits
SEQUENCES: list[tuple[str, list[tuple[str, str]], tuple[str, str | None, bool] | None, list[str]]] = [
    ("final replaces preliminary", [("P", "160"), ("F", "60")], ("final", "60", True), []),
    ("final replaces partial", [("S", "160"), ("F", "60")], ("final", "60", True), []),
    ("final replaces unverified", [("R", "160"), ("F", "60")], ("final", "60", True), []),
    ("preliminary after final is history", [("F", "60"), ("P", "160")], ("final", "60", True), []),
    ("final twice is one", [("F", "60"), ("F", "60")], ("final", "60", True), []),
    ("a later final differs", [("F", "160"), ("F", "60")], ("final", "60", False), ["conflict"]),
    ("a final differs, corrected", [("F", "160"), ("F", "60"), ("C", "60")],
     ("corrected", "60", True), ["conflict"]),
    ("back to the first final", [("F", "60"), ("F", "160"), ("F", "60")],
     ("final", "160", False), ["conflict"]),
    ("corrected back", [("C", "60"), ("C", "160"), ("C", "60")],
     ("corrected", "160", False), ["returned-value"]),
    ("corrected, each sent twice", [("C", "160"), ("C", "60"), ("C", "160"), ("C", "60")],
     ("corrected", "60", True), ["returned-value"]),
    ("corrected back, then once more", [("C", "60"), ("C", "160"), ("C", "60"), ("C", "61")],
     ("corrected", "61", True), ["returned-value"]),
    ("a correction supersedes", [("F", "160"), ("C", "60")], ("corrected", "60", True), []),
    ("a correction needs no original", [("C", "60")], ("corrected", "60", True), []),
    ("a final after a correction is history", [("C", "60"), ("F", "160")], ("corrected", "60", True), []),
    ("a second correction counts", [("F", "160"), ("C", "61"), ("C", "60")], ("corrected", "60", True), []),
    ("amended, then corrected", [("F", "160"), ("A", "160"), ("C", "60")], ("corrected", "60", True), []),
    ("corrected, then amended", [("F", "160"), ("C", "61"), ("A", "60")], ("amended", "60", True), []),
    ("promoted", [("P", "60"), ("U", "")], ("final", "60", True), []),
    ("promoted with its value", [("P", "60"), ("U", "60")], ("final", "60", True), []),
    ("promoted with more", [("P", "60"), ("U", "61")], ("preliminary", "60", False), ["promotion-differs"]),
    ("reviewed without its value", [("P", "60"), ("V", "")], ("final", "60", True), []),
    ("appended without its value", [("F", "60"), ("B", "")], ("final", "60", True), []),
    ("pending after final says nothing", [("F", "60"), ("I", "")], ("final", "60", True), []),
    ("cancelled after final", [("F", "60"), ("X", "")], None, []),
    ("deleted after final", [("F", "60"), ("D", "60")], None, []),
    ("wrong patient after final", [("F", "60"), ("W", "60")], None, []),
    ("withdrawn, then the same again", [("F", "60"), ("D", ""), ("F", "60")], None, []),
    ("withdrawn, then another final", [("F", "60"), ("D", ""), ("F", "61")], None, ["after-withdrawal"]),
    ("withdrawn, then corrected", [("F", "160"), ("D", ""), ("C", "60")], ("corrected", "60", True), []),
    ("withdrawn between", [("C", "160"), ("W", ""), ("C", "60")], ("corrected", "60", True), []),
    ("withdrawn twice", [("F", "60"), ("X", ""), ("W", "")], None, []),
    ("preliminary after withdrawal", [("F", "60"), ("W", ""), ("P", "61")], None, ["after-withdrawal"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "stands", "waits"), [s[1:] for s in SEQUENCES], ids=[s[0] for s in SEQUENCES]
)
def test_what_stands_after_a_sequence(
    sent: list[tuple[str, str]],
    stands: tuple[str, str | None, bool] | None,
    waits: list[str],
    patient: Patient,
) -> None:
    for number, (letter, value) in enumerate(sent):
        step(number, letter, value)
    assert [(row["status"], row["value"], row["usable"]) for row in results()] == ([stands] if stands else [])
    assert held() == waits


def test_a_final_that_the_laboratory_dates_later_takes_the_place_of_another(patient: Patient) -> None:
    for number, value in enumerate(("60", "160", "60")):
        step(number, "F", value, dated=True)
        assert (only()["value"], only()["usable"], held()) == (value, True, [])


def test_a_final_that_the_laboratory_dates_after_its_withdrawal_counts(patient: Patient) -> None:
    step(0, "F", "160", dated=True)
    step(1, "D", "", dated=True)
    step(2, "F", "60", dated=True)
    assert (only()["value"], only()["usable"]) == ("60", True)


ANY_ORDER = [
    ([("P", "160", 0), ("F", "150", 1), ("C", "60", 2)], "60"),
    ([("F", "160", 0), ("A", "160", 1), ("C", "60", 2)], "60"),
    ([("F", "160", 0), ("X", "", 1), ("C", "60", 2)], "60"),
    ([("F", "160", 0), ("W", "", 1), ("P", "160", 0)], None),
]


@pytest.mark.parametrize(("sent", "stands"), ANY_ORDER)
def test_the_order_and_number_of_messages_change_nothing(
    sent: list[tuple[str, str, int]], stands: str | None, patient: Patient
) -> None:
    orders = list(permutations([*sent, sent[0]]))[::2]
    for place, order in enumerate(orders):
        for letter, value, hour in order:
            segments = obr(f"F{place}"), obx(value, status=letter)
            send_segments(*segments, control_id=f"{place}-{letter}-{hour}", at=HOURS[hour])
    found = [(row["status"], row["value"], row["usable"]) for row in results()]
    assert found == ([("corrected", stands, True)] * len(orders) if stands else [])


def test_a_promotion_read_before_the_value_it_meant_leaves_nothing_usable(patient: Patient) -> None:
    step(0, "P", "160")
    step(2, "U", "")
    assert (only()["value"], only()["usable"]) == ("160", True)
    step(1, "P", "60")
    assert (only()["usable"], held()) == (False, ["conflict"])
    step(3, "C", "60")
    assert (only()["value"], only()["usable"]) == ("60", True)


def test_a_review_without_a_value_after_a_dated_final_confirms_it(patient: Patient) -> None:
    step(0, "P", "160", dated=True)
    step(1, "F", "60", dated=True)
    step(2, "B", "", dated=True)
    assert (only()["value"], only()["usable"], held()) == ("60", True, [])


def test_a_promotion_means_the_last_value_before_it_and_no_later_one(patient: Patient) -> None:
    step(0, "P", "160")
    step(1, "P", "60")
    step(2, "U", "")
    step(3, "P", "70")
    assert (only()["value"], only()["usable"], held()) == ("60", True, [])


def test_a_result_of_the_wrong_patient_is_withdrawn_here_and_stands_there(patient: Patient) -> None:
    make_patient(mrn="1002", family="Schmidt", given="Eva", birth_date=patient.birth_date)
    other = pid("1002^^^CLINIC^MR", name="Schmidt^Eva")
    send_result("19")
    send_segments(obr(), obx("19", status="W"), control_id="M2", at=HOURS[1])
    send_segments(other, obr(), obx("19"), control_id="M3", at=HOURS[2])
    assert (results("1001"), only("1002")["value"]) == ([], "19")
    send_result("19", control_id="M4")
    assert results("1001") == []


# the collection time of what stands; which change comes, and with which collection time
NEAR_MISSES = [
    ("20260504080030+0200", "C", "202605040800+0200"),
    ("20260504080030+0200", "W", "202605040800+0200"),
    ("20260504080000+0200", "C", "20260504080100+0200"),
    ("20260504080000+0200", "D", "20260504093000+0200"),
    ("20260504080000+0200", "X", "20260504"),
    ("20260504080000+0200", "A", "20260504070000+0200"),
]


@pytest.mark.parametrize(("stored", "letter", "sent"), NEAR_MISSES)
@pytest.mark.parametrize("change_first", [False, True])
def test_a_change_of_almost_the_same_time_leaves_neither_result_usable(
    stored: str, letter: str, sent: str, change_first: bool, patient: Patient
) -> None:
    first = obr(collected=stored), obx("200")
    change = obr(collected=sent), obx("190", status=letter)
    for number, lines in enumerate([change, first] if change_first else [first, change]):
        send_segments(*lines, control_id=f"M{number}", at=HOURS[5 - number])
    assert held() == []
    assert {row["value"] for row in results()} == ({"200", "190"} if letter in "CA" else {"200"})
    for row in results():
        assert (row["quality"], row["usable"]) == (["changed-nearby"], False)
        assert "one may mean the other" in row["reason"]
    # With the time of the specimen it means, the change does what it says, and nothing is in doubt any more.
    send_segments(obr(collected=stored), obx("190", status=letter), control_id="M3", at=HOURS[9])
    assert {(row["value"], row["usable"]) for row in results()} == (
        {("190", True)} if letter in "CA" else set()
    )


@pytest.mark.parametrize(
    ("order", "sub_id", "collected"),
    [("F2", "", "202605040801+0200"), ("F1", "2", "202605040801+0200"), ("F1", "", "202605030800+0200")],
)
def test_a_correction_without_an_original_puts_nothing_in_doubt_that_it_cannot_mean(
    order: str, sub_id: str, collected: str, patient: Patient
) -> None:
    send_segments(obr("F1", collected="202605040800+0200"), obx("200"))
    send_segments(
        obr(order, collected=collected), obx("60", status="C", sub_id=sub_id), control_id="M2", at=HOURS[9]
    )
    assert sorted((row["value"], row["quality"]) for row in results()) == [("200", []), ("60", [])]


def test_a_series_under_one_order_is_corrected_draw_by_draw(patient: Patient) -> None:
    times = [f"2026050408{minute}+0200" for minute in ("00", "30")]
    for number, (letter, values) in enumerate((("F", ("200", "210")), ("C", ("60", "70")))):
        lines = [obx(value, status=letter, collected=at) for value, at in zip(values, times, strict=True)]
        send_segments(obr(), *lines, control_id=f"M{number}", at=HOURS[number])
    assert (sorted(row["value"] for row in results()), held()) == (["60", "70"], [])


def test_the_history_prints_every_version_with_its_reason(patient: Patient) -> None:
    step(0, "P", "170")
    step(1, "F", "160")
    step(2, "C", "60")
    send_segments(obr(), obx("61", unit="furlong"), control_id="M9", at=HOURS[9])
    rows = results(history=True)
    shown = [(row["state"], row["version"], row["value"]) for row in rows]
    assert shown == [
        ("current", 3, "60"),
        ("superseded", 2, "160"),
        ("superseded", 1, "170"),
        ("held", None, None),
    ]
    assert all(row["reason"] for row in rows)
    assert rows[1]["reason"] == "It was replaced by version 3 (corrected)."
    assert not any(row["usable"] for row in rows)


def test_the_history_of_a_withdrawn_result_says_so(patient: Patient) -> None:
    step(0, "F", "60")
    step(1, "W", "60")
    newest, oldest = results(history=True)
    assert (newest["state"], newest["version"], newest["value"]) == ("voided", 2, None)
    assert "withdrew" in newest["reason"]
    assert (oldest["state"], oldest["reason"]) == (
        "superseded",
        "It was replaced by version 2 (entered-in-error).",
    )

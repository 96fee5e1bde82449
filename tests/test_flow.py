"""End to end: a laboratory message delays a cycle, suspends its order and wakes the on-call."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running_clinic import (
    Browser,
    Clinic,
    Postbox,
    form_fields,
    low_platelets,
    mail_server,
    until,
)

MRN = "DEMO-0003"
CANARIES = (
    "DEMO-0003",
    "Test-",
    "Testo",
    "Testa",
    "platelet",
    "Platelet",
    "60 ",
    "utetium",
    "cycle",
)


@pytest.fixture
def postbox(free_port: Callable[[], int]) -> Iterator[tuple[Postbox, int]]:
    """A real mail server and its port."""
    port = free_port()
    with mail_server(port) as box:
        yield box, port


@pytest.fixture
def clinic_at(
    tmp_path: Path, free_port: Callable[[], int], postbox: tuple[Postbox, int]
) -> Iterator[Callable[..., Clinic]]:
    """Makes a clinic that mails to the postbox; it is stopped at the end, and nothing may be left running."""
    made: list[Clinic] = []

    def make(**settings: str) -> Clinic:
        clinic = Clinic(
            var_dir=tmp_path / "var",
            web_port=free_port(),
            mllp_port=free_port(),
            settings={"EMAIL_URL": f"smtp://127.0.0.1:{postbox[1]}", **settings},
        )
        made.append(clinic)
        return clinic

    yield make
    left = [line for clinic in made for line in clinic.stop()]
    assert not left, f"left running: {left}"


def play_the_line(clinic: Clinic, postbox: Postbox, *, within: float) -> None:
    """The whole line through the doors: socket, API, mailbox, browser."""
    token = clinic.run("token", "--role", "pharmacy", "--name", "flow").split()[-1]
    before = radioactive_order(clinic, token)
    assert (before["state"], before["activity"]) == ("active", {"value": "7.4", "unit": "GBq"})
    patient = before["patient"]
    told = {letter["Message-ID"] for _, letter in postbox.letters}
    sex = "F" if patient["given"] == "Testa" else "M"

    ack = clinic.send(
        low_platelets(
            mrn=MRN,
            family=patient["family"],
            given=patient["given"],
            birth_date=patient["birth_date"],
            sex=sex,
        )
    )
    assert b"MSA|AA|" in ack

    after = until(
        lambda: found if (found := radioactive_order(clinic, token))["state"] == "suspended" else None,
        within=within,
        what=f"the order is suspended\n{clinic.log()}",
    )
    assert after["reason_code"] == "DM-PLT"
    assert after["version"] > before["version"]

    # Other demonstration patients have alerts of their own; this one is the one whose page names the patient.
    browser = Browser()
    # The fourth letter of a minute waits for the others of it: at most fifty seconds for what is critical.
    link = until(
        lambda: link_to(postbox, told, browser=browser, clinic=clinic, family=patient["family"]),
        within=within + 60,
        what=f"the on-call's mail arrives\n{clinic.log()}",
    )
    acknowledge(browser, link)
    for recipients, letter in postbox.letters:
        assert len(recipients) == 1
        whole = letter.as_string()
        assert not [word for word in (*CANARIES, patient["family"]) if word in whole]
        # The letters of a random id may spell these by chance, so they are looked for as words.
        assert re.search(r"(?<![A-Za-z])(GBq|PLT)(?![A-Za-z])", whole) is None


def radioactive_order(clinic: Clinic, token: str) -> dict[str, Any]:
    """The one live radiopharmaceutical order of the patient, in the newest version that was read.

    The list is read page by page: an order that changes meanwhile comes again, later, as it is then.
    """
    orders = {
        order["id"]: order
        for order in clinic.orders(token, state="proposed,active,suspended")
        if order["patient"]["mrn"] == MRN and order["kind"] == "radiopharmaceutical"
    }
    assert len(orders) == 1, orders
    return orders.popitem()[1]


def link_to(postbox: Postbox, told: set[str], *, browser: Browser, clinic: Clinic, family: str) -> str | None:
    """The link of a new mail to the on-call whose page, after log-in, is about this patient."""
    for recipients, letter in list(postbox.letters):
        if letter["Message-ID"] in told or recipients != ["oncall@demo.invalid"]:
            continue
        part = next(part for part in letter.walk() if part.get_content_type() == "text/plain")
        body = part.get_payload(decode=True)
        assert isinstance(body, bytes)
        link = next(word for word in body.decode().split() if word.startswith(clinic.address))
        status, address, text = browser.get(link)
        if "/accounts/login/" in address:
            text = browser.log_in(clinic=clinic, username="oncall", to=link)
        elif status != 200:
            raise AssertionError(f"{status} for {link}")
        if (found := alert_about(family, link, text, browser=browser, clinic=clinic)) is not None:
            return found
        told.add(str(letter["Message-ID"]))
    return None


def alert_about(family: str, link: str, text: str, *, browser: Browser, clinic: Clinic) -> str | None:
    """The alert about this patient behind a mail's link; one letter that tells of many leads to the inbox."""
    if not link.endswith("/alerts/"):
        return link if family in text else None
    for path in dict.fromkeys(re.findall(r'href="(/alerts/[\w-]{22})"', text)):
        _, _, page = browser.get(f"{clinic.address}{path}")
        if family in page:
            return f"{clinic.address}{path}"
    return None


def acknowledge(browser: Browser, link: str) -> None:
    """Read why, then acknowledge by the page's own form; looking alone changes nothing."""
    _, _, text = browser.get(link)
    assert "75" in text, "the page names the threshold"
    assert "Acknowledge" in text
    status, _, text = browser.post(f"{link}/acknowledge", **form_fields(text, action="acknowledge"))
    assert status == 200, text
    _, _, text = browser.get(link)
    assert "cknowledged by" in text


@pytest.mark.sqlite
def test_a_low_platelet_count_becomes_an_acknowledged_alert_on_the_embedded_database(
    clinic_at: Callable[..., Clinic], postbox: tuple[Postbox, int]
) -> None:
    clinic = clinic_at()
    clinic.start("runclinic")
    clinic.wait_until_ready()
    play_the_line(clinic, postbox[0], within=120)


@pytest.mark.postgres
@pytest.mark.redis
def test_a_low_platelet_count_becomes_an_acknowledged_alert_on_postgresql_and_redis(
    clinic_at: Callable[..., Clinic],
    postbox: tuple[Postbox, int],
    scratch_postgres: str,
    private_redis: str,
) -> None:
    clinic = clinic_at(DATABASE_URL=scratch_postgres, REDIS_URL=private_redis)
    clinic.start("runclinic")
    clinic.wait_until_ready()
    play_the_line(clinic, postbox[0], within=120)


@pytest.mark.postgres
def test_with_worker_and_broker_dead_the_second_runner_does_it_all_within_a_minute(
    clinic_at: Callable[..., Clinic],
    postbox: tuple[Postbox, int],
    free_port: Callable[[], int],
    scratch_postgres: str,
    static_files: Path,
) -> None:
    nobody_there = f"redis://127.0.0.1:{free_port()}/0"
    clinic = clinic_at(
        DATABASE_URL=scratch_postgres, REDIS_URL=nobody_there, PRRT_STATIC_DIR=str(static_files)
    )
    clinic.run("migrate", "--verbosity", "0")
    clinic.run("demo")
    clinic.start("runner")
    clinic.start("listen_mllp")
    clinic.start_web()
    clinic.wait_until_ready(page="live")
    play_the_line(clinic, postbox[0], within=60)

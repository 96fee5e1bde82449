"""Every page in a real browser: names, contrast, order, widths, darkness, and no stored text that acts."""

import os
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import ViewportSize

from tests.browser.browsing import PASSWORD, Tab, chromium
from tests.builders_whole_clinic import build_whole_clinic
from tests.crawl import HOME, walk
from tests.hostile import Hostile
from tests.prrt_clinic.test_every_page import TYPED, may_type, wanted_by

LONG = os.environ.get("PRRT_LONG") == "1"
pytestmark = [pytest.mark.chromium, pytest.mark.usefixtures("people")]
WIDE, PHONE = ViewportSize(width=1360, height=900), ViewportSize(width=390, height=844)
# The text of axe-core itself; it is run by the browser's own hand, past every page's policy.
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
BAD = ("moderate", "serious", "critical")
# What of a library's page is left as it is: rule, part of the selector, and why.
LEFT: tuple[dict[str, str], ...] = tuple(
    tomllib.loads((Path(__file__).parent / "accessibility.toml").read_text()).get("left", [])
)
# Those who see most first: a page is looked at by the first who may.
ORDER = ("rota-lead", "nurse", "pharmacist", "physicist", "auditor", "administrator", "on-call")
# Doors that answer with a file.
FILES = {
    "alerts:budget_table", "lab_files:report", "courses:cohort_table", "courses:cohort_workbook",
    "courses:day_pdf", "courses:decision_pdf",
}  # fmt: skip
FINDINGS = """async (options) => {
    const found = await axe.run(document, options);
    return found.violations.flatMap(each => each.nodes.map(node => ({
        rule: each.id, impact: node.impact, where: node.target.flat().join(' '),
        html: node.html.slice(0, 160), why: (node.any[0] || node.all[0] || node.none[0] || {}).message || '',
    })));
}"""


@pytest.fixture
def people(real_commits, settings, tmp_path: Path) -> dict[str, User]:
    """A clinic with something on every page, and who looks at it; its mails lie where the server looks."""
    settings.EMAIL_BACKEND = "prrt_clinic.maildir.EmailBackend"
    settings.MAIL_DIR = tmp_path / "var" / "mail"
    return build_whole_clinic(Hostile())


def one_address_each(people: dict[str, User]) -> dict[str, dict[str, str]]:
    """For each role the pages it looks at: one address of each door and of each page of the admin."""
    mine: dict[str, dict[str, str]] = {}
    for role in ORDER:
        taken = {door for pages in mine.values() for door in pages}
        wanted = _may(role) - taken
        client = Client()
        client.force_login(people[role])
        visits = walk(client, wanted=wanted, typed=TYPED if may_type(role) else (), rows=1)
        mine[role] = {
            visit.door: visit.address
            for visit in reversed(visits)
            if visit.kind == "text/html" and visit.door not in taken
        }
    return mine


def _may(role: str) -> set[str]:
    return wanted_by(role) | (wanted_by("physician") if role == "rota-lead" else set())


def findings(tab: Tab, **options: Any) -> Iterator[str]:
    """What axe finds moderate, serious or critical, but what is left for a reason."""
    tab.page.evaluate(f"window.axe || (() => {{ {AXE} }})()")
    for each in tab.page.evaluate(FINDINGS, {"resultTypes": ["violations"], **options}):
        left = any(row["rule"] == each["rule"] and row["where"] in each["where"] for row in LEFT)
        if each["impact"] in BAD and not left:
            yield f"{each['rule']}: {each['where']}: {each['html']} ({each['why'][:160]})"


def darken(tab: Tab, *, dark: bool) -> None:
    """Light or dark without another request: what the system asks for, and the class unfold makes of it."""
    tab.page.emulate_media(color_scheme="dark" if dark else "light")
    tab.page.evaluate(
        "dark => document.documentElement.classList.toggle("
        "'dark', dark && document.documentElement.hasAttribute('x-data'))",
        dark,
    )


def faults_of(tab: Tab, path: str) -> Iterator[str]:
    """Everything that is wrong with one page: light and wide, dark, and at the width of a telephone."""
    tab.open(path)
    yield from findings(tab)
    if (headings := tab.page.locator("h1").count()) != 1:
        yield f"{headings} first headings"
    darken(tab, dark=True)
    for finding in findings(tab, runOnly={"type": "rule", "values": ["color-contrast"]}):
        yield f"dark: {finding}"
    darken(tab, dark=False)
    tab.page.set_viewport_size(PHONE)
    overhang = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    if overhang > 0:
        yield f"{overhang} px wider than a telephone"
    tab.page.set_viewport_size(WIDE)
    if tab.page.locator("prrt-hit").count():
        yield "a stored text became an element"


def complaints(tab: Tab) -> Iterator[str]:
    """What the browser held against the last page; CSP violations are among them."""
    for told in (tab.console_errors, tab.outside_requests, tab.failures):
        yield from told
        told.clear()


# Walking every page takes minutes, and the more pages there are the more of them.
if LONG:

    @pytest.mark.hazard("HZ-83")
    def test_every_page_can_be_used_by_everybody_in_light_and_dark_on_a_telephone_and_runs_no_stored_text(
        address: str, people: dict[str, User]
    ) -> None:
        faults, looked = [], set[str]()
        dialogs: list[str] = []
        for role, pages in one_address_each(people).items():
            with chromium(address) as tab:
                tab.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
                tab.log_in(f"look-{role}", PASSWORD)
                for door, path in (("first page", HOME), *sorted(pages.items())):
                    found = [*faults_of(tab, path), *complaints(tab)]
                    faults += [f"{door} ({role}, {path}): {fault}" for fault in found]
                    looked.add(door)
        every = {name for role in ORDER for name in _may(role)}
        faults += [f"{name} was not looked at" for name in sorted(every - FILES - looked)]
        assert dialogs == []
        assert not faults, f"{len(faults)} faults\n" + "\n".join(faults)

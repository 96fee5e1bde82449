"""Take the README's pictures from a demonstration clinic built for the purpose: `make screenshots`."""

import json
import socket
import tempfile
from contextlib import closing
from pathlib import Path

from tests.browser.browsing import Tab, chromium
from tests.running_clinic import ROOT, Clinic

PICTURES = ROOT / "docs" / "pictures"
WIDE, PHONE = 1360, 390


def free_port() -> int:
    """A port on which nothing listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def take(tab: Tab, name: str, *, whole: bool = False) -> None:
    """One picture, once fonts and icons are there."""
    tab.page.evaluate("document.fonts.ready")
    tab.page.wait_for_timeout(300)
    tab.page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)
    tab.assert_clean()
    print(f"  {name}.png")


def main() -> None:
    """Build, serve, photograph, and leave nothing behind but the pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="prrt-pictures-") as folder:
        clinic = Clinic(var_dir=Path(folder), web_port=free_port(), mllp_port=free_port(), settings={})
        for command in (["migrate", "-v", "0"], ["demo"], ["collectstatic", "--noinput", "-v", "0"]):
            clinic.run(*command)
        clinic.start_web()
        try:
            clinic.wait_until_ready(page="live")
            photograph(clinic)
        finally:
            clinic.stop()


def photograph(clinic: Clinic) -> None:
    """The pages worth showing: log-in, first page (light, dark, phone), course, decision, day, pharmacy."""
    logins = json.loads((clinic.var_dir / "demo_logins.json").read_text(encoding="utf-8"))
    passwords = {each["username"]: each["password"] for each in logins}
    with chromium(clinic.address, width=WIDE) as tab:
        tab.open("/accounts/login/")
        take(tab, "login")
        tab.log_in("nurse", passwords["nurse"])
        take(tab, "today")
        held = tab.page.get_by_role("region", name="Held and delayed")
        held.get_by_role("listitem").filter(has_text="Delay").first.get_by_role("link").first.click()
        tab.page.get_by_role("heading", name="Cycles").wait_for()
        take(tab, "course")
        tab.open("/admin/")
        in_progress = tab.page.get_by_role("region", name="Days of therapy in progress")
        in_progress.get_by_role("link").first.click()
        tab.page.get_by_role("heading", name="The day, step by step").wait_for()
        take(tab, "day")
    with chromium(clinic.address, width=WIDE) as tab:
        tab.log_in("physician", passwords["physician"])
        tab.page.get_by_role("link", name="Review and sign").first.click()
        tab.page.get_by_role("heading", name="Signature").wait_for()
        take(tab, "decision", whole=True)
    with chromium(clinic.address, width=WIDE) as tab:
        tab.log_in("pharmacist", passwords["pharmacist"])
        take(tab, "orders")
        tab.open("/pharmacy/")
        take(tab, "pharmacy")
    with chromium(clinic.address, width=WIDE, dark=True) as tab:
        tab.log_in("nurse", passwords["nurse"])
        take(tab, "today-dark")
    with chromium(clinic.address, width=PHONE, height=844) as tab:
        tab.log_in("nurse", passwords["nurse"])
        take(tab, "today-phone")


if __name__ == "__main__":
    main()

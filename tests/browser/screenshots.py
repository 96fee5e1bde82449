"""Take the README's pictures from a demonstration clinic built for the purpose: `make screenshots`."""

import json
import socket
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tests.browser.browsing import Tab, chromium
from tests.running_clinic import ROOT, Clinic

PICTURES = ROOT / "docs" / "pictures"
WIDE, PHONE = 1360, 390
MOST_BYTES = 2_000_000
COLOURS = 256  # our pages are drawn, not photographed: more are not told apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture: its file, who looks, where they begin, the links they follow, and what is there then.

    `also`: the same page once more, "dark" or at the width of a "phone". `whole`: not only the first screen.
    """

    name: str
    who: str
    path: str = "/admin/"
    follow: tuple[str, ...] = ()
    until: str = ""
    also: tuple[str, ...] = ()
    whole: bool = False


# One line for each picture.
SHOTS = (
    Shot(name="login", who="", path="/accounts/login/"),
    Shot(name="today", who="nurse", also=("dark", "phone")),
    Shot(name="course", who="nurse", follow=("#held ~ ul li:has-text('Delay') a",), until="Cycles"),
    Shot(
        name="day", who="nurse", follow=("a[href$='/day/']",), until="The day, step by step", also=("phone",)
    ),
    Shot(name="calendar", who="nurse", path="/schedule/?by=month"),
    Shot(
        name="decision",
        who="physician",
        follow=("a:has-text('Review and sign')",),
        until="Signature",
        whole=True,
    ),
    Shot(name="alerts", who="oncall", path="/alerts/", also=("phone",)),
    Shot(name="quarantine", who="physician", path="/labs/quarantine/"),
    Shot(name="orders", who="pharmacist"),
    Shot(name="pharmacy", who="pharmacist", path="/pharmacy/", also=("dark",)),
)


def free_port() -> int:
    """A port on which nothing listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def take(tab: Tab, shot: Shot, name: str) -> None:
    """One picture, once fonts and icons are there; a palette holds all its colours."""
    tab.open(shot.path)
    for link in shot.follow:
        tab.page.locator(link).first.click()
        tab.page.wait_for_load_state()
    if shot.until:
        tab.page.get_by_role("heading", name=shot.until).first.wait_for()
    tab.page.evaluate("document.fonts.ready")
    tab.page.wait_for_timeout(300)
    path = PICTURES / f"{name}.png"
    tab.page.screenshot(path=path, full_page=shot.whole)
    tab.assert_clean()
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def planned() -> list[tuple[str, str, Shot, str]]:
    """Every picture: its way of looking, who looks, what, and its name; in the order of taking."""
    every = [(mode, shot.who, shot) for shot in SHOTS for mode in ("light", *shot.also)]
    every.sort(key=lambda each: each[:2])
    return [
        (mode, who, shot, shot.name if mode == "light" else f"{shot.name}-{mode}")
        for mode, who, shot in every
    ]


def photograph(clinic: Clinic) -> None:
    """Take all, with a bar: people log in once for each way of looking."""
    logins = json.loads((clinic.var_dir / "demo_logins.json").read_text(encoding="utf-8"))
    passwords = {each["username"]: each["password"] for each in logins}
    wanted = planned()
    bar = Progress(
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(file=sys.stderr),
    )
    with bar:
        task = bar.add_task("pictures", total=len(wanted))
        for (mode, who), shots in groupby(wanted, key=lambda each: each[:2]):
            width = PHONE if mode == "phone" else WIDE
            with chromium(clinic.address, width=width, height=844, dark=mode == "dark") as tab:
                if who:
                    tab.log_in(who, passwords[who])
                for *_, shot, name in shots:
                    bar.update(task, description=name)
                    take(tab, shot, name)
                    bar.advance(task)


def main() -> int:
    """Build, serve, photograph, and leave nothing behind but the pictures; too large is a failure."""
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
    size = sum(path.stat().st_size for path in PICTURES.glob("*.png"))
    where = PICTURES.relative_to(ROOT)
    print(f"{len(planned())} pictures in {where}, {size / 1000:.0f} kB of {MOST_BYTES // 1000}")
    return 0 if size <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())

"""A real Chromium that talks to our server alone, and remembers everything it complained about."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, Request, Response, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# The browser's own errands (updates, block lists, sync) are off: only our pages may ask for anything.
ARGUMENTS = [
    "--no-sandbox",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
]
PASSWORD = "a long pass phrase"


class Tab:
    """One browser tab on one address of ours, and what went wrong in it."""

    def __init__(self, page: Page, *, address: str) -> None:
        self.page, self.address = page, address
        self.console_errors: list[str] = []
        self.outside_requests: list[str] = []
        self.failures: list[str] = []
        page.on("console", self._heard)
        page.on("request", self._asked)
        page.on("response", self._answered)
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.address}/", "data:")):
            self.outside_requests.append(request.url)

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.failures.append(f"{response.status} {response.url}")

    def open(self, path: str) -> None:
        """Go to one of our pages."""
        self.page.goto(f"{self.address}{path}")

    def log_in(self, username: str, password: str = PASSWORD) -> None:
        """Log in through the log-in page, as people do."""
        self.open("/accounts/login/")
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(f"{self.address}/admin/")

    def assert_clean(self) -> None:
        """Nothing left the server, nothing failed, nothing was complained about."""
        assert self.outside_requests == []
        assert self.failures == [], self.failures
        assert self.console_errors == []


@contextmanager
def chromium(address: str, *, width: int = 1360, height: int = 900, dark: bool = False) -> Iterator[Tab]:
    """A fresh browser with one tab."""
    program = next(path for name in NAMES if (path := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(Path(program)), args=ARGUMENTS)
        try:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
            )
            page = context.new_page()
            page.set_default_timeout(10_000)
            yield Tab(page, address=address)
        finally:
            browser.close()

"""Acknowledge a trial's alert as a person would: the mail's address, the log-in form, the page, the button.

No password stands between the trials: one is drawn for each log-in, and none is usable after it.
"""

import logging
import secrets
from collections.abc import Mapping
from html.parser import HTMLParser
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

from django.conf import settings
from django.contrib.auth.models import User

from alerts.models import Alert
from alerts.web_client import Answer, exchange

log = logging.getLogger(__name__)

_MOST_REDIRECTS = 4
_PASSWORD_BYTES = 32


class NotAnswered(Exception):
    """The alert could not be acknowledged; the text says where it ended, without a word of the page."""


class _Forms(HTMLParser):
    """The forms of a page: where each is sent, and its hidden fields."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, or a hidden field of the newest one."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((given.get("action", ""), {}))
        elif tag == "input" and given.get("type") == "hidden" and self.found and "name" in given:
            self.found[-1][1][given["name"]] = given.get("value", "")


class Visit:
    """One browser's visit: its cookies, and the page it stands on."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}
        self.path = "/"

    def open(self, path: str) -> Answer:
        """A page, behind as many redirects of this site as a browser would follow."""
        return self._follow("GET", path, b"")

    def submit(self, page: Answer, *, action: str, said: Mapping[str, str]) -> Answer:
        """Send the page's form whose address ends so, with its hidden fields. Raises NotAnswered."""
        forms = [form for form in _Forms(page.text).found if urlsplit(form[0]).path.endswith(action)]
        if not forms:
            raise NotAnswered(f"The page had no form for {action} (it answered {page.status}).")
        address, hidden = forms[0]
        return self._follow("POST", urljoin(self.path, address), urlencode({**hidden, **said}).encode())

    def _follow(self, method: str, path: str, body: bytes) -> Answer:
        for _ in range(_MOST_REDIRECTS):
            answer = self._ask(method, path, body)
            if not 300 <= answer.status < 400:
                return answer
            leads_to = urlsplit(urljoin(settings.SITE_URL + path, answer.location))
            if leads_to.netloc != urlsplit(settings.SITE_URL).netloc:
                raise NotAnswered("The page led to another site.")
            method, path, body = "GET", leads_to.path + (f"?{leads_to.query}" if leads_to.query else ""), b""
        raise NotAnswered("The pages led from one to the next without end.")

    def _ask(self, method: str, path: str, body: bytes) -> Answer:
        site = urlsplit(settings.SITE_URL)
        headers = {
            "Host": site.netloc,
            "Referer": settings.SITE_URL + self.path,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        if settings.CANARY_WEB != settings.SITE_URL:
            # Past our own proxy: what it would have said of the visitor.
            headers |= {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": site.scheme}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = exchange(url=settings.CANARY_WEB + path, method=method, body=body, headers=headers)
        self._keep(answer)
        self.path = path
        return answer

    def _keep(self, answer: Answer) -> None:
        for line in answer.cookies:
            try:
                for name, cookie in SimpleCookie(line).items():
                    self.cookies[name] = cookie.value
            except CookieError:
                log.warning("A cookie of our own pages could not be read.")


def answer(*, alert: Alert, username: str) -> None:
    """Log in as the mailbox's account and press the button. Raises NotAnswered, or OSError."""
    path = f"/alerts/{alert.public_id}"
    account = User.objects.get(username=username)
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    account.set_password(password)
    account.save(update_fields=["password"])
    visit = Visit()
    try:
        page = visit.open(path)
        if not visit.path.startswith("/accounts/login/"):
            raise NotAnswered(f"The alert's page did not ask for a log-in (it answered {page.status}).")
        page = visit.submit(page, action="/accounts/login/", said={"login": username, "password": password})
        if visit.path != path or page.status != 200:
            raise NotAnswered(f"The log-in did not lead to the alert's page (it answered {page.status}).")
        page = visit.submit(page, action=f"{path}/acknowledge", said={"note": ""})
        if page.status != 200:
            raise NotAnswered(f"The button was refused (it answered {page.status}).")
        visit.submit(visit.open("/accounts/logout/"), action="/accounts/logout/", said={})
    finally:
        # Ends every session of the account as well.
        account.set_unusable_password()
        account.save(update_fields=["password"])

"""Walk the pages of the service as somebody does who only follows links: from the first page, GET alone."""

from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

from django.test import Client
from django.urls import Resolver404, resolve

HOME = "/admin/"
# So many pages more are opened for doors that the near ones did not lead to; then a door counts as unmet.
MOST_BEYOND = 200
# Leads out of the service, or to files that are no pages.
NO_PAGES = ("/static/", "/accounts/logout/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One page that was opened by a link: its door, its address, how it answered, and what led there."""

    door: str
    address: str
    status: int
    kind: str
    text: str
    came_from: str


class _Links(HTMLParser):
    """Every address that a person can follow on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the target of a link."""
        target = dict(attrs).get("href")
        if tag == "a" and target:
            self.found.append(target)


def links_of(text: str, *, at: str) -> list[str]:
    """The addresses of this server that a page links to, in order, without places within a page."""
    reader = _Links()
    reader.feed(text)
    whole = [urldefrag(urljoin(f"http://testserver{at}", target)).url for target in reader.found]
    return [
        each.removeprefix("http://testserver")
        for each in dict.fromkeys(whole)
        if each.startswith("http://testserver/")
    ]


def door_of(address: str) -> str:
    """The name of the door at an address; empty where there is none."""
    try:
        return resolve(urlsplit(address).path).view_name
    except Resolver404:
        return ""


def walk(
    client: Client,
    *,
    wanted: Collection[str] = (),
    typed: Collection[str] = (),
    rows: int = 2,
    queries: int = 1,
) -> list[Visit]:
    """Open page after page, nearest first, until of each kind enough was seen and every wanted door was met.

    Of pages that differ only in their row, and of those that differ only in what is asked for, so many stand
    for all. Where a wanted door was not met by then, more rows are opened, those first that lead to
    most doors.
    `typed`: addresses that somebody comes to by typing into a search.
    """
    near, far = deque([(each, "") for each in (HOME, *typed)]), dict[str, list[tuple[str, str]]]()
    seen, opened, unmet = {HOME, *typed}, Counter[tuple[str, bool]](), set(wanted)
    leads_to, beyond = dict[str, set[str]](), Counter[str]()
    visits = []
    while near or (far and unmet and beyond.total() < MOST_BEYOND):
        address, came_from = near.popleft() if near else _most_promising(far, leads_to, opened=beyond)
        visit = _open(client, address, came_from=came_from)
        visits.append(visit)
        unmet.discard(visit.door)
        if visit.status != 200 or visit.kind != "text/html":
            continue
        for link in links_of(visit.text, at=visit.address):
            door, asks = door_of(link), bool(urlsplit(link).query)
            leads_to.setdefault(visit.door, set()).add(door)
            if link in seen or link.startswith(NO_PAGES):
                continue
            seen.add(link)
            opened[door, asks] += 1
            if opened[door, asks] <= (queries if asks else rows):
                near.append((link, visit.address))
            elif not asks:  # questions have no end: each month leads to the next
                far.setdefault(door, []).append((link, visit.address))
    return visits


def _most_promising(
    far: dict[str, list[tuple[str, str]]], leads_to: Mapping[str, set[str]], *, opened: Counter[str]
) -> tuple[str, str]:
    """A further row of a kind of page that led to many doors, and was not opened often on this account."""
    everywhere = leads_to.get(door_of(HOME), set())
    door = max(far, key=lambda each: (1 + len(leads_to.get(each, set()) - everywhere)) / (1 + opened[each]))
    opened[door] += 1
    found = far[door].pop(0)
    if not far[door]:
        del far[door]
    return found


def _open(client: Client, address: str, *, came_from: str) -> Visit:
    answer = client.get(address, follow=True)
    body = b"".join(answer) if answer.streaming else answer.content
    return Visit(
        door=door_of(address),
        address=address,
        status=answer.status_code,
        kind=answer.headers.get("Content-Type", "").partition(";")[0],
        text=body.decode(errors="replace"),
        came_from=came_from,
    )

"""Lay a page of ours out as a tagged PDF, fetching nothing; a machine that cannot do it says what lacks."""

import importlib
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders

STYLE = "prrt/paper.css"
# What lays the text out: the packages of Debian and its kin.
PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
_ACCESSIBLE = "pdf/ua-1"


class NoPdf(Exception):
    """This machine cannot make a PDF."""

    def __init__(self) -> None:
        super().__init__(f"PDF files cannot be made here: install {PACKAGES}.")


def pdf_of(html: str) -> bytes:
    """The page as PDF, laid out by our own style sheet alone. Raises NoPdf."""
    weasyprint, refuse = _layout()
    style = weasyprint.CSS(string=_style(), url_fetcher=refuse)
    page = weasyprint.HTML(string=html, url_fetcher=refuse)
    made: bytes = page.write_pdf(stylesheets=[style], pdf_variant=_ACCESSIBLE)
    return made


@cache
def _style() -> str:
    """Our style sheet from its file: the one thing beside the page that is read."""
    found = finders.find(STYLE)
    assert isinstance(found, str)
    return Path(found).read_text(encoding="utf-8")


def _layout() -> tuple[Any, Any]:
    """The library and the fetcher that refuses everything. Loaded on demand: it needs system packages.

    Raises NoPdf.
    """
    try:
        weasyprint = importlib.import_module("weasyprint")
        urls = importlib.import_module("weasyprint.urls")
    except (ImportError, OSError) as error:
        raise NoPdf from error
    return weasyprint, type("RefuseAll", (urls.URLFetcher,), {"fetch": _refused})()


def _refused(_fetcher: object, _url: str, _headers: object = None) -> Any:
    """Opens no address, whatever a page names."""
    raise ValueError("a paper holds everything it needs; nothing is fetched")

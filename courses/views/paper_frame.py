"""What every paper shares: the same page as HTML to print from the browser, or as PDF."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from courses.pdf import PACKAGES, NoPdf, pdf_of
from courses.views.frame import render_page


def paper_response(
    request: HttpRequest, template: str, context: dict[str, Any], *, as_pdf: bool, file_name: str
) -> HttpResponse:
    """The paper; where no PDF can be made, a page that names what lacks and leads to the HTML."""
    html = render_to_string(template, {**context, "as_pdf": as_pdf}, request=request)
    if not as_pdf:
        return HttpResponse(html)
    try:
        body = pdf_of(html)
    except NoPdf:
        lacking = {
            "title": "No PDF here",
            "packages": PACKAGES,
            "page_url": context["page_url"],
            "back_url": context["back_url"],
        }
        return render_page(request, "courses/paper/no_pdf.html", lacking, status=503)
    # No name of a patient in what a download folder or a browser's history shows.
    disposition = f'inline; filename="{file_name}.pdf"'
    return HttpResponse(body, content_type="application/pdf", headers={"Content-Disposition": disposition})

"""The report as HTML: one file that needs no other."""

from __future__ import annotations

from importlib.resources import files

from markupsafe import Markup

from service.pages.rendering import environment
from service.report.context import ReportContext, report_context
from studies.storage.port import StudyStore

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What the file allows itself, wherever it is opened: its own styles. No script, no request, no form."""

_STYLES = ("base.css", "report.css")


def report_page(store: StudyStore, study_id: str, now: float, version: str) -> str:
    """Return a study's report; arguments and errors as those of `report_context`."""
    return render(report_context(store, study_id, now, version))


def render(context: ReportContext) -> str:
    template = environment().get_template("report/report.html")
    return template.render(page=context, policy=POLICY, styles=_styles())


def _styles() -> Markup:
    """Return the style sheets of ours that a report is set in; they name no file."""
    folder = files("service") / "static" / "css"
    return Markup("\n".join((folder / name).read_text() for name in _STYLES))  # noqa: S704 - files of ours

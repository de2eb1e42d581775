"""The report of a snapshot as a file, and the record that it was taken."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.utils.translation import override
from reportlab.graphics import renderSVG

from readerstudy.accounts.models import User
from readerstudy.analysis.models import Snapshot, UnblindingEvent
from readerstudy.analysis.report import as_pdf, report_blocks
from readerstudy.analysis.report.blocks import Block, Facts, Figure, Heading, Table
from readerstudy.analysis.report.fonts import BOLD, PLAIN, register_fonts
from readerstudy.analysis.selectors import protocol_of
from readerstudy.analysis.services.locking import note_unblinding
from readerstudy.core.audit import record

DEMONSTRATION = "Demonstration data: simulated, not from patients."


def _foot(snapshot: Snapshot) -> str:
    parts = [
        snapshot.study.slug,
        f"snapshot {snapshot.number}",
        f"data {snapshot.data_hash[:12]}",
        f"protocol {snapshot.protocol_digest[:12]}",
        f"code {snapshot.code_version}",
    ]
    if snapshot.study.is_demonstration:
        parts.append("demonstration data")
    return " · ".join(parts)


def _drawn(drawing: Any, number: int) -> str:
    """A figure as an SVG element, in the fonts of the page."""
    register_fonts()
    svg: str = renderSVG.drawToString(drawing)
    svg = svg[svg.index("<svg") :]
    # Every drawing names its clipping path alike; in one page the first would cut all others.
    svg = svg.replace('id="clip"', f'id="clip-{number}"').replace("url(#clip)", f"url(#clip-{number})")
    svg = svg.replace('id="group"', f'id="group-{number}"')
    page = "system-ui, sans-serif"
    return svg.replace(f"font-family: {BOLD}", f"font-weight: 600; font-family: {page}").replace(
        f"font-family: {PLAIN}", f"font-family: {page}"
    )


def _shown(block: object, number: int) -> dict[str, object]:
    """A block as plain values for the HTML template."""
    match block:
        case Heading(text, level):
            return {"kind": "heading", "text": text, "level": level}
        case Facts(rows):
            return {"kind": "facts", "rows": rows}
        case Table():
            return {
                "kind": "table",
                "heads": block.heads,
                "rows": block.rows,
                "caption": block.caption,
                "numbers_from": block.numbers_from,
            }
        case Figure(drawing, caption):
            svg = _drawn(drawing, number)
            # The drawing is made of our own shapes and the snapshot's numbers; texts in it are escaped.
            return {"kind": "figure", "svg": mark_safe(svg), "caption": caption}  # noqa: S308
        case _:
            return {"kind": "paragraph", "text": block.text}  # type: ignore[attr-defined]


def _blocks(snapshot: Snapshot) -> list[Block]:
    """Return the report in English, the language of its check lists, whatever the page's language is."""
    document = protocol_of(snapshot.study).document
    with override("en"):
        return report_blocks(snapshot=snapshot, document=document, title=snapshot.study.title)


def html_context(snapshot: Snapshot) -> dict[str, object]:
    """Return what the HTML report shows: the same blocks as the PDF."""
    blocks = _blocks(snapshot)
    return {
        "title": snapshot.study.title,
        "blocks": [_shown(block, number) for number, block in enumerate(blocks)],
        "foot": _foot(snapshot),
        "demonstration": DEMONSTRATION if snapshot.study.is_demonstration else "",
        "snapshot": snapshot,
    }


def as_html(snapshot: Snapshot) -> str:
    """Return the report as one HTML file that needs nothing beside it."""
    return render_to_string("analysis/report_file.html", html_context(snapshot))


def report_pdf(snapshot: Snapshot) -> bytes:
    """Return the report as PDF."""
    blocks = _blocks(snapshot)
    finished = snapshot.finished_at.date().isoformat() if snapshot.finished_at else ""
    return as_pdf(
        blocks,
        title=snapshot.study.title,
        subtitle=f"Report of snapshot {snapshot.number}, computed {finished}",
        foot=_foot(snapshot),
        demonstration=DEMONSTRATION if snapshot.study.is_demonstration else "",
    )


@transaction.atomic
def note_report(*, snapshot: Snapshot, actor: User | None, at: datetime, form: str) -> None:
    """Record that the report was taken."""
    record(
        event="analysis.report.written",
        at=at,
        actor=actor,
        study_id=snapshot.study.public_id,
        subject_type="snapshot",
        subject_id=snapshot.public_id,
        snapshot=snapshot.number,
        form=form,
    )
    if actor is not None:
        note_unblinding(study=snapshot.study, actor=actor, act=UnblindingEvent.Act.REPORT, at=at, detail=form)

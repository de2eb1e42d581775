"""The protocol as a blinded page needs it, in the page's language."""

from functools import cache
from typing import Any

from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.translation import get_language

from readerstudy.studies.protocols.document import ProtocolDocument, Text


def language() -> str:
    return get_language() or "en"


def words(text: Text | None) -> str:
    return text.in_language(language()) if text is not None else ""


@cache
def atlas_picture(name: str) -> str:
    """Return the address of a grade's picture, or "" where the atlas has none of that name."""
    # Bone shows best on CT; the scale is the same for every modality.
    path = f"img/atlas/ct/{name}.png"
    return static(path) if name and finders.find(path) else ""


def protocol_words(document: ProtocolDocument) -> dict[str, Any]:
    """Return the protocol as the grading panel needs it, in the page's language."""
    return {
        "sided": document.is_sided,
        "structures": [
            {"id": each.id, "label": words(each.label), "group": each.group, "side": each.side}
            for each in document.structures
        ],
        "levels": [
            {"id": group, "label": words(label), "structures": [member.id for member in members]}
            for group, label, members in document.groups()
        ],
        "findings": [
            {
                "id": each.id,
                "label": words(each.label),
                "short": words(each.short),
                "definition": words(each.definition),
                "kind": each.kind,
                "typed": list(each.typed),
                "minimum": each.minimum,
                "maximum": each.maximum,
                "unit": each.unit,
                "at": list(each.at),
                "measure": each.measure,
                "scale": [
                    {
                        "value": grade.value,
                        "label": words(grade.label),
                        "hint": words(grade.hint),
                        "picture": atlas_picture(grade.picture),
                    }
                    for grade in each.scale
                ],
            }
            for each in document.findings
        ],
        "derived": [
            {
                "id": each.id,
                "label": words(each.label),
                "implies": {name: list(implied) for name, implied in each.implies.items()},
            }
            for each in document.derived
        ],
        "not_assessable_reasons": [
            {"id": name, "label": words(label)} for name, label in document.not_assessable_reasons
        ],
        "adjudication_reasons": [
            {"id": name, "label": words(label)} for name, label in document.adjudication_reasons
        ],
        "mark_kinds": [
            {
                "id": each.id,
                "label": words(each.label),
                "shape": each.shape,
                "has_confidence": each.has_confidence,
                "classes": [{"id": name, "label": words(label)} for name, label in each.classes],
            }
            for each in document.marks
        ],
        "case_questions": [
            {
                "id": each.id,
                "label": words(each.label),
                "kind": each.kind,
                "required": each.required,
                "options": [{"id": name, "label": words(label)} for name, label in each.options],
            }
            for each in document.case_questions
        ],
    }


def display_words(document: ProtocolDocument) -> dict[str, Any]:
    """Return what of the viewer's page the protocol alone decides."""
    display = document.display
    return {
        "sided": document.is_sided,
        "hanging": [
            {
                "name": each["name"],
                "label": _label(each.get("label", each["name"])),
                "viewports": each["viewports"],
            }
            for each in display["hanging"]
        ],
        "presets": {
            modality: [{**preset, "name": _label(preset["name"])} for preset in presets]
            for modality, presets in display.get("presets", {}).items()
        },
        "structures": [
            {"id": each.id, "label": words(each.label), "group": words(each.group_label), "side": each.side}
            for each in document.structures
        ],
        "mark_kinds": [
            {
                "id": each.id,
                "shape": each.shape,
                "classes": [{"id": name, "label": words(label)} for name, label in each.classes],
            }
            for each in document.marks
        ],
    }


def _label(given: Any) -> str:
    if isinstance(given, str):
        return given
    return given.get(language()) or given["en"]

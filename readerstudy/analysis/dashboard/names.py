"""Names of findings and subgroups in the page's language."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from readerstudy.studies.protocols.document import ProtocolDocument

HEADLINE = ("sensitivity", "specificity", "auc")


def language() -> str:
    return get_language() or "en"


def finding_names(document: ProtocolDocument) -> dict[str, str]:
    """Return the label of each finding in the page's language."""
    return {finding.id: finding.label.in_language(language()) for finding in document.findings}


def structure_names(document: ProtocolDocument) -> dict[str, str]:
    """Return the label of each structure in the page's language."""
    return {each.id: each.label.in_language(language()) for each in document.structures}


def people_rows(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return readers, then the model."""
    rows = list(figures["readers"])
    if figures["model"]:
        rows.append(figures["model"])
    return rows


def subgroup_label(row: Mapping[str, Any], document: ProtocolDocument) -> str:
    """Name a subgroup in the page's language."""
    if row["kind"] == "centre":
        return _("Centre %(name)s") % {"name": row["name"]}
    if row["kind"] == "side":
        return {"right": _("Right"), "left": _("Left")}.get(row["name"], row["name"])
    levels = {each.group: each.group_label.in_language(language()) for each in document.structures}
    return levels.get(row["name"], row["name"])
